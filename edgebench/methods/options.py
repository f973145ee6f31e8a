"""Which options a fine-tuning strategy has. Imports no torch: claim files are checked with this."""

from __future__ import annotations

from edgebench.claim.settings import LatencySettings, MethodSettings, TrainSettings
from edgebench.errors import SettingsError

_BLOCKWISE = ("blocks", "patches", "main", "substitute", "frozen_bits")
_OPTIONS: dict[str, tuple[str, ...]] = {
    "mobiletl": (*_BLOCKWISE, "norms"),
    "ft-blocks": _BLOCKWISE,
    "ft-all": (),
    "ft-last": ("frozen_bits",),
    "ft-bn": ("frozen_bits",),
    "ft-bias": ("frozen_bits",),
    "tinytl-b": ("frozen_bits",),
    "tinytl-l": ("frozen_bits",),
    "tinytl-l-b": ("frozen_bits",),
}

# Those whose networks are made of ordinary layers.
_QUANTISABLE = ("ft-all", "ft-blocks", "ft-last", "ft-bn", "ft-bias", "tinytl-b")


def check(settings: MethodSettings) -> None:
    """Accept the settings of a strategy or say what is wrong.

    Raises:
        SettingsError: an option that this strategy does not have, one that it lacks, or two that exclude each
            other.
    """
    accepted = _OPTIONS[settings.name]
    given = settings.model_dump(exclude={"name"}, exclude_none=True)
    for option in given:
        if option not in accepted:
            raise SettingsError(
                f"method '{settings.name}' has no option '{option}'",
                expected=f"one of {', '.join(accepted)}" if accepted else "no options",
            )
    if settings.name == "ft-blocks" and settings.blocks is None:
        raise SettingsError("method 'ft-blocks' lacks 'blocks'", expected="how many blocks train")
    for option in ("patches", "frozen_bits"):
        # MobileTL without a number of blocks converts all of them and freezes nothing.
        if given.get(option) and "blocks" in accepted and settings.blocks is None:
            raise SettingsError(
                f"method '{settings.name}' has option '{option}' without 'blocks'",
                expected="how many blocks train, so that the others are frozen",
            )
    if settings.main is not None and not settings.patches:
        raise SettingsError(
            "option 'main' freezes the blocks beside patches, and there are none", expected="patches: true"
        )
    if settings.main is not None and settings.norms is not None:
        raise SettingsError(
            "option 'norms' says which normalisations of the blocks train, and option 'main' freezes them",
            expected="one of the two",
        )


def check_quantisable(settings: MethodSettings) -> None:
    """Accept a strategy whose networks can be quantised to int8, or say that they cannot.

    Raises:
        SettingsError: they have layers without integer arithmetic: signed activations, or group normalisations.
    """
    if settings.name not in _QUANTISABLE or settings.patches:
        patched = " with patches" if settings.patches else ""
        raise SettingsError(
            f"networks of method '{settings.name}'{patched} cannot be quantised",
            expected=f"no method, or one of {', '.join(_QUANTISABLE)} without patches",
        )


def check_together(settings: TrainSettings | LatencySettings) -> None:
    """Accept settings of a training, or of its timed steps, that go together, or say which two do not.

    Raises:
        SettingsError: NetAug, DropBlock or a teacher beside something that they cannot be combined with.
    """
    for one, others in _APART.items():
        for other in others:
            if getattr(settings, one, None) is not None and getattr(settings, other, None) is not None:
                raise SettingsError(
                    f"'{one}' beside '{other}'", expected="one of the two", hint=_WHY_APART.get((one, other))
                )


_APART = {
    "netaug": ("method", "start", "dropblock"),
    "dropblock": ("method",),
    "distill": ("method", "start"),
}
_WHY_APART = {
    ("netaug", "start"): "NetAug sorts channels of fresh weights; give `netaug` to the pretraining instead",
    ("distill", "start"): "a teacher is for training from scratch; give `distill` to the pretraining instead",
}

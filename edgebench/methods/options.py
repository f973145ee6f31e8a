"""Which options a fine-tuning strategy has. Imports no torch: claim files are checked with this."""

from __future__ import annotations

from edgebench.claim.settings import (
    LatencySettings,
    MethodSettings,
    ModelSettings,
    PretrainSettings,
    TrainSettings,
)
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


def check_together(
    settings: TrainSettings | LatencySettings | PretrainSettings, model: ModelSettings
) -> None:
    """Accept settings of a training, or of its timed steps, that go together, or say which two do not.

    Args:
        settings: of a training, a pretraining or timed steps.
        model: the network that they train.

    Raises:
        SettingsError: two that cannot be combined, or one that the network has no use for.
    """
    given = {name for name in type(settings).model_fields if getattr(settings, name) is not None}
    for one, others in _APART.items():
        for other in others:
            if {one, other} <= given:
                raise SettingsError(
                    f"'{one}' beside '{other}'", expected="one of the two", hint=_WHY_APART.get((one, other))
                )
    if "second_input" in given and (model.name not in _TWO_PATHS or model.paths == 1):
        raise SettingsError(
            f"'second_input' for the model '{model.name}' of one input",
            expected=f"one of {', '.join(_TWO_PATHS)}, with two paths",
        )
    if (second := getattr(settings, "second_input", None)) is not None:
        for name in ("mixup", "cutmix"):
            if getattr(second, name) is not None:
                raise SettingsError(
                    f"'second_input' mixes images by '{name}'",
                    expected="transformations of one image",
                    hint=f"labels are those of both inputs: '{name}' in 'augment' mixes both in the same way",
                )
    if model.name == "dual-input" and model.paths != 1:
        for name in ("netaug", "distill", "quantise"):
            if name in given:
                raise SettingsError(
                    f"'{name}' for the model 'dual-input' of two outputs", expected="a network of one output"
                )
        if isinstance(settings, LatencySettings):
            raise SettingsError(
                "the model 'dual-input' has two outputs, whose training steps are not timed",
                expected="a network of one output, such as dual-path",
            )


def submodels_of(model: ModelSettings) -> ModelSettings:
    """The paths of dual-path as a network of their own, which is trained first."""
    return model.model_copy(update={"name": "dual-input", "dropout": None})


def check_submodels(settings: PretrainSettings, model: ModelSettings) -> None:
    """Accept a pretraining of a network's submodels, or say that it has none, or that these are none.

    Raises:
        SettingsError: the network is not merged from submodels.
    """
    if settings.submodels and model.name != "dual-path":
        raise SettingsError(
            f"'submodels' of the model '{model.name}'", expected="dual-path, which is merged from its paths"
        )


_TWO_PATHS = ("dual-input", "dual-path")
_APART = {
    "netaug": ("method", "start", "dropblock", "stop", "then", "unfrozen", "second_input"),
    "dropblock": ("method",),
    "distill": ("method", "start", "second_input"),
    "method": ("then", "unfrozen", "second_input"),
    "hooks": ("method", "netaug"),
    "measure": ("method", "quantise"),
}
_EPOCHS = "NetAug's two halves are those of all epochs"
_WHY_APART = {
    ("netaug", "start"): "NetAug sorts channels of fresh weights; give `netaug` to the pretraining instead",
    ("netaug", "stop"): _EPOCHS,
    ("netaug", "then"): _EPOCHS,
    ("distill", "start"): "a teacher is for training from scratch; give `distill` to the pretraining instead",
    ("distill", "second_input"): "a teacher has one input",
    ("method", "then"): "a fine-tuning strategy says itself what trains",
    ("method", "unfrozen"): "a fine-tuning strategy says itself what trains",
}

"""Cross-validated arms: one arm for each of their folds, and how effects read them together.

An arm whose data have `folds` but no `fold` is cross-validated: at each seed it is trained once for every fold, on the
others, and tested on that one. `arm.top1` is then the mean over the folds, and `arm.folds.top1` their values, one
after the other, of which effects take the smallest, the largest or the mean.
"""

from __future__ import annotations

from collections.abc import Mapping

from edgebench.claim.settings import DataSettings, PretrainSettings, Settings, TrainSettings
from edgebench.errors import SettingsError

PREFIX = "folds."


def is_folds(name: str) -> bool:
    """Whether what an effect reads is a metric of each fold, and not one number."""
    return name.startswith(PREFIX)


def metric_of(name: str) -> str:
    """The metric that an effect reads, of an arm or of each of its folds."""
    return name.removeprefix(PREFIX)


def in_folds(arms: Mapping[str, Settings]) -> tuple[dict[str, Settings], dict[str, tuple[str, ...]]]:
    """Put the folds of a cross-validated arm in its place.

    Returns:
        The arms that are trained, `arm/1`, `arm/2` and so on for the folds, as no arm of a claim file can be called;
        and the names of these by the arm's.
    """
    trained: dict[str, Settings] = {}
    folds: dict[str, tuple[str, ...]] = {}
    for arm, settings in arms.items():
        if not isinstance(settings, TrainSettings) or not settings.data.folds or settings.data.fold:
            trained[arm] = settings
            continue
        numbers = range(1, settings.data.folds + 1)
        folds[arm] = tuple(f"{arm}/{number}" for number in numbers)
        for name, number in zip(folds[arm], numbers, strict=True):
            data = settings.data.model_copy(update={"fold": number})
            trained[name] = settings.model_copy(update={"data": data})
    return trained, folds


def check_pretraining(pretrain: PretrainSettings, data: DataSettings | None) -> None:
    """Refuse a pretraining that has no data or folds of its own, or has seen images that it is to be held against.

    Those are the images of the fold that is tested, and those that a seed validates on, by which a training may stop.

    Args:
        data: of the training that starts from it; None for a detector's, which are scenes.

    Raises:
        SettingsError: says which of them.
    """
    own = pretrain.data
    if own is None and data is None:
        raise SettingsError(
            "the pretraining of a detector's backbone leaves its data open, and scenes have no classes",
            expected="a dataset of its own",
            hint="such as 'data: digits'",
        )
    if own is not None and own.folds:
        raise SettingsError(
            "the data of a pretraining have no folds of their own",
            hint="leave 'data' out of it: it is then trained on the folds on which the training is",
        )
    if data is None:
        return
    if not data.folds:
        if own is None and pretrain.seeds is None:
            raise SettingsError(
                "one pretraining for all seeds trains on images that other seeds validate on, as each seed has another "
                "split",
                expected="one for each seed",
                hint="give it 'seeds: own'",
            )
        return
    if own is not None and own.name == data.name and _overlap(own.classes, data.classes):
        raise SettingsError(
            f"the pretraining on '{own.name}' sees the images of the fold that is tested",
            hint="leave 'data' out of it: it is then trained on the folds on which the training is",
        )
    if own is None and pretrain.seeds is None:
        raise SettingsError(
            "one pretraining for all seeds sees the images that are tested, as each seed has other folds",
            expected="one for each seed",
            hint="give it 'seeds: own'",
        )


def _overlap(one: tuple[int, ...] | None, other: tuple[int, ...] | None) -> bool:
    return one is None or other is None or bool(set(one) & set(other))

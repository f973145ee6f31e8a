"""What a trial will cost, from the time that others took: told from the store, never guessed.

Times are of trials that shared the machine with as many others as that run had workers, usually one to a core. That is
how they will run again; a trial alone is somewhat quicker.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal, Protocol

from edgebench.errors import StoreError
from edgebench.run.trial import Trial

# A forward pass, next to a forward and backward pass of the same image.
_EVALUATION = 1 / 3

# An operation of RandAugment or AutoAugment, likewise. Measured in turn with the plain step, on one thread: 0.04 to
# 0.06 for the mobile networks that train here, at 32 and 64 px (mobilenet-v1 0.25, mbv2-w0.35); 0.14 to 0.24 for
# micronet at 8 px, where a batch is hardly more than the calls' overhead. Mixing takes 0.01 to 0.05 and is not counted.
_OPERATION = 0.05
_OPERATION_OF = {"micronet": 0.18}

CostSource = Literal["timed", "similar", "recorded"]


class Timings(Protocol):
    """The part of the store that is read here."""

    def timings(self, identity: str) -> list[tuple[str, float]]: ...


@dataclass(frozen=True)
class Cost:
    """Expected wall-clock seconds of a trial in its process, and where they come from.

    Attributes:
        source: `timed` on this machine with the same settings at other seeds; `similar`, timed here with the same model
            and data and scaled by the images seen; `recorded` in the claim's baseline, maybe on another machine.
    """

    seconds: float
    source: CostSource


class Costs:
    """Expected costs of trials on one machine.

    Args:
        store: where timings are read from, once and when first needed; None for no store.
        identity: key of the machine's identity.

    Raises:
        StoreError: from `of`, when the store cannot be read.
    """

    def __init__(self, store: Timings | None, identity: str) -> None:
        self._store = store
        self._identity = identity
        self._stored: frozenset[str] | None = None
        self._seconds: dict[str, list[float]] = {}  # by settings
        self._alike: dict[str, dict[str, Any]] = {}  # what was timed: by what is comparable, then by text
        self._found: dict[str, Cost | None] = {}

    def add(self, trial: Trial, seconds: float) -> None:
        """Count what a finished trial took, as found by its hash or as it ends; used where the store has no timing.

        Stores of older versions keep records without settings, which only their hashes tell apart.
        """
        settings = _of_any_fold(trial.settings_json)
        if settings in self._read():
            return
        self._found.pop(settings, None)
        if (
            settings not in self._seconds
        ):  # others may be similar; what was found for them before is good enough
            self._found = {each: cost for each, cost in self._found.items() if cost is not None}
        self._count(settings, seconds)

    def of(self, trial: Trial, recorded: float | None = None) -> Cost | None:
        """The cost of a trial, None when nothing is known.

        Args:
            recorded: mean seconds of the trials that the claim's baseline rests on, the last resort.
        """
        settings = _of_any_fold(trial.settings_json)
        if settings not in self._found:
            self._found[settings] = self._from_timings(settings)
        found = self._found[settings]
        if found is None and recorded is not None:
            return Cost(recorded, "recorded")
        return found

    def _from_timings(self, settings: str) -> Cost | None:
        self._read()
        if settings in self._seconds:
            return Cost(median(self._seconds[settings]), "timed")
        wanted = json.loads(settings)
        near: dict[int, list[float]] = {}
        with _reading():
            for text, other in self._alike.get(_comparable(wanted) or "", {}).items():
                seconds = median(self._seconds[text]) * _work(wanted) / _work(other)
                near.setdefault(_differences(wanted, other), []).append(seconds)
        return Cost(median(near[min(near)]), "similar") if near else None

    def _count(self, settings: str, seconds: float) -> None:
        if settings not in self._seconds:
            parsed = json.loads(settings)
            if (key := _comparable(parsed)) is not None:
                self._alike.setdefault(key, {})[settings] = parsed
        self._seconds.setdefault(settings, []).append(seconds)

    def _read(self) -> frozenset[str]:
        """The settings of which the store has timings; the first call reads them."""
        if self._stored is None:
            with _reading():
                for settings, seconds in (
                    self._store.timings(self._identity) if self._store is not None else ()
                ):
                    self._count(_of_any_fold(settings), seconds)
            self._stored = frozenset(self._seconds)
        return self._stored


@contextmanager
def _reading() -> Iterator[None]:
    """Turns what damaged settings of a store make of their reader into a StoreError."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise StoreError(
            f"the settings of a timed trial cannot be read ({type(error).__name__}: {str(error)[:200]})",
            hint="use another file with --store",
        ) from None


def _of_any_fold(settings: str) -> str:
    """The settings without the number of a fold, with which no time changes."""
    if '"fold":' not in settings:
        return settings
    parsed = json.loads(settings)
    parsed["data"].pop("fold", None)
    return json.dumps(parsed, sort_keys=True, separators=(",", ":"))


def _comparable(settings: Mapping[str, Any]) -> str | None:
    """What two trials must have in common for one's time to tell the other's; None for those that tell nothing.

    A training is told by one of the same model on the same set at the same size. How many images there are is not known
    here: a part that is left to the default is comparable with itself alone. A property is told by its cases.

    A fine-tuning is told by one of the same strategy alone. Its step is another, and its augmentation decides whether
    frozen layers are passed once or in every epoch. Given weights may be read and fitted before the first step.

    A step of NetAug or with a teacher passes other networks too; for a tiny one NetAug's takes two to three times as
    long.
    """
    if "epochs" in settings:
        data, method = settings["data"], settings.get("method")
        part = [data.get("folds"), "train" in data, "val" in data]
        given = [data["name"], data.get("size"), data.get("classes"), *part]
        tuned = [
            settings.get("quantise"),
            "start" in settings,
            method,
            None if method is None else settings["augment"],
        ]
        netaug, distill = settings.get("netaug"), settings.get("distill")
        stepped = [netaug, None if distill is None else distill["teacher"]["model"]]
        own = [None if "train" in data else data.get("val"), *tuned, *stepped]
        return json.dumps([settings["model"], *given, *own])
    return json.dumps(settings["name"]) if "cases" in settings else None


def _work(settings: Mapping[str, Any]) -> float:
    """How much a trial does, in a unit that comparable ones share."""
    return _images_seen(settings) if "epochs" in settings else float(settings["cases"])


def _images_seen(settings: Mapping[str, Any]) -> float:
    """Images trained on, and evaluated at what that costs, over all stages' epochs and once more the training images.

    An image that is changed by random operations first counts as so much more of one.
    In images where their number is given, else in epochs. The test images, once and as many for both, are left out.
    """
    data = settings["data"]
    train = data.get("train", 1)
    val = data.get("val", 0) if "train" in data else 0
    trained = train * (1 + _operations(settings["augment"]) * _operation_cost(settings["model"]))
    epochs = settings["epochs"] + sum(stage["epochs"] for stage in settings.get("then", ()))
    return float(epochs * (trained + _EVALUATION * val) + _EVALUATION * train)


def _operations(augment: Mapping[str, Any]) -> int:
    """Random operations on each image; AutoAugment draws pairs."""
    if "randaugment" in augment:
        return int(augment["randaugment"]["ops"])
    return 2 if "autoaugment" in augment else 0


def _operation_cost(model: Mapping[str, Any]) -> float:
    return _OPERATION_OF.get(model["name"], _OPERATION)


def _differences(wanted: Mapping[str, Any], other: Mapping[str, Any]) -> int:
    """In how many settings, of those that cost little, the two differ."""
    keys = (wanted.keys() | other.keys()) - {"data", "epochs", "cases"}
    return sum(wanted.get(key) != other.get(key) for key in keys)

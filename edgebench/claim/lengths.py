"""How many epochs the curves of an arm have, and what an effect needs of them: told when a claim is read, not when its
trainings have ended."""

from __future__ import annotations

import ast

from edgebench.claim.claim import Tier
from edgebench.claim.expression import Expression, dotted
from edgebench.claim.settings import DetectSettings, Settings, StageSettings, TrainSettings

# Epochs without which a measure of a curve has no value.
_LEAST = {"roughness": 3, "late_slope": 4}
# Those that count a curve which never reaches a value with all its epochs.
_BOUNDED = ("epochs_to", "epochs_down_to")


def least_epochs(settings: TrainSettings | DetectSettings) -> int:
    """Epochs of a training of which each stage stops as early as it can: its first epoch is its best so far."""
    if isinstance(settings, DetectSettings):
        return settings.epochs
    stages: list[TrainSettings | StageSettings] = [settings, *(settings.then or ())]
    return sum(
        each.epochs if each.stop is None else min(each.epochs, each.stop.patience + 1) for each in stages
    )


def misread(value: Expression, tier: Tier) -> tuple[str, str | None] | None:
    """Why a curve that an effect reads at a tier may be too short for it, and what could be done; None when none is."""
    for call in ast.walk(value.tree):
        # The parser knows: a function's first argument is a curve where its name is one of these.
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and (of := dotted(call.args[0])):
            settings = tier.settings(of[0])
            found = _misread(call, call.func.id, settings)
            if found is not None:
                what, hint = found
                return f"'{ast.unparse(call)[:80]}', but {what} at tier {tier.name}", hint
    return None


def _misread(call: ast.Call, name: str, settings: Settings | None) -> tuple[str, str | None] | None:
    if not isinstance(settings, TrainSettings | DetectSettings):
        return None
    least, planned = least_epochs(settings), settings.planned_epochs
    if name in _BOUNDED and least < planned:
        what = (
            f"early stopping may end the training after {least} of {planned} epochs, which would be its count"
        )
        return what, "compare arms that train equally long, without 'stop'"
    needed = _LEAST.get(name, 0)
    if (
        name == "at"
        and isinstance(call.args[1], ast.Constant)
        and isinstance(call.args[1].value, int | float)
    ):
        needed = int(call.args[1].value)
    if needed > planned and name == "at":
        return f"the training has {planned} epochs", None
    if needed > least and least < planned:
        return (
            f"early stopping may end the training after {least} of {planned} epochs",
            "give it more patience",
        )
    return None

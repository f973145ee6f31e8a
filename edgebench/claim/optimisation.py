"""What an arm may configure of its optimisation: optimiser, learning rate, when to stop, and stages of a training.

Fields whose default is None are left out of a trial's hash while they are None.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from edgebench.claim.fields import Fraction, Positive, Strict, as_tuple, named


class OptimiserSettings(Strict):
    name: Literal["sgd", "adam", "adamw", "nadam"]
    lr: Annotated[float, Field(gt=0)]
    momentum: Fraction | None = Field(None, description="SGD only; 0 if not given")
    nesterov: bool | None = Field(None, description="SGD only")
    weight_decay: Annotated[float, Field(ge=0)] = Field(
        0.0, description="added to the gradient (coupled, L2); by `adamw` taken off the weights (decoupled)"
    )
    decay: Literal["weights"] | None = Field(
        None,
        description="what decays: `weights`, not biases and normalisations; every parameter if not given",
    )


class ScheduleSettings(Strict):
    """Learning rate per epoch: constant, half a cosine to zero, or steps."""

    name: Literal["constant", "cosine", "step"] = "constant"
    warmup: Annotated[int, Field(ge=0)] = Field(0, description="epochs of linear warm-up")
    every: Positive | None = Field(None, description="`step`: epochs between reductions")
    factor: Annotated[float, Field(gt=0, lt=1)] | None = Field(None, description="`step`: reduction")


Optimiser = Annotated[OptimiserSettings, BeforeValidator(named)]
Schedule = Annotated[ScheduleSettings, BeforeValidator(named)]


class StopSettings(Strict):
    """Early stopping: no more epochs once so many in a row have not improved on the best one."""

    patience: Positive = Field(description="epochs without a new best after which training stops")
    metric: Literal["val_loss", "val_top1"] = Field(
        "val_loss", description="what is to improve, on the validation images"
    )
    keep: Literal["best", "last"] = Field(
        "best", description="the epoch whose weights the training ends with"
    )


class PruneSettings(Strict):
    """Magnitude pruning: the smallest weights of all convolutions and linear layers are set to zero, and stay so."""

    parameters: Positive = Field(description="parameters that are left, with those that are never pruned")


class StageSettings(Strict):
    """A further stage of a training, from where the one before it ended; what is not given is as in that one."""

    epochs: Positive
    unfrozen: Positive | None = Field(
        None,
        description="only the last so many convolutions and linear layers train, with what follows them; all layers if "
        "not given",
    )
    optimiser: Optimiser | None = None
    schedule: Schedule | None = Field(None, description="over the epochs of this stage")
    stop: StopSettings | None = Field(None, description="early stopping of this stage; none if not given")
    prune: PruneSettings | None = Field(None, description="before this stage")


Stages = Annotated[
    tuple[StageSettings, ...],
    BeforeValidator(as_tuple, json_schema_input_type=list[StageSettings]),
    Field(min_length=1, max_length=20),
]

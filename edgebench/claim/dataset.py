"""What an arm may configure of its dataset: which, how much of it, and which part.

Fields whose default is None are left out of a trial's hash while they are None.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from edgebench.claim.fields import Positive, Strict, as_tuple

Label = Annotated[int, Field(ge=0, lt=1_000_000)]


def _distinct(labels: tuple[int, ...]) -> tuple[int, ...]:
    if len(labels) < 2 or list(labels) != sorted(set(labels)):
        raise ValueError("expected at least two class numbers, in rising order")
    return labels


class DataSettings(Strict):
    """A dataset by name, and how much of it."""

    name: str = Field(
        description="`digits`, `mnist`, `cifar10`, …, or `npz:PATH`, `folder:PATH`, `package:name`"
    )
    train: Positive | None = Field(None, description="training images to draw (all if not given)")
    val: Positive | None = Field(None, description="validation images held out (a tenth if not given)")
    size: Positive | None = Field(None, description="resize images to this many pixels a side")
    classes: Annotated[tuple[Label, ...], BeforeValidator(as_tuple), AfterValidator(_distinct)] | None = (
        Field(
            None,
            description="only the images of these classes (numbers in the dataset's order), renumbered from 0",
        )
    )
    folds: Annotated[int, Field(ge=2, le=20)] | None = Field(
        None,
        description="stratified cross-validation: one training for each of so many parts of the training images, which "
        "is then its test images",
    )
    fold: Positive | None = Field(None, description="only the training of this part, from 1 to `folds`")

    @model_validator(mode="after")
    def _fold(self) -> Self:
        if self.fold is not None and not self.folds:
            raise ValueError("a fold needs folds, the number of them")
        if self.fold is not None and self.folds and self.fold > self.folds:
            raise ValueError(f"fold {self.fold} of {self.folds} folds")
        return self

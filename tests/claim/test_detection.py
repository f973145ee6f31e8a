from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from edgebench.claim.loader import load_claim
from edgebench.claim.problems import ClaimFileError
from edgebench.claim.settings import DetectSettings
from edgebench.judge.effects import effect_values
from edgebench.run.record import Measured

BASE: dict[str, Any] = {
    "model": "micronet",
    "data": "shapes",
    "optimiser": {"name": "adamw", "lr": 0.01},
    "epochs": 3,
}
CLAIM = """\
claim: Mixup makes a tiny detector worse
where: Figure 5
kind: detect
settings: {model: micronet, data: {name: shapes-grey, size: 32}, optimiser: {name: adamw, lr: 0.01}, epochs: 3}
arms: {plain: {}, mixup: {augment: {mixup: {alpha: 1.5}}}}
tiers: {smoke: {floor: {ap50: 2}}}
effects:
  mixup: {value: plain.ap50 - mixup.ap50, expect: "> 0"}
  late: {value: last(mixup.curve.val_loss) - last(plain.curve.val_loss), expect: "> 0"}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / "claims" / "paper"
    folder.mkdir(parents=True)
    (folder / "paper.yaml").write_text("title: T\nauthors: [A]\nyear: 2022\nlink: x\n")
    return folder / "mixup.yaml"


def test_defaults() -> None:
    settings = DetectSettings.model_validate(BASE)
    assert (settings.head, settings.batch, settings.data.size) == (64, 32, 128)
    assert settings.augment.model_dump(exclude_none=True) == {"flip": False}
    mixed = DetectSettings.model_validate({**BASE, "augment": {"mixup": {}}})
    assert mixed.augment.mixup is not None
    assert mixed.augment.mixup.alpha == 1.5  # that of Zhang et al. 2019


@pytest.mark.parametrize(
    "change",
    [
        {"data": "cifar10"}, {"data": {"name": "shapes", "size": 8}}, {"data": {"name": "shapes", "classes": [0, 1]}},
        {"augment": {"crop": 4}}, {"augment": {"mixup": {"alpha": 0}}}, {"head": 0}, {"quantise": "int8"},
        {"method": "ft-all"}, {"start": {}}, {"precision": "bf16"},
    ],
)  # fmt: skip
def test_impossible_ones_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DetectSettings.model_validate(BASE | change)


def test_a_claim_of_this_kind(file: Path) -> None:
    file.write_text(CLAIM)
    claim = load_claim(file)
    (case,) = claim.cases
    assert claim.kind == "detect"
    assert not claim.exact
    tier = case.tiers["smoke"]
    assert isinstance(tier.arms["mixup"], DetectSettings)
    assert case.effects["mixup"].unit == "points"
    assert case.effects["late"].unit == ""


def test_a_diverged_arm_has_the_worst_values(file: Path) -> None:
    file.write_text(CLAIM)
    (case,) = load_claim(file).cases
    observed = {
        ("plain", 0): Measured({"ap50": 20.0}, {"val_loss": (4.0, 3.0, 2.0)}),
        ("mixup", 0): Measured({}, {"val_loss": (4.0,)}, diverged=True),
    }
    tier = case.tiers["smoke"]
    assert effect_values(case.effects["mixup"], tier, observed, (0,)) == [20.0]
    assert effect_values(case.effects["late"], tier, observed, (0,)) == [98.0]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("plain.ap50 - mixup.ap50", "plain.top1 - mixup.top1", "top1"),
        ("ap50: 2", "val_loss: 2", "'val_loss' is not one where more is better"),
        ('- mixup.ap50, expect: "> 0"', '- mixup.ap50, expect: "== 0"',
         "'==' cannot be expected of a trained quantity"),
        ("model: micronet,", "model: micronet, start: {weights: torchvision},", "micronet"),
        ("name: shapes-grey", "name: digits", "shapes"),
        ("model: micronet,", "model: micronet, start: {pretrain: {optimiser: {name: sgd, lr: 0.1}, epochs: 1}},",
         "pretraining of a detector's backbone leaves its data open.*such as 'data: digits'"),
    ],
)  # fmt: skip
def test_mistakes_are_found_when_the_file_is_read(file: Path, old: str, new: str, said: str) -> None:
    assert old in CLAIM
    file.write_text(CLAIM.replace(old, new))
    with pytest.raises(ClaimFileError, match=said):
        load_claim(file)

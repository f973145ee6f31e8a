"""Files of a network, against the numbers that have to be in them."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from edgebench.claim.settings import FileSettings, ModelSettings, OptimiserSettings
from edgebench.errors import EdgebenchError
from edgebench.measure.files import run_files
from edgebench.run.record import Measured
from edgebench.run.trial import Trial, resolve
from edgebench.run.worker import measure

pytest.importorskip("onnxruntime")

PARAMS = 14_862


def settings(name: str = "dual-path", optimiser: OptimiserSettings | None = None) -> FileSettings:
    return FileSettings(model=ModelSettings(name=name), input=(2, 1, 28, 28), classes=10, optimiser=optimiser)


@pytest.fixture(scope="module")
def found() -> dict[str, float]:
    return run_files(settings(), 0).metrics


def test_every_file_holds_its_numbers_and_little_else(found: dict[str, float]) -> None:
    assert found["params"] == PARAMS
    assert found["model_bytes"] == 4 * PARAMS
    for name in ("safetensors", "torch", "onnx"):
        assert 1 < found[f"bytes.{name}"] / (4 * PARAMS) < 1.15, name
    assert 1 < found["bytes.checkpoint"] / found["checkpoint_bytes"] < 1.15
    # A byte a weight; scales, zero points and twice the nodes take more than in a larger network.
    assert PARAMS < found["bytes.onnx_int8"] < 0.7 * found["bytes.onnx"]


def test_the_header_of_safetensors_is_all_that_is_added(found: dict[str, float]) -> None:
    # 16 tensors, each with its name, type, shape and place as text.
    assert 16 * 60 < found["bytes.safetensors"] - found["model_bytes"] < 16 * 120


@pytest.mark.parametrize(
    ("optimiser", "numbers", "scalars"),
    [
        (None, 3, 2),
        (OptimiserSettings(name="nadam", lr=0.1), 3, 2),
        (OptimiserSettings(name="adam", lr=0.1), 3, 1),
        (OptimiserSettings(name="sgd", lr=0.1, momentum=0.9), 2, 0),
        (OptimiserSettings(name="sgd", lr=0.1), 1, 0),
    ],
)
def test_a_checkpoint_holds_what_its_optimiser_keeps(
    optimiser: OptimiserSettings | None, numbers: int, scalars: int
) -> None:
    metrics = run_files(settings(optimiser=optimiser), 0).metrics
    assert metrics["checkpoint_bytes"] == 4 * (numbers * PARAMS + scalars * 16)
    assert metrics["bytes.checkpoint"] > metrics["checkpoint_bytes"]


def test_buffers_are_kept_and_a_batch_of_one_will_do() -> None:
    small = FileSettings(model=ModelSettings(name="micronet"), input=(1, 3, 8, 8), classes=10)
    metrics = run_files(small, 0).metrics
    assert metrics["model_bytes"] > 4 * metrics["params"]


def test_the_trial_is_the_same_every_time(found: dict[str, float]) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    trial = resolve("file", settings())
    assert measure((trial,)) == [Measured(found)]
    assert torch.equal(torch.get_rng_state(), before)
    assert trial.describe() == "file dual-path"


def test_other_libraries_make_another_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    known = resolve("file", settings()).hash
    monkeypatch.setattr("edgebench.run.trial.version", lambda package: "0")
    assert Trial("file", settings(), 0, None).hash != known


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input": (1, 28, 28)}, "input has 3 dimensions"),
        ({"model": ModelSettings(name="relu")}, "'relu' is a part of a network"),
        ({"optimiser": OptimiserSettings(name="adam", lr=0.1, momentum=0.9)}, "has no 'momentum'"),
        ({"input": (1, 1, 8, 8)}, "too small"),
    ],
)
def test_impossible_settings_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(EdgebenchError, match=message):
        run_files(settings().model_copy(update=changes), 0)


def test_a_claim_of_files_is_read_without_torch() -> None:
    code = "import sys; from edgebench.claim.metrics import packed;"
    code += "assert packed('file', [('a', 'params'), ('a', 'bytes.onnx')]) and not packed('file', [('a', 'params')]);"
    code += "print('torch' in sys.modules, 'onnx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import load as load_bytes
from safetensors.torch import save

from edgebench.claim.settings import ModelSettings
from edgebench.errors import DataError, ModelError, SettingsError
from edgebench.models import checkpoint, registry, weights
from edgebench.models.checkpoint import HALF, IMAGENET, Normalisation
from edgebench.models.mobile import MobileNet
from tests.faults.recording import Observed
from tests.models import pretrained

TINY = ModelSettings(name="mcunet-5fps")
MICRO = ModelSettings(name="micronet")
GREY = Normalisation((0.3,), (0.2,))


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEBENCH_DATA", str(tmp_path))
    monkeypatch.setenv("EDGEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path


def _micro(seed: int, classes: int = 10) -> torch.nn.Module:
    torch.manual_seed(seed)
    return registry.build(MICRO, in_channels=1, classes=classes)


def test_importing_needs_no_torch() -> None:
    code = (
        "import sys; from edgebench.models import checkpoint;"
        "print([m for m in ('torch', 'numpy', 'safetensors') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("mean", "std"), [((), ()), ((0.5,), (0.5, 0.5)), ((0.5,), (0.0,)), ((1e999,), (1.0,))]
)
def test_a_normalisation_is_checked(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    with pytest.raises(ValueError):
        Normalisation(mean, std)


def test_a_named_checkpoint_fills_all_but_the_classifier(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = registry.build(TINY, in_channels=3, classes=7)
    assert isinstance(model, MobileNet)
    tensors = pretrained.folded_tensors(model)
    path = pretrained.write(data / "weights" / "mcunet-5fps.safetensors", tensors, "mcunet-5fps")
    about = json.loads(path.with_suffix(".json").read_text())
    monkeypatch.setitem(weights.NAMED, "mcunet-5fps", about["sha256"])
    head = model.classifier.weight.clone()
    assert checkpoint.load("mcunet-5fps", model, TINY, torch.rand(4, 3, 64, 64)) == HALF
    assert torch.equal(model.classifier.weight, head)
    x = torch.rand(2, 3, 64, 64) * 2 - 1
    model.eval()
    ours = model.pool(model.blocks(model.stem(x))).flatten(1)
    assert torch.allclose(ours, pretrained.folded_features(model, tensors, x), atol=1e-4)


def test_a_file_given_by_its_path_is_read_by_its_format(data: Path) -> None:
    model = registry.build(TINY, in_channels=3, classes=7)
    assert isinstance(model, MobileNet)
    pretrained.write(data / "mine.safetensors", pretrained.folded_tensors(model), "mcunet-5fps")
    assert checkpoint.load("file:mine.safetensors", model, TINY, torch.rand(4, 3, 64, 64)) == HALF
    (data / "own.safetensors").write_bytes(checkpoint.save_state(_micro(0), GREY))
    assert checkpoint.load("file:own.safetensors", _micro(1), MICRO) == GREY
    (data / "mine.json").unlink()
    with pytest.raises(ModelError, match=r"not a checkpoint of model 'mcunet-5fps'.*format edgebench-1, or"):
        checkpoint.load("file:mine.safetensors", model, TINY)


def test_a_checkpoint_of_another_model_is_refused(data: Path) -> None:
    with pytest.raises(SettingsError, match=r"weights 'mcunet-5fps': they are not for model 'micronet'"):
        checkpoint.load("mcunet-5fps", _micro(0), MICRO)
    other = registry.build(ModelSettings(name="mbv2-w0.35"), in_channels=3, classes=7)
    assert isinstance(other, MobileNet)
    pretrained.write(data / "mine.safetensors", pretrained.folded_tensors(other), "mbv2-w0.35")
    model = registry.build(TINY, in_channels=3, classes=7)
    with pytest.raises(ModelError, match=r"not a checkpoint of model 'mcunet-5fps'"):
        checkpoint.load("file:mine.safetensors", model, TINY)
    grey = registry.build(ModelSettings(name="mbv2-w0.35"), in_channels=1, classes=7)
    with pytest.raises(
        ModelError, match=r"'first_conv.weight' is .*\[16, 3, 3, 3\]; expected .*\[16, 1, 3, 3\]"
    ):
        checkpoint.load("file:mine.safetensors", grey, ModelSettings(name="mbv2-w0.35"))


@pytest.mark.fault(
    "data",
    "a checkpoint changes",
    "a bit of its file flipped after its digest was accepted",
)
def test_a_changed_file_is_refused_even_after_its_digest_was_accepted(data: Path, observed: Observed) -> None:
    path = data / "own.safetensors"
    model = registry.build(TINY, in_channels=3, classes=7)
    assert isinstance(model, MobileNet)
    pretrained.write(path, pretrained.folded_tensors(model), "mcunet-5fps")
    checkpoint.digest("file:own.safetensors", TINY)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"the file's SHA-256 is .*by own.json") as refused:
        checkpoint.load("file:own.safetensors", model, TINY)
    observed(said=str(refused.value))


def test_a_state_is_restored_but_for_the_classifier() -> None:
    first = _micro(0)
    first(torch.randn(8, 1, 8, 8))  # moves the running statistics
    content = checkpoint.save_state(first, GREY)
    assert content == checkpoint.save_state(first.to(memory_format=torch.channels_last), GREY)  # type: ignore[call-overload]
    second = _micro(1, classes=4)
    head = {n: t.clone() for n, t in second.state_dict().items() if n.startswith("classifier.")}
    assert checkpoint.load_state(content, second) == GREY
    stored = first.state_dict()
    for name, tensor in second.state_dict().items():
        assert torch.equal(tensor, head.get(name, stored[name])), name
    assert set(load_bytes(content)) == set(stored)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "the format is 'not stated'; expected edgebench-1"),
        ({"format": "edgebench-2"}, "the format is 'edgebench-2'"),
        ({"format": "edgebench-1"}, "mean and std of the input are missing or unusable"),
        ({"format": "edgebench-1", "mean": "[0.5]", "std": "[0]"}, "missing or unusable"),
        ({"format": "edgebench-1", "mean": "[0.5", "std": "[1]"}, "missing or unusable"),
        ({"format": "edgebench-1", "mean": "3", "std": "[1]"}, "missing or unusable"),
        ({"format": "edgebench-1", "mean": f"[{'9' * 400}]", "std": "[1]"}, "missing or unusable"),
    ],
)
def test_a_state_without_its_metadata_is_refused(metadata: dict[str, str], message: str) -> None:
    content = save(_micro(0).state_dict(), metadata)
    with pytest.raises(DataError, match=message):
        checkpoint.load_state(content, _micro(1))


def test_a_state_of_another_model_is_refused() -> None:
    other = registry.build(ModelSettings(name="micro-resnet"), in_channels=1, classes=10)
    with pytest.raises(ModelError, match=r"stored weights: it lacks stem.conv.weight, .* more"):
        checkpoint.load_state(checkpoint.save_state(other, GREY), _micro(1))


@pytest.mark.parametrize(
    ("name", "dropout"), [("resnet18", None), ("resnet18", 0.2), ("mobilenet_v3_small", 0.1)]
)
def test_torchvisions_weights_fill_all_but_the_last_layer(
    data: Path, monkeypatch: pytest.MonkeyPatch, name: str, dropout: float | None
) -> None:
    torch.manual_seed(0)
    published = torchvision.models.get_model(name, weights=None)
    state = {n: t for n, t in published.state_dict().items() if not n.endswith("num_batches_tracked")}
    folder = weights.torchvision_folder()
    folder.mkdir(parents=True)
    torch.save(state, folder / "new.pth")
    settings = ModelSettings(name=f"torchvision:{name}", dropout=dropout)
    digest = weights.content_digest(folder / "new.pth", (folder / "new.pth",))
    file = f"{name}-{digest[:8]}.pth"
    (folder / "new.pth").rename(folder / file)
    monkeypatch.setitem(weights.TORCHVISION_FILES, name, file)
    assert checkpoint.digest("torchvision", settings) == digest
    model = registry.build(settings, in_channels=3, classes=5)
    assert checkpoint.load("torchvision", model, settings) == IMAGENET
    own = model.state_dict()
    kept = [n for n, t in state.items() if n in own and t.shape == own[n].shape and torch.equal(t, own[n])]
    assert len(kept) == len(state) - 2
    grey = registry.build(settings, in_channels=1, classes=5)
    with pytest.raises(ModelError, match=r"of shape .*expected .*as in the model"):
        checkpoint.load("torchvision", grey, settings)

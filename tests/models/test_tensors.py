from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save
from torch import nn

from edgebench.claim.settings import ModelSettings
from edgebench.errors import DataError, ModelError
from edgebench.models import registry, tensors

GOOD = save({"a": torch.arange(6.0).reshape(2, 3), "b": torch.zeros((), dtype=torch.int64)}, {"k": "v"})


def test_reading_gives_tensors_and_metadata() -> None:
    read, metadata = tensors.read(GOOD, "here")
    assert torch.equal(read["a"], torch.arange(6.0).reshape(2, 3))
    assert metadata == {"k": "v"}


def test_metadata_that_is_null_is_none() -> None:
    header = b'{"__metadata__":null}   '
    assert tensors.read(len(header).to_bytes(8, "little") + header, "here") == ({}, {})


class _Malicious:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("unpickled",)


def _zipped() -> bytes:
    file = io.BytesIO()
    torch.save({"a": torch.zeros(2)}, file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps(_Malicious()), "here: this is a Python pickle, not safetensors"),
        (_zipped(), "here: this is a zip archive, as torch.save writes, not safetensors"),
        (b"", "something else, not safetensors"),
        (b"\x00" * 40, "something else, not safetensors"),
        (GOOD[:-1], "here: cannot be read .*; expected a whole .safetensors file"),
        (GOOD[:20], "cannot be read"),
        ((2**40).to_bytes(8, "little") + GOOD[8:], "cannot be read"),
        (GOOD.replace(b'"F32"', b'"F77"'), "cannot be read"),
        (GOOD + b"more", "cannot be read"),
    ],
)
def test_anything_else_is_refused_unread(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        tensors.read(content, "here")
    assert not os.path.exists("unpickled")


def test_what_is_written_is_read_back_and_is_the_same_in_every_process() -> None:
    code = (
        "import torch, hashlib; from edgebench.models.tensors import write;"
        "content = write({n: torch.arange(5.0) for n in 'abcde'}, {k: k for k in 'uvwxyz'});"
        "print(hashlib.sha256(content).hexdigest())"
    )
    run = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True) for _ in range(2)]
    content = tensors.write({n: torch.arange(5.0) for n in "abcde"}, {k: k for k in "uvwxyz"})
    assert run[0].stdout == run[1].stdout != ""
    read, metadata = tensors.read(content, "here")
    assert metadata == {k: k for k in "uvwxyz"}
    assert all(torch.equal(read[n], torch.arange(5.0)) for n in "abcde")


def test_channels_last_weights_are_written_whole() -> None:
    weight = torch.randn(4, 3, 5, 5).contiguous(memory_format=torch.channels_last)
    assert torch.equal(tensors.read(tensors.write({"w": weight}, {}), "here")[0]["w"], weight)


def test_pickled_tensors_are_read_and_nothing_else() -> None:
    assert torch.equal(tensors.read_pickled(_zipped(), "here")["a"], torch.zeros(2))
    other = io.BytesIO()
    torch.save({"a": torch.zeros(2), "epoch": 3}, other)
    malicious = io.BytesIO()
    torch.save(_Malicious(), malicious)
    for content, message in (
        (other.getvalue(), "something besides tensors"),
        (malicious.getvalue(), "cannot be read"),
        (_zipped()[:-30], "cannot be read"),
        (b"nonsense", "cannot be read"),
    ):
        with pytest.raises(DataError, match=message):
            tensors.read_pickled(content, "here")
    assert not os.path.exists("unpickled")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("micronet", "classifier"),
        ("mcunet", "classifier"),
        ("micro-resnet", "fc"),
        ("torchvision:resnet18", "fc"),
        ("torchvision:mobilenet_v2", "classifier.1"),
        ("torchvision:mobilenet_v3_small", "classifier.3"),
        ("torchvision:squeezenet1_1", "classifier.1"),
        ("torchvision:shufflenet_v2_x0_5", "fc"),
    ],
)
def test_the_classifier_is_the_last_layer_and_the_only_one_that_depends_on_the_classes(
    name: str, path: str
) -> None:
    with torch.device("meta"):
        few, many = (registry.build(ModelSettings(name=name), in_channels=3, classes=k) for k in (4, 7))
    assert tensors.classifier_path(few) == path
    rest = [{n: t.shape for n, t in tensors.without(m.state_dict(), path).items()} for m in (few, many)]
    assert rest[0] == rest[1]
    assert len(rest[0]) == len(few.state_dict()) - 2


def test_the_paths_of_dual_path_were_classifiers_too() -> None:
    """Each has an output for every class, so that the submodels can be trained by themselves before they are merged."""
    with torch.device("meta"):
        few, many = (
            registry.build(ModelSettings(name="dual-path"), in_channels=3, classes=k) for k in (4, 7)
        )
    assert tensors.classifier_path(few) == "classifier"
    shapes = [{name: each.shape for name, each in model.state_dict().items()} for model in (few, many)]
    differing = {name.rpartition(".")[0] for name in shapes[0] if shapes[0][name] != shapes[1][name]}
    assert differing == {"paths.0.last", "paths.1.last", "fusion", "classifier"}


def test_a_model_without_layers_has_no_classifier() -> None:
    with pytest.raises(ModelError, match="no layer that could be the classifier"):
        tensors.classifier_path(nn.ReLU())


def test_without_takes_the_module_alone() -> None:
    named = {n: torch.zeros(1) for n in ("fc.weight", "fc2.weight", "fc.1.bias", "a.fc.weight")}
    assert list(tensors.without(named, "fc")) == ["fc2.weight", "a.fc.weight"]


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"a": None}, ModelError, "here: it lacks a; expected the weights of this model"),
        ({"c": torch.zeros(1)}, ModelError, "it has, and the model has not, c"),
        ({f"c{i}": torch.zeros(1) for i in range(5)}, ModelError, "c0, c1, c2 and 2 more"),
        (
            {"a": torch.zeros(3, 2)},
            ModelError,
            r"'a' is torch.float32 of shape \[3, 2\]; expected .*\[2, 3\]",
        ),
        ({"a": torch.zeros(2, 3, dtype=torch.float16)}, ModelError, "'a' is torch.float16 .* torch.float32"),
        ({"b": torch.tensor([1.0, torch.nan])}, DataError, "'b' has values that are not finite"),
    ],
)
def test_tensors_that_do_not_fit_change_nothing(
    change: dict[str, torch.Tensor | None], kind: type[Exception], message: str
) -> None:
    target = {"a": torch.ones(2, 3), "b": torch.ones(2)}
    given = {"a": torch.zeros(2, 3), "b": torch.zeros(2), **change}
    with pytest.raises(kind, match=message):
        tensors.fill(target, {name: t for name, t in given.items() if t is not None}, "here")
    assert all(bool((t == 1).all()) for t in target.values())

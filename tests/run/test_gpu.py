"""What identifies a GPU; a script stands in for nvidia-smi."""

from __future__ import annotations

import json
import os
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from edgebench.errors import SettingsError
from edgebench.run import environment, gpu


class Smi:
    """A folder of programs, the only one on the path, with an nvidia-smi that says what a test wants."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def says(self, script: str) -> None:
        program = self.folder / "nvidia-smi"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def finds(self, *gpus: str) -> None:
        """GPUs by number, and whichever `--id` names."""
        cases = "".join(f"*--id={number}*) echo '{gpu}, 575.1';; " for number, gpu in enumerate(gpus))
        listed = "; ".join(f"echo '{gpu}, 575.1'" for gpu in gpus)
        self.says(f'case "$*" in {cases} *--id*) echo "No devices were found"; exit 6;; *) {listed};; esac')


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Smi:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(gpu, "_cuda_of_torch", lambda: "13.2")
    return Smi(tmp_path)


def test_the_first_gpu_and_the_libraries_identify_it(smi: Smi) -> None:
    smi.finds("Fast GPU", "Slow GPU")
    found = gpu.identity()
    assert json.loads(json.dumps(found)) == found
    assert {**found, "cudnn": ""} == {"gpu": "Fast GPU", "driver": "575.1", "cuda": "13.2", "cudnn": ""}


@pytest.mark.parametrize("visible", ["1", "1,0", " 1 "])
def test_the_first_gpu_is_the_first_that_may_be_used(
    smi: Smi, monkeypatch: pytest.MonkeyPatch, visible: str
) -> None:
    smi.finds("Fast GPU", "Slow GPU")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpu.identity()["gpu"] == "Slow GPU"


@pytest.mark.parametrize("visible", ["", "-1", "7"])
def test_hidden_gpus_are_none(smi: Smi, monkeypatch: pytest.MonkeyPatch, visible: str) -> None:
    smi.finds("Fast GPU")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with pytest.raises(SettingsError, match=r"hides every GPU|finds no GPU: No devices were found"):
        gpu.identity()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (None, "no NVIDIA driver is installed; expected nvidia-smi"),
        ("echo 'cannot communicate with the driver' >&2; exit 9", "finds no GPU: cannot communicate"),
        ("exit 0", "finds no GPU: it says nothing"),
        ("echo 'No devices were found'", "finds no GPU: No devices were found"),
        ("read never < /dev/zero", "gave no answer in 0.2 s"),
    ],
)
def test_no_gpu_is_an_error_that_says_why(
    smi: Smi, monkeypatch: pytest.MonkeyPatch, script: str | None, message: str
) -> None:
    if script is not None:
        smi.says(script)
    monkeypatch.setattr(gpu, "_TIMEOUT", 0.2 if "zero" in (script or "") else 20.0)
    with pytest.raises(SettingsError, match=message) as caught:
        gpu.identity()
    assert caught.value.hint
    assert "--device" in caught.value.hint


class Installed:
    """A torch whose version file says what a test wants."""

    def __init__(self, folder: Path, text: str | None) -> None:
        self.folder = folder
        if text is not None:
            (folder / "version.py").write_text(text)

    def locate_file(self, path: str) -> Path:
        return self.folder / os.path.basename(path)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("__version__ = '2.15.0+cu132'\ncuda: Optional[str] = '13.2'\nhip: Optional[str] = None\n", "13.2"),
        ("cuda = '11.8'\n", "11.8"),
        ("__version__ = '2.15.0+cpu'\ncuda: Optional[str] = None\n", None),
        ("cuda: Optional[str] = None\nhip: Optional[str] = '6.4'\n", None),
        (None, None),
    ],
)
def test_cuda_is_that_of_torch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None, version: str | None
) -> None:
    monkeypatch.setattr(metadata, "distribution", lambda name: Installed(tmp_path, text))
    if version is not None:
        assert gpu._cuda_of_torch() == version
    else:
        with pytest.raises(SettingsError, match="not built for CUDA"):
            gpu._cuda_of_torch()


def test_the_version_file_is_read_as_torch_reads_it() -> None:
    import torch

    if torch.version.cuda is None:
        with pytest.raises(SettingsError):
            gpu._cuda_of_torch()
    else:
        assert gpu._cuda_of_torch() == torch.version.cuda


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (["filelock", "nvidia-cudnn-cu13==9.26.0.51; platform_system == 'Linux'"], "9.26.0.51"),
        (["filelock"], "part of torch"),
        (None, "part of torch"),
    ],
)
def test_cudnn_is_the_package_that_torch_asked_for(
    monkeypatch: pytest.MonkeyPatch, asked: list[str] | None, expected: str
) -> None:
    def version(name: str) -> str:
        assert name == "nvidia-cudnn-cu13"
        return "9.26.0.51"

    monkeypatch.setattr(metadata, "requires", lambda name: asked)
    monkeypatch.setattr(metadata, "version", version)
    assert gpu._cudnn() == expected


def test_a_gpu_makes_another_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    names: Any = iter(["Fast GPU", "Slow GPU"])
    monkeypatch.setattr(gpu, "identity", lambda: {"gpu": next(names)})
    keys = [environment.identity_key(environment.identity())]
    for _ in range(2):
        environment.identity.cache_clear()
        found = environment.identity("cuda")
        assert found["device"] == "cuda"
        keys.append(environment.identity_key(found))
    environment.identity.cache_clear()
    assert len(set(keys)) == 3

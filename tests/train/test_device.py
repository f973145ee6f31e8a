"""What a process is set to before it trains."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import torch

from edgebench.errors import SettingsError
from edgebench.train.device import finish, ready


@pytest.fixture
def _precision() -> Iterator[None]:
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    yield
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


def test_the_cpu_is_deterministic_and_fills_nothing() -> None:
    assert ready("cpu") == torch.device("cpu")
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    finish(torch.device("cpu"))


def test_cuda_without_a_gpu_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError, match="finds no GPU that it can use; expected an NVIDIA GPU"):
        ready("cuda")


@pytest.mark.usefixtures("_precision")
def test_a_gpu_is_deterministic_in_full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """What can be seen without one: the settings, and that they are made before torch looks for the GPU."""
    for name in ("CUBLAS_WORKSPACE_CONFIG", "CUDA_DEVICE_ORDER"):
        monkeypatch.setenv(name, "before")  # so that it is put back
        monkeypatch.delenv(name)
    seen: list[str | None] = []
    monkeypatch.setattr(
        torch.cuda, "is_available", lambda: seen.append(os.environ.get("CUBLAS_WORKSPACE_CONFIG")) or True
    )
    torch.backends.cudnn.allow_tf32 = True
    assert ready("cuda") == torch.device("cuda")
    assert seen == [":4096:8"]
    assert os.environ["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.benchmark

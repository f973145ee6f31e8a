"""What a process is set to before it trains, so that a training is the same twice on one machine, bit for bit."""

from __future__ import annotations

import os

import torch

from edgebench.errors import SettingsError

# cuBLAS is deterministic only with work space of a fixed size; read when the first CUDA context is made.
_CUBLAS = ("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
# nvidia-smi, which names the GPU for a record's identity, counts GPUs in this order.
_ORDER = ("CUDA_DEVICE_ORDER", "PCI_BUS_ID")


def ready(device: str) -> torch.device:
    """Set this process up for training on `cpu` or `cuda`, and return that device.

    Deterministic algorithms on both; on a GPU float32 throughout, no TF32, because a claim's small effects are of the
    size of its errors; mixed precision only where a trial's `precision` asks for it. Call it before anything else uses
    CUDA.

    Raises:
        SettingsError: `cuda` where torch finds no GPU that it can use.
    """
    torch.use_deterministic_algorithms(True)
    # In deterministic mode torch fills every new tensor with NaN, a debugging aid that costs a training step a fifth of
    # its time; no operation used here reads memory that it has not written.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if device == "cpu":
        return torch.device("cpu")
    for name, value in (_CUBLAS, _ORDER):
        os.environ.setdefault(name, value)
    if not torch.cuda.is_available():
        raise SettingsError(
            f"torch {torch.__version__} finds no GPU that it can use",
            expected="an NVIDIA GPU with its driver, and a torch built for CUDA",
            hint="leave --device at cpu",
        )
    torch.backends.cudnn.benchmark = False  # its choice of algorithm depends on timings
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    return torch.device("cuda")


def finish(device: torch.device) -> None:
    """Wait until the device has done what it was given, as a clock that is read next expects."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)

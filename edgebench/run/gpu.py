"""Which GPU this machine trains on, found without torch, which takes seconds to import."""

from __future__ import annotations

import os
import re
import subprocess
from importlib import metadata
from pathlib import Path

from edgebench.errors import SettingsError

_SMI = ("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")
_TIMEOUT = 20.0  # seconds; the driver may have to wake the GPU first
_HINT = "leave --device at cpu, or run `nvidia-smi` to see what is wrong"


def identity() -> dict[str, str | int]:
    """Name and driver of the first GPU that this process may use, and the CUDA and cuDNN that torch brings.

    Raises:
        SettingsError: there is no GPU or no driver, or torch is not built for CUDA.
    """
    cuda = _cuda_of_torch()
    name, driver = _first_gpu()
    return {"gpu": name, "driver": driver, "cuda": cuda, "cudnn": _cudnn()}


def _first_gpu() -> tuple[str, str]:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    first = [] if visible is None else [f"--id={visible.split(',')[0].strip()}"]
    if first == ["--id="] or first == ["--id=-1"]:
        raise SettingsError(f"CUDA_VISIBLE_DEVICES is '{visible}', which hides every GPU", hint=_HINT)
    try:
        done = subprocess.run([*_SMI, *first], capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except FileNotFoundError:
        raise SettingsError("no NVIDIA driver is installed", expected="nvidia-smi", hint=_HINT) from None
    except subprocess.TimeoutExpired:
        raise SettingsError(f"nvidia-smi gave no answer in {_TIMEOUT:g} s", hint=_HINT) from None
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines or lines[0].count(",") != 1:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise SettingsError(
            f"nvidia-smi finds no GPU: {said[0] if said else 'it says nothing'}",
            expected="its name and driver version",
            hint=_HINT,
        )
    name, driver = lines[0].split(",")
    return name.strip(), driver.strip()


def _cuda_of_torch() -> str:
    """The CUDA version that torch was built for, from the file in which it says so."""
    try:
        said = Path(str(metadata.distribution("torch").locate_file("torch/version.py"))).read_text("utf-8")
    except (metadata.PackageNotFoundError, OSError):
        said = ""
    found = re.search(r"^cuda\b[^=]*=\s*'([^']+)'", said, re.MULTILINE)
    if found is None:
        raise SettingsError("the installed torch is not built for CUDA", hint="install one that is")
    return found[1]


def _cudnn() -> str:
    """The version of the cuDNN package that torch asked for; builds that contain cuDNN have none of their own."""
    try:
        asked = [re.split(r"[^\w-]", each)[0] for each in metadata.requires("torch") or ()]
        return next(metadata.version(name) for name in asked if name.startswith("nvidia-cudnn"))
    except (metadata.PackageNotFoundError, StopIteration):
        return "part of torch"

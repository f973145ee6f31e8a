"""What a trial ran on: the part that can change its numbers (identity), and the part that changes its speed (state)."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path

from edgebench import __version__
from edgebench.run import gpu

# x86 and Arm; an Arm chip has no model name, and is told by these alone.
_CHIP = ("cpu family", "model", "stepping", "CPU implementer", "CPU variant", "CPU part", "CPU revision")
_MISSING = "not installed"


@cache
def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return _MISSING


def _cpu_model() -> str:
    """The processor's name, with its family and stepping, which tell apart chips that share a name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    parts = [fields.get("model name", platform.machine())]
    parts += [f"{name} {fields[name]}" for name in _CHIP if name in fields]
    return ", ".join(parts)


@cache
def identity(device: str = "cpu") -> dict[str, str | int]:
    """What a record's reuse depends on: a record is served only under the identity it was made in.

    torch's version is read from its metadata, because importing torch takes seconds.

    Args:
        device: `cpu`, or `cuda` for the first GPU that this process may use.

    Raises:
        SettingsError: `cuda` where there is no GPU, driver or torch for it.
    """
    return {
        "device": device,
        "machine": platform.machine(),
        "processor": _cpu_model(),
        "torch": _version("torch"),
        "torchvision": _version("torchvision"),  # networks and transforms come from there
        "threads": 1,
        **(gpu.identity() if device == "cuda" else {}),
    }


def identity_key(identity: Mapping[str, str | int]) -> str:
    """A short digest of an identity, under which its records are stored."""
    return hashlib.sha256(json.dumps(dict(identity), sort_keys=True).encode()).hexdigest()[:16]


def matches(environment: Mapping[str, object], identity: Mapping[str, str | int]) -> bool:
    """Whether a stored environment has this identity: results must then be equal, not only similar."""
    return all(environment.get(key) == value for key, value in identity.items())


def state() -> dict[str, str | int | float]:
    """What may change from one run to the next on the same machine without changing a result."""
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else -1.0,
        "cores": os.cpu_count() or 1,
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "edgebench": __version__,
        "numpy": _version("numpy"),
    }


def versions() -> dict[str, str]:
    """Versions of the libraries that results come from, and of those that run them, where they are installed."""
    found = {
        name: _version(name)
        for name in ("numpy", "torch", "torchvision", "timm", "onnx", "onnxruntime", "ray")
    }
    return {name: version for name, version in found.items() if version != _MISSING}


def available_cores() -> int:
    """Cores this process may use (an affinity mask counts), at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1

"""What identifies a machine, and what does not."""

from __future__ import annotations

import json
import os
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from edgebench.run import environment

ARM = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: {part}\n\nprocessor\t: 1\n"
X86 = "processor\t: 0\nmodel name\t: Fast Chip\ncpu family\t: 6\nmodel\t: 85\nstepping\t: {part}\ncpu MHz\t: {speed}\n"


def test_identity_can_be_written_and_has_a_short_key() -> None:
    identity = environment.identity()
    assert json.loads(json.dumps(identity)) == identity
    assert identity["torch"] == metadata.version("torch")
    assert len(environment.identity_key(identity)) == 16


def cpu(monkeypatch: pytest.MonkeyPatch, text: str) -> str:
    monkeypatch.setattr(Path, "read_text", lambda *arguments, **options: text)
    return environment._cpu_model()


@pytest.mark.parametrize("kind", [ARM, X86])
def test_chips_are_told_apart_and_their_frequency_is_not(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    names = [
        cpu(monkeypatch, kind.format(part=part, speed=speed)) for part, speed in ((1, 9), (1, 8), (2, 9))
    ]
    assert names[0] == names[1] != names[2]


def test_without_proc_there_is_still_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*arguments: Any, **options: Any) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    assert environment._cpu_model()


def test_cores_are_those_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 <= environment.available_cores() <= (os.cpu_count() or 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3}, raising=False)
    assert environment.available_cores() == 1


def test_state_can_be_written() -> None:
    json.dumps(environment.state())

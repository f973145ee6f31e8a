"""Where kept maps lie: found again by what they depend on, whole or built again, and shared by processes."""

from __future__ import annotations

import copy
import errno
import multiprocessing
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from edgebench.data.prepared import Prepared, prepare
from edgebench.errors import DataError
from edgebench.models.irb import InvertedResidual
from edgebench.run import environment
from edgebench.train import frozen
from edgebench.train.frozen import Maps
from edgebench.train.trial import run_training
from tests.faults.recording import Observed
from tests.train.tuned import FEW, tuned

CPU = torch.device("cpu")


def folders(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if path.is_dir()) if cache.exists() else []


def test_seeds_and_arms_with_the_same_frozen_layers_share_their_maps(cache: Path, first: bytes) -> None:
    run_training(tuned(epochs=1), 0, weights=first)
    (one,) = folders(cache)
    before = (cache / one).stat().st_mtime_ns
    run_training(tuned(epochs=1), 1, weights=first)
    run_training(tuned(method={"name": "ft-blocks", "blocks": 2}, epochs=1), 0, weights=first)
    assert folders(cache) == [one]
    assert (cache / one).stat().st_mtime_ns == before
    run_training(tuned(method={"name": "ft-blocks", "blocks": 1}, epochs=1), 0, weights=first)
    assert len(folders(cache)) == 2


def key(prefix: nn.Module, data: Prepared, *, mirrored: bool = False) -> str:
    return frozen._key(prefix, data, CPU, mirrored=mirrored)


def test_the_key_is_that_of_what_the_maps_depend_on(
    prefix: nn.Module, data: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = key(prefix, data)
    assert key(copy.deepcopy(prefix), data) == before
    assert key(copy.deepcopy(prefix).to(memory_format=torch.contiguous_format), data) == before
    others = [key(prefix, data, mirrored=True), key(prefix[:-1], data)]  # type: ignore[index]
    for name, tensor in prefix.state_dict().items():
        changed = copy.deepcopy(prefix)
        stored = changed.state_dict()[name].view(-1)
        stored[-1] = stored[-1] + 1 if not tensor.is_floating_point() else torch.nextafter(
            stored[-1], torch.tensor(1e9)
        )  # fmt: skip
        others.append(key(changed, data))
    unlike = [
        module for module in prefix.modules() if isinstance(module, InvertedResidual) and module.shortcut
    ]
    for block in unlike:
        block.shortcut = False  # which its repr does not say
        others.append(key(prefix, data))
        block.shortcut = True
    assert unlike
    others.append(key(prefix, replace(data, mean=tuple(each + 1e-9 for each in data.mean))))
    others.append(key(prefix, replace(data, std=tuple(each + 1e-9 for each in data.std))))
    others.append(key(prefix, replace(data, folder=data.folder.with_name("another"))))
    with monkeypatch.context() as patch:
        patch.setattr(frozen, "VERSION", frozen.VERSION + 1)
        others.append(key(prefix, data))
    with monkeypatch.context() as patch:
        patch.setattr(environment, "identity", lambda device: {"torch": "another"})
        others.append(key(prefix, data))
    assert len({before, *others}) == 1 + len(others)


def test_other_images_of_the_same_folder_have_another_key(prefix: nn.Module, data: Prepared) -> None:
    other = prepare(tuned(data={**FEW, "classes": [0, 1, 3]}).data)
    assert key(prefix, other) != key(prefix, data)


@pytest.mark.parametrize("damage", ["truncated", "missing", "no array"])
def test_a_damaged_folder_is_built_again(cache: Path, prefix: nn.Module, data: Prepared, damage: str) -> None:
    maps = Maps(prefix, data, mirrored=False, device=CPU)
    expected, _ = maps.gather(np.arange(20))
    (name,) = folders(cache)
    path = cache / name / "train.npy"
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "missing":
        path.unlink()
    else:
        path.write_bytes(b"nothing of use")
    again, _ = Maps(prefix, data, mirrored=False, device=CPU).gather(np.arange(20))
    assert torch.equal(again, expected)
    assert folders(cache) == [name]


def test_what_is_there_is_not_computed_again(prefix: nn.Module, data: Prepared) -> None:
    Maps(prefix, data, mirrored=False, device=CPU)

    def passed(*arguments: Any) -> None:
        raise AssertionError("computed again")

    prefix.register_forward_pre_hook(passed)
    Maps(prefix, data, mirrored=False, device=CPU)


@pytest.mark.fault(
    "disk",
    "a full disk while features are cached",
    "the write made to fail with ENOSPC; then asked for again",
)
def test_a_full_disk_is_one_clear_error(
    cache: Path, prefix: nn.Module, data: Prepared, monkeypatch: pytest.MonkeyPatch, observed: Observed
) -> None:
    def full(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np.lib.format, "write_array_header_1_0", full)
        with pytest.raises(DataError, match="No space left") as raised:
            Maps(prefix, data, mirrored=False, device=CPU)
    assert "EDGEBENCH_CACHE" in str(raised.value)
    usage = shutil.disk_usage(cache)._replace(free=1000)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda folder: usage)
        with pytest.raises(DataError, match="no space"):
            Maps(prefix, data, mirrored=False, device=CPU)
    assert folders(cache) == [], "nothing half-written is left"
    Maps(prefix, data, mirrored=False, device=CPU)
    observed(
        said=str(raised.value), again="the same step, which then ends well" if folders(cache) else "nothing"
    )


def built(folder: str, content: bytes, results: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEBENCH_CACHE", folder)
        torch.set_num_threads(1)
        found = run_training(tuned(epochs=1), 0, weights=content)
        results.put((found.curves, found.correct))


def test_processes_that_want_the_same_maps_at_once(cache: Path, data: Prepared, first: bytes) -> None:
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    arguments = (str(cache.parent), first, results)
    processes = [context.Process(target=built, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    found = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert found[0] == found[1]
    assert len(folders(cache)) == 1, "one of them waited for the other"

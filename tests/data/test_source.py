from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgebench.claim.settings import DataSettings
from edgebench.data.digests import SETTLED_NS
from edgebench.data.source import check, digest, locate, names
from edgebench.errors import DataError
from tests.data import fixtures


def test_importing_it_imports_neither_numpy_nor_torch() -> None:
    code = "import sys, edgebench.data.source; print(sorted({'numpy', 'torch', 'PIL'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_every_name_is_valid() -> None:
    for name in (*names(), "npz:a/b.npz", "folder:/x"):
        check(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cifr10", "did you mean 'cifar10'"),
        ("", "no dataset is called ''"),
        ("zip:x", "npz:PATH, folder:PATH"),
        ("npz:", "not followed by a usable path"),
        ("npz:a\0b", "not followed by a usable path"),
        ("folder:  ", "not followed by a usable path"),
        ("npz:https://example.org/x.npz", "is a URL"),
        ("https://example.org/x.npz", "is a URL"),
        ("folder:file:///etc", "is a URL"),
    ],
)
def test_impossible_names(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        check(name)
    with pytest.raises(DataError, match=message):
        locate(name)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mnist", "mnist.npz"),
        ("fashion-mnist", "fashion_mnist.npz"),
        ("fashion-mnist", "fashion-mnist.npz"),
        ("cifar10", "cifar10_jpeg.npz"),
        ("flowers40", "flowers40_112_jpeg.npz"),
        ("cifar100", "cifar100_64_jpeg.npz"),
    ],
)
def test_npz_candidates(data: Path, name: str, file: str) -> None:
    (data / file).touch()
    source = locate(name)
    assert (source.kind, source.paths) == ("npz", (data / file,))
    assert "EDGEBENCH_DATA" in source.origin


def test_another_sets_file_is_no_candidate(data: Path) -> None:
    (data / "cifar100_112_jpeg.npz").touch()
    (data / "cifar10_old_112_jpeg.npz").touch()
    with pytest.raises(DataError, match="'cifar10' is not here"):
        locate("cifar10")


def test_the_largest_of_several_reduced_copies(data: Path) -> None:
    for size in (64, 112, 96):
        (data / f"imagenette_{size}_jpeg.npz").touch()
    assert locate("imagenette").root.name == "imagenette_112_jpeg.npz"


def test_official_layouts_in_data_and_cache_folder(data: Path, cache: Path) -> None:
    fixtures.idx_folder(cache / "MNIST" / "raw")
    fixtures.idx_folder(data / "FashionMNIST" / "raw", zipped=True)
    fixtures.cifar10_folder(cache / "cifar-10-batches-py")
    fixtures.cifar100_folder(data / "cifar-100-python")
    assert locate("mnist").kind == "idx"
    assert locate("mnist").origin.endswith("the cache folder")
    assert [path.suffix for path in locate("fashion-mnist").paths] == [".gz"] * 4
    assert [path.name for path in locate("cifar10").paths][-2:] == ["test_batch", "batches.meta"]
    assert [path.name for path in locate("cifar100").paths] == ["train", "test", "meta"]


def test_the_data_folder_goes_before_the_cache(data: Path, cache: Path) -> None:
    fixtures.idx_folder(cache / "MNIST" / "raw")
    (data / "mnist.npz").touch()
    assert locate("mnist").root == data / "mnist.npz"


def test_an_incomplete_official_folder_is_named(cache: Path) -> None:
    folder = fixtures.cifar10_folder(cache / "cifar-10-batches-py")
    (folder / "data_batch_3").unlink()
    with pytest.raises(DataError, match="'data_batch_3' is missing"):
        locate("cifar10")


def test_image_folders_by_name(data: Path) -> None:
    fixtures.image_folder(data / "imagenet", second="val")
    (data / "imagenet.npz").touch()  # ImageNet is read from its folder only.
    assert (locate("imagenet").kind, locate("imagenet").root) == ("folder", data / "imagenet")


def test_missing_sets_say_how_to_get_them(data: Path, cache: Path) -> None:
    with pytest.raises(DataError) as caught:
        locate("fashion-mnist")
    text = str(caught.value)
    for part in ("EDGEBENCH_DATA", "fashion_mnist.npz", "FashionMNIST/raw/", str(data), str(cache)):
        assert part in text
    assert "edgebench data fetch fashion-mnist" in text
    assert "npz:PATH or folder:PATH" in text
    with pytest.raises(DataError) as caught:
        locate("imagenet")
    assert "data fetch" not in str(caught.value)
    assert "imagenet/train/<class>/*" in str(caught.value)


def test_a_data_variable_that_names_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EDGEBENCH_DATA", str(tmp_path / "absent"))
    with pytest.raises(DataError, match="EDGEBENCH_DATA does not name a folder"):
        locate("mnist")
    assert locate("digits").kind == "npz"


def test_relative_paths_are_looked_up_in_the_data_folder_then_here(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    (here / "own.npz").touch()
    assert locate("npz:own.npz").root == here / "own.npz"
    (data / "own.npz").touch()
    assert locate("npz:own.npz").root == data / "own.npz"
    assert locate(f"npz:{here / 'own.npz'}").root == here / "own.npz"
    with pytest.raises(DataError, match="is not a folder"):
        locate("folder:own.npz")
    with pytest.raises(DataError, match=r"there is no 'absent.npz'.*an \.npz file.*then here"):
        locate("npz:absent.npz")


def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files just written count as old enough for their digests to be remembered."""
    import time

    now = time.time_ns
    monkeypatch.setattr("edgebench.data.digests.time.time_ns", lambda: now() + SETTLED_NS + 1)


def test_the_digest_of_an_npz_is_its_sha256(data: Path) -> None:
    (data / "mnist.npz").write_bytes(b"content")
    assert digest(DataSettings(name="mnist")) == hashlib.sha256(b"content").hexdigest()


def test_a_remembered_digest_is_not_computed_again(
    data: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(monkeypatch)
    path = data / "mnist.npz"
    path.write_bytes(b"content")
    first = digest(DataSettings(name="mnist"))
    with monkeypatch.context() as patch:
        patch.setattr("edgebench.data.digests._hash_file", lambda path: pytest.fail(f"hashed {path}"))
        assert digest(DataSettings(name="mnist")) == first
    # The same size and modification time, as after `cp -p`, but other content.
    times = path.stat()
    path.write_bytes(b"CONTENT")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert digest(DataSettings(name="mnist")) == hashlib.sha256(b"CONTENT").hexdigest()


def test_a_file_just_written_is_not_remembered(data: Path, cache: Path) -> None:
    (data / "mnist.npz").write_bytes(b"content")
    digest(DataSettings(name="mnist"))
    assert not list(cache.rglob("*.json"))


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff", b'{"fingerprint": 1}', b"[" * 5000])
def test_a_damaged_memory_is_ignored(
    data: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    settled(monkeypatch)
    (data / "mnist.npz").write_bytes(b"content")
    first = digest(DataSettings(name="mnist"))
    (remembered,) = cache.rglob("*.json")
    remembered.write_bytes(damage)
    assert digest(DataSettings(name="mnist")) == first
    assert first.encode() in remembered.read_bytes()


def test_an_unwritable_cache_only_costs_time(
    data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settled(monkeypatch)
    (tmp_path / "file").touch()
    monkeypatch.setenv("EDGEBENCH_CACHE", str(tmp_path / "file" / "below"))
    (data / "mnist.npz").write_bytes(b"content")
    assert digest(DataSettings(name="mnist")) == hashlib.sha256(b"content").hexdigest()


def test_a_folders_digest_follows_names_and_content_but_not_its_place(tmp_path: Path) -> None:
    def of(root: Path) -> str:
        return digest(DataSettings(name=f"folder:{root}"))

    first, second = (fixtures.image_folder(tmp_path / name) for name in ("a", "b"))
    original = of(first)
    assert of(second) == original
    (second / "train" / "ant" / "notes.txt").write_text("not an image")
    assert of(second) == original
    image = second / "train" / "ant" / "0.png"
    image.rename(image.with_name("9.png"))
    assert of(second) != original
    image.with_name("9.png").rename(image)
    assert of(second) == original
    image.write_bytes(image.read_bytes()[::-1])
    assert of(second) != original


def test_the_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from edgebench.data.cache import cache_folder

    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("EDGEBENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "edgebench"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "edgebench"

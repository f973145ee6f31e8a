from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torchvision

from edgebench.claim.settings import ModelSettings
from edgebench.errors import DataError, MissingDataError, SettingsError
from edgebench.models import registry, weights
from tests.models.pretrained import REAL, needs_real

TINY = ModelSettings(name="mcunet-5fps")
SMALL = ModelSettings(name="torchvision:mobilenet_v3_small")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("EDGEBENCH_DATA", str(folder))
    monkeypatch.setenv("EDGEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.chdir(tmp_path)
    return folder


def _put(folder: Path, name: str, content: bytes, **about: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    path.write_bytes(content)
    path.with_suffix(".json").write_text(json.dumps(about))
    return path


@pytest.mark.parametrize(
    ("name", "model", "message"),
    [
        (
            "mcunet-5fps",
            ModelSettings(name="mcunet"),
            "they are not for model 'mcunet'; expected mcunet-5fps",
        ),
        ("mcunet-5fp", TINY, r"no checkpoint is called.*did you mean 'mcunet-5fps'\?"),
        ("torchvision", TINY, "torchvision has none for model 'mcunet-5fps'"),
        ("torchvision", ModelSettings(name="timm:resnet18"), "torchvision has none for model"),
        ("torchvision", ModelSettings(name="torchvision:mobilenet_v2", width=0.5), "for width 1, not 0.5"),
        ("file:", TINY, "is not the path of a .safetensors file"),
        ("file:x.pth", TINY, "'x.pth' is not the path of a .safetensors file"),
        ("file:https://host/x.safetensors", TINY, "is not the path of a .safetensors file"),
    ],
)
def test_names_are_checked_without_the_disk(name: str, model: ModelSettings, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        weights.check(name, model)


def test_every_torchvision_model_has_torchvisions_default_weights() -> None:
    names = [n.removeprefix("torchvision:") for n in registry.names() if n.startswith("torchvision:")]
    assert sorted(weights.TORCHVISION_FILES) == names
    for name, file in weights.TORCHVISION_FILES.items():
        default = torchvision.models.get_model_weights(name).DEFAULT
        assert default.url.endswith(f"/{file}")
        assert tuple(default.transforms().mean) == (0.485, 0.456, 0.406)
        assert tuple(default.transforms().std) == (0.229, 0.224, 0.225)


def test_a_missing_checkpoint_says_where_it_belongs(data: Path) -> None:
    with pytest.raises(
        MissingDataError, match=r"'mcunet-5fps' are not here.*data/weights.*cache/weights.*EDGEBENCH_DATA"
    ):
        weights.locate("mcunet-5fps", TINY)
    with pytest.raises(DataError, match=r"data fetch weights:mobilenet_v3_small"):
        weights.locate("torchvision", SMALL)
    with pytest.raises(DataError, match=r"there is no 'x.safetensors'; expected a file at .*data"):
        weights.locate("file:x.safetensors", TINY)


def test_a_named_checkpoint_must_have_the_known_content(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _put(data / "weights", "mcunet-5fps", b"other", model="mcunet-5fps")
    assert weights.locate("mcunet-5fps", TINY) == path
    with pytest.raises(DataError, match=r"SHA-256 is .*expected cd6931158f.*damaged or another one"):
        weights.digest("mcunet-5fps", TINY)
    known = hashlib.sha256(b"other").hexdigest()
    monkeypatch.setitem(weights.NAMED, "mcunet-5fps", known)
    assert weights.digest("mcunet-5fps", TINY) == known
    for about in ({}, {"model": "mcunet"}, {"model": "mcunet-5fps", "sha256": "0" * 64}):
        _put(data / "weights", "mcunet-5fps", b"other", **about)
        with pytest.raises(DataError, match=r"mcunet-5fps.json: missing, or about another checkpoint"):
            weights.digest("mcunet-5fps", TINY)
    path.with_suffix(".json").unlink()
    with pytest.raises(DataError, match=r"missing, or about another"):
        weights.digest("mcunet-5fps", TINY)


def test_the_cache_folder_is_searched_too(data: Path, tmp_path: Path) -> None:
    path = _put(tmp_path / "cache" / "weights", "mcunet-5fps", b"", model="mcunet-5fps")
    assert weights.locate("mcunet-5fps", TINY) == path


def test_a_path_is_looked_up_in_the_data_folder_then_here(data: Path, tmp_path: Path) -> None:
    here = _put(tmp_path, "x", b"here")
    assert weights.locate("file:x.safetensors", TINY) == here
    there = _put(data, "x", b"there")
    assert weights.locate("file:x.safetensors", TINY) == there
    assert weights.digest("file:x.safetensors", TINY) == hashlib.sha256(b"there").hexdigest()


@pytest.mark.parametrize("text", ["[", "[]", '{"sha256": 3}', '{"sha256": "abc"}', "\xff"])
def test_a_description_that_is_none_is_refused(data: Path, text: str) -> None:
    path = _put(data, "x", b"")
    path.with_suffix(".json").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=r"x\.json: (is not JSON|does not describe a checkpoint)"):
        weights.locate("file:x.safetensors", TINY)


def test_torchvisions_file_is_found_in_both_places_and_held_to_its_name(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = hashlib.sha256(b"content").hexdigest()
    file = f"mobilenet_v3_small-{known[:8]}.pth"
    monkeypatch.setitem(weights.TORCHVISION_FILES, "mobilenet_v3_small", file)
    for folder in (tmp_path / "torch" / "hub" / "checkpoints", tmp_path / "cache" / "weights"):
        folder.mkdir(parents=True)
        (folder / file).write_bytes(b"content")
        assert weights.locate("torchvision", SMALL) == folder / file
        assert weights.digest("torchvision", SMALL) == known
    (folder / file).write_bytes(b"damaged")
    with pytest.raises(DataError, match=f"expected {known[:8]}…, by its name"):
        weights.digest("torchvision", SMALL)


@needs_real
@pytest.mark.parametrize("name", weights.NAMED)
def test_the_released_files_are_the_known_ones(
    name: str, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEBENCH_DATA", str(REAL))
    assert weights.digest(name, ModelSettings(name=name)) == weights.NAMED[name]

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgebench.data.npz import read_npz
from edgebench.errors import DataError
from tests.data import fixtures


def read(path: Path, size: int | None = None) -> None:
    """Read everything, images included."""
    raw = read_npz(path, size)
    raw.train.array()
    raw.test.array()


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_plain_layout(tmp_path: Path, channels: int, compressed: bool) -> None:
    arrays = fixtures.plain(channels=channels)
    (np.savez_compressed if compressed else np.savez)(tmp_path / "x.npz", **arrays)
    raw = read_npz(tmp_path / "x.npz")
    assert raw.class_names == fixtures.CLASSES
    assert raw.train.shape == (9, 6, 6, channels)
    np.testing.assert_array_equal(raw.train.array(), arrays["train_images"].reshape(9, 6, 6, channels))
    np.testing.assert_array_equal(raw.test.array(), arrays["test_images"].reshape(6, 6, 6, channels))
    np.testing.assert_array_equal(raw.test.labels, arrays["test_labels"])
    assert raw.test.labels.dtype == np.int64


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_layout(tmp_path: Path, channels: int) -> None:
    raw = read_npz(fixtures.save(tmp_path / "x.npz", fixtures.jpeg(channels=channels)))
    assert raw.train.shape == (9, 8, 8, channels)
    np.testing.assert_array_equal(raw.train.array(), fixtures.decoded(fixtures.noise(9, 8, channels)))


def test_small_chunks_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [
        fixtures.save(tmp_path / f"{i}.npz", arrays)
        for i, arrays in enumerate((fixtures.plain(), fixtures.jpeg()))
    ]
    whole = [read_npz(path).train.array() for path in paths]
    monkeypatch.setattr("edgebench.data.raw.CHUNK_BYTES", 2 * 8 * 8 * 3)
    for path, expected in zip(paths, whole, strict=True):
        chunks = list(read_npz(path).train.chunks())
        assert len(chunks) > 1
        np.testing.assert_array_equal(np.concatenate(chunks), expected)


@pytest.mark.parametrize("arrays", [fixtures.plain(), fixtures.jpeg(), fixtures.plain(channels=1)])
def test_resizing(tmp_path: Path, arrays: dict[str, Any]) -> None:
    raw = read_npz(fixtures.save(tmp_path / "x.npz", arrays), size=12)
    assert raw.train.shape[:3] == (9, 12, 12)
    assert raw.train.array().shape == raw.train.shape


def test_resizing_leaves_a_flat_image_flat(tmp_path: Path) -> None:
    flat = np.full((2, 6, 10, 3), 77, np.uint8)
    arrays = fixtures.plain(2, 2)
    path = fixtures.save(tmp_path / "x.npz", arrays, train_images=flat, test_images=flat)
    assert (read_npz(path, size=4).train.array() == 77).all()


PLAIN_FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"class_names": None}, "there is no 'class_names'"),
    ({"class_names": np.array([1, 2])}, "'class_names' is int64"),
    ({"class_names": np.array([], "U1")}, "'class_names' is <U1 of shape"),
    ({"class_names": np.array(["a", None], object)}, "pickled Python objects"),
    ({"train_labels": None}, "there is no 'train_labels'"),
    ({"test_images": None}, "neither 'test_images' nor 'test_jpeg'"),
    ({"train_images": np.zeros((9, 6, 6, 3), np.float32)}, "'train_images' is float32"),
    ({"train_images": np.zeros((9, 6, 6, 2), np.uint8)}, r"of shape \(9, 6, 6, 2\)"),
    ({"train_images": np.zeros((9, 6), np.uint8)}, r"of shape \(9, 6\)"),
    ({"train_images": np.zeros((0, 6, 6, 3), np.uint8)}, "none of them 0"),
    ({"train_images": np.zeros((9, 6, 0, 3), np.uint8)}, "none of them 0"),
    ({"train_images": np.array([object()], object)}, "pickled Python objects"),
    ({"train_images": np.asfortranarray(np.ones((9, 6, 6, 3), np.uint8))}, "Fortran order"),
    ({"train_images": np.zeros((9, 7, 6, 3), np.uint8)}, "training images are 7x6x3, test images 6x6x3"),
    ({"train_labels": np.zeros(8, np.uint8)}, "has 8 labels for 9 images"),
    ({"train_labels": np.zeros((9, 1), np.uint8)}, r"uint8 of shape \(9, 1\)"),
    ({"train_labels": np.zeros(9)}, "'train_labels' is float64"),
    ({"train_labels": np.array([0] * 8 + [3])}, "label 3 at index 8.*from 0 to 2"),
    ({"test_labels": np.array([0, -1, 0, 0, 0, 0])}, "label -1 at index 1"),
    ({"test_labels": np.full(6, 2**64 - 1, np.uint64)}, "label 18446744073709551615"),
]


@pytest.mark.parametrize(("changes", "message"), PLAIN_FAULTS)
def test_faults_of_the_plain_layout(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = fixtures.save(tmp_path / "x.npz", fixtures.plain(), **changes)
    with pytest.raises(DataError, match=message) as caught:
        read(path)
    assert caught.value.where == str(path)


def offsets_with(index: int, value: int) -> Any:
    offsets = fixtures.jpeg()["train_offsets"].copy()
    offsets[index] = value
    return offsets


JPEG_FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"train_offsets": None}, "there is no 'train_offsets'"),
    ({"train_offsets": offsets_with(4, 0)}, "falls from .* to 0 at index 4"),
    ({"train_offsets": offsets_with(9, 10**9)}, "has 1000000000 at index 9"),
    ({"train_offsets": offsets_with(0, -5)}, "has -5 at index 0"),
    ({"train_offsets": np.full(10, 2**64 - 1, np.uint64)}, "has 18446744073709551615 at index 0"),
    ({"train_offsets": np.zeros(1, np.int64)}, "N being at least 1"),
    ({"train_offsets": np.zeros(10)}, "'train_offsets' is float64"),
    ({"train_offsets": offsets_with(5, int(offsets_with(0, 0)[4]))}, "train image 4 cannot be decoded"),
    ({"train_jpeg": np.zeros((3, 4), np.uint8)}, "expected uint8 of one dimension"),
    ({"train_jpeg": fixtures.jpeg()["train_jpeg"].view(np.int8)}, "'train_jpeg' is int8"),
    ({"train_labels": np.zeros(10, np.uint8)}, "has 10 labels for 9 images"),
]


@pytest.mark.parametrize(("changes", "message"), JPEG_FAULTS)
def test_faults_of_the_jpeg_layout(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = fixtures.save(tmp_path / "x.npz", fixtures.jpeg(), **changes)
    with pytest.raises(DataError, match=message):
        read(path)


@pytest.mark.parametrize("index", [0, 7])
def test_an_undecodable_image_is_named(tmp_path: Path, index: int) -> None:
    arrays = fixtures.jpeg()
    files = arrays["train_jpeg"].copy()
    files[arrays["train_offsets"][index] :][:20] = 0
    with pytest.raises(DataError, match=f"train image {index} cannot be decoded"):
        read(fixtures.save(tmp_path / "x.npz", arrays, train_jpeg=files))


def with_files(files: list[bytes]) -> dict[str, Any]:
    return {
        "train_jpeg": np.frombuffer(b"".join(files), np.uint8),
        "train_offsets": np.cumsum([0, *map(len, files)]),
        "train_labels": np.zeros(len(files), np.uint8),
    }


def test_a_truncated_jpeg_is_named(tmp_path: Path) -> None:
    files = [fixtures.encode(image) for image in fixtures.noise(3, 8)]
    files[2] = files[2][:-40]
    with pytest.raises(DataError, match="train image 2 cannot be decoded"):
        read(fixtures.save(tmp_path / "x.npz", fixtures.jpeg(), **with_files(files)))


def test_only_jpeg_is_decoded_in_the_jpeg_layout(tmp_path: Path) -> None:
    files = [fixtures.encode(image, "PNG") for image in fixtures.noise(2, 8)]
    with pytest.raises(DataError, match=r"train image 0 cannot be decoded.*expected JPEG"):
        read(fixtures.save(tmp_path / "x.npz", fixtures.jpeg(), **with_files(files)))


def test_jpegs_of_different_sizes_need_a_size(tmp_path: Path) -> None:
    files = [fixtures.encode(fixtures.noise(1, side)[0]) for side in (8, 9)]
    path = fixtures.save(tmp_path / "x.npz", fixtures.jpeg(), **with_files(files))
    with pytest.raises(DataError, match=r"train image 1 is 9x9x3.*give `size`"):
        read(path)
    read(path, size=8)


def test_a_jpeg_that_claims_a_huge_picture_is_not_decoded(tmp_path: Path) -> None:
    file = bytearray(fixtures.encode(fixtures.noise(1, 8)[0]))
    start = file.index(b"\xff\xc0") + 5  # the frame header's height and width
    file[start : start + 4] = struct.pack(">HH", 9000, 9000)
    path = fixtures.save(tmp_path / "x.npz", fixtures.jpeg(), **with_files([bytes(file)]))
    with pytest.raises(DataError, match="train image 0 claims 9000x9000 pixels"):
        read(path)


def test_archives_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    for content in (b"", b"PK", b"not a zip" * 100):
        path.write_bytes(content)
        with pytest.raises(DataError, match="damaged or not what it should be"):
            read(path)
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path / "absent.npz")
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path)


@pytest.mark.parametrize("layout", [fixtures.plain, fixtures.jpeg])
def test_every_truncation_and_flipped_byte_is_a_data_error_or_harmless(tmp_path: Path, layout: Any) -> None:
    path = tmp_path / "x.npz"
    np.savez_compressed(path, **layout())
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for cut in rng.integers(0, len(content), 60):
        path.write_bytes(content[:cut])
        with pytest.raises(DataError):
            read(path)
    survived = 0
    for position in rng.integers(0, len(content), 150):
        changed = bytearray(content)
        changed[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        try:
            read(path)
            survived += 1  # Dates, attributes and the like do not matter.
        except DataError:
            pass
    assert survived < 75


def test_limits_on_what_an_archive_claims(tmp_path: Path) -> None:
    plain = fixtures.save(tmp_path / "x.npz", fixtures.plain())
    with pytest.raises(DataError, match=r"claims [0-9]+ bytes uncompressed; expected at most 1000"):
        read_npz(plain, limit=1000)
    jpeg = fixtures.save(tmp_path / "y.npz", fixtures.jpeg())
    read_npz(jpeg, limit=100_000)
    with pytest.raises(DataError, match="train images take 2430000 bytes decoded"):
        read_npz(jpeg, size=300, limit=100_000)


def zip_with(path: Path, name: str, header: bytes, body: bytes) -> Path:
    fixtures.save(path, fixtures.plain(), **{name: None})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{name}.npy", header + body)
    return path


def npy_header(text: str, version: int = 1) -> bytes:
    body = text.encode("latin1")
    return b"\x93NUMPY" + bytes((version, 0)) + struct.pack("<H" if version == 1 else "<I", len(body)) + body


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (
            npy_header("{'descr': '|u1', 'fortran_order': False, 'shape': (1099511627776, 8, 8), }\n"),
            "declares uint8",
        ),
        (npy_header("{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 8, 8), }\n"), "declares uint8"),
        (npy_header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n"), "pickled Python objects"),
        (npy_header("__import__('os').abort()\n"), "damaged or not what it should be"),
        (npy_header("{'descr': '|u1'}\n"), "damaged or not what it should be"),
        (npy_header("{'descr': '|u1', 'fortran_order': False, 'shape': (4,), }" + " " * 20000), "damaged"),
        (
            npy_header("{'descr': '|u1', 'fortran_order': False, 'shape': (9, 8, 8), }\n", 9),
            "of .npy version",
        ),
        (b"nothing", "damaged or not what it should be"),
    ],
)
def test_headers_are_checked_before_anything_is_allocated(
    tmp_path: Path, header: bytes, message: str
) -> None:
    path = zip_with(tmp_path / "x.npz", "train_images", header, bytes(64))
    with pytest.raises(DataError, match=message):
        read(path)


def test_a_version_2_header_is_read(tmp_path: Path) -> None:
    images = fixtures.noise(9)
    header = npy_header("{'descr': '|u1', 'fortran_order': False, 'shape': (9, 6, 6, 3), }\n", 2)
    path = zip_with(tmp_path / "x.npz", "train_images", header, images.tobytes())
    np.testing.assert_array_equal(read_npz(path).train.array(), images)


def test_a_member_that_claims_more_than_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    fixtures.save(path, fixtures.plain(), train_labels=None)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (2**34,)})
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train_labels.npy", header.getvalue() + bytes(9))
    content = bytearray(path.read_bytes())
    # In the central directory, the uncompressed size follows the signature by 24 bytes; 2**32 - 2 is the most
    # it holds.
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = struct.pack("<I", 2**32 - 2)
    path.write_bytes(content)
    with pytest.raises(DataError, match="'train_labels' declares"):
        read(path)

from __future__ import annotations

import os
import pickle
import pickletools
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgebench.data.inert_pickle import load_inert
from edgebench.errors import DataError
from tests.data import fixtures


def test_the_fixture_is_what_pickle_reads(tmp_path: Path) -> None:
    folder = fixtures.cifar100_folder(tmp_path / "x")
    content = (folder / "train").read_bytes()
    assert {op.name for op, _, _ in pickletools.genops(content)} >= {"GLOBAL", "REDUCE", "BUILD", "BINSTRING"}
    np.testing.assert_array_equal(
        load_inert(folder / "train")["data"], fixtures.planes(fixtures.cifar_images(6, 0))
    )


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_pickles_of_python_3_are_read_too(tmp_path: Path, protocol: int) -> None:
    value = {b"data": fixtures.planes(fixtures.cifar_images(2, 0)), "labels": [0, 1]}
    (tmp_path / "x").write_bytes(pickle.dumps(value, protocol))
    loaded = load_inert(tmp_path / "x")
    np.testing.assert_array_equal(loaded["data"], value[b"data"])
    assert loaded["labels"] == [0, 1]


class Calls:
    """Pickles as a call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_code_in_a_pickle_is_refused_and_not_run(tmp_path: Path, protocol: int) -> None:
    marker = tmp_path / "marker"
    calls = [
        Calls(os.mkdir, str(marker)),
        Calls(eval, f"__import__('os').mkdir({str(marker)!r})"),
        Calls(np.save, str(marker), 1),
    ]
    for call in calls:
        (tmp_path / "x").write_bytes(pickle.dumps({b"labels": call}, protocol))
        with pytest.raises(DataError, match="asks to call"):
            load_inert(tmp_path / "x")
    assert not list(tmp_path.glob("marker*"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a pickle of plain data"),
        (b"garbage", "not a pickle of plain data"),
        (pickle.dumps([1, 2]), "is not a dict"),
        (fixtures.python2_pickle({b"data": 1})[:-3], "not a pickle of plain data"),
        (b"\x80\x02cnumpy\nfromfile\n.", "asks to call numpy.fromfile"),
        (b"\x80\x04\x8c\x05numpy\x8c\x0dndarray.dumps\x93.", "asks to call numpy.ndarray.dumps"),
        (b"Pthing\n.", "refers to an outside object"),
        (pickle.dumps({"x": np.arange(3)}, 2), "not of unsigned bytes"),
        (pickle.dumps({"x": np.array([{}], object)}, 2), "not of unsigned bytes"),
        (b"\x80\x02c_codecs\nencode\n(X\x01\0\0\0aU\x03bz2tR.", "codec other than latin1"),
        (b"\x80\x02}r\xff\xff\xff\x07.", "numbers an object 134217727"),
        (b"\x80\x03B\xff\xff\xff\x7fabc.", "not a pickle of plain data"),
    ],
)
def test_damaged_and_hostile_pickles(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        load_inert(tmp_path / "x")
    assert caught.value.where == str(tmp_path / "x")


def test_an_array_whose_size_is_a_lie(tmp_path: Path) -> None:
    content = fixtures.python2_pickle({b"data": np.zeros((2, 4), np.uint8)})
    shape = b"(J" + struct.pack("<i", 2) + b"J" + struct.pack("<i", 4) + b"t"
    assert shape in content
    lie = b"(J" + struct.pack("<i", 2**30) + b"J" + struct.pack("<i", 2**30) + b"t"
    (tmp_path / "x").write_bytes(content.replace(shape, lie))
    with pytest.raises(DataError, match="its size does not match its shape"):
        load_inert(tmp_path / "x")

"""Reading the pickles that CIFAR is published in, without running what a pickle may ask for.

A pickle is a program: it may name any importable function and call it. The unpickler here resolves a few
names only, each to an inert stand-in that records what it is given (not even numpy's own constructor runs);
any other name is refused before it is imported. What remains are dicts, lists, strings, numbers and byte
arrays, which are checked after loading.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgebench.errors import DataError

# The largest official file has 155 MB.
LIMIT_BYTES = 2**30


class _Array:
    """Stands for a numpy array while it is unpickled; becomes one once its state has been checked."""

    state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state

    def array(self) -> npt.NDArray[np.uint8]:
        match self.state:
            case (_, tuple(shape), _DataType(name="u1"), fortran, bytes(data)):
                if all(type(n) is int and n >= 0 for n in shape) and math.prod(shape) == len(data):
                    return np.frombuffer(data, np.uint8).reshape(shape, order="F" if fortran else "C")
        raise ValueError("an array in it is not of unsigned bytes, or its size does not match its shape")


class _DataType:
    """Stands for a numpy dtype."""

    def __init__(self, name: Any = None, *_: Any) -> None:
        self.name = name.decode("ascii", "replace") if isinstance(name, bytes) else name

    def __setstate__(self, state: Any) -> None:
        pass


class _ArrayType:
    """Stands for the class `numpy.ndarray`, which pickles pass to numpy's constructor."""


def _reconstruct(*_: Any) -> _Array:
    return _Array()


def _encode(text: Any, encoding: Any = None) -> bytes:
    # Python 3 writes bytes into old pickle protocols as `_codecs.encode(text, 'latin1')`.
    if not isinstance(text, str) or encoding not in ("latin1", b"latin1"):
        raise pickle.UnpicklingError("asks for a codec other than latin1")
    return text.encode("latin1")


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): _ArrayType,
    ("numpy", "dtype"): _DataType,
    ("_codecs", "encode"): _encode,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"asks to call {module}.{name}") from None

    def persistent_load(self, identifier: Any) -> Any:
        raise pickle.UnpicklingError("refers to an outside object")


def _check_claims(data: bytes) -> None:
    """Refuse five bytes that claim gigabytes: Python's unpickler allocates for a claim before it looks at the data.

    Walking the opcodes fails on a string longer than what is left; the index of a memo entry is checked here.
    """
    for opcode, argument, _ in pickletools.genops(data):
        index = int(argument or 0) if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") else 0
        if not 0 <= index < len(data):
            raise ValueError(f"numbers an object {index}, which is more than it can hold")


def load_inert(path: Path) -> dict[str, Any]:
    """A pickled dict, with text keys, `bytes` for strings of Python 2, and uint8 numpy arrays.

    Raises:
        DataError: unreadable, damaged, not a dict, or naming anything but plain data.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(LIMIT_BYTES + 1)
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", where=str(path)) from error
    try:
        if len(data) > LIMIT_BYTES:
            raise ValueError(f"has more than {LIMIT_BYTES} bytes")
        _check_claims(data)
        loaded = _Unpickler(io.BytesIO(data), encoding="bytes").load()
        if type(loaded) is not dict:
            raise ValueError("is not a dict")
        return {
            _text(key): value.array() if isinstance(value, _Array) else value for key, value in loaded.items()
        }
    except Exception as error:  # A damaged pickle may raise anything, MemoryError included.
        raise DataError(
            f"is not a pickle of plain data ({error or type(error).__name__})",
            expected="dicts, lists, strings, numbers and byte arrays; nothing else is unpickled",
            where=str(path),
            hint="fetch the dataset again",
        ) from error


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def texts(values: Any) -> tuple[str, ...]:
    """A list of names, which Python 2 pickled as bytes.

    Raises:
        ValueError: not a non-empty list of strings.
    """
    if not isinstance(values, list) or not values or not all(isinstance(v, (bytes, str)) for v in values):
        raise ValueError("not a list of names")
    return tuple(map(_text, values))

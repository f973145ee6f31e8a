"""Reading the arrays of an .npz one at a time, without pickle and without trusting what it claims."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from edgebench.errors import DataError

LIMIT_BYTES = 64 * 2**30
_STEP_BYTES = 16 * 2**20


@dataclass(frozen=True)
class Header:
    """Type and shape of a stored array."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]


class Archive:
    """An .npz opened for reading, one member at a time.

    Raises (every method): DataError for whatever is wrong with the file.
    """

    def __init__(self, path: Path, limit: int = LIMIT_BYTES) -> None:
        self.path = path
        with self._reporting("the archive"), zipfile.ZipFile(path) as archive:
            self.sizes = {info.filename: info.file_size for info in archive.infolist()}
            total = sum(info.file_size for info in archive.infolist())
        if total > limit:
            raise self._error(f"claims {total} bytes uncompressed", f"at most {limit}")
        self.limit = limit

    def __contains__(self, key: str) -> bool:
        return f"{key}.npy" in self.sizes

    @property
    def keys(self) -> list[str]:
        return sorted(name.removesuffix(".npy") for name in self.sizes)

    def header(self, key: str) -> Header:
        """The array's type and shape, known to agree with the number of bytes that are stored."""
        with self._member(key) as (_, header):
            return header

    def read(self, key: str) -> npt.NDArray[Any]:
        """One array, whole."""
        with self._member(key) as (file, header):
            # Grown as bytes arrive: a member that claims more than it holds fails before it is allocated.
            data = bytearray()
            left = self._bytes(header)
            while left:
                data += self._exactly(file, key, min(left, _STEP_BYTES))
                left = self._bytes(header) - len(data)
            self._finish(file)
        return np.frombuffer(data, header.dtype).reshape(header.shape)

    def rows(self, key: str, count: int) -> Iterator[npt.NDArray[Any]]:
        """One array as a stream of at most `count` rows each."""
        with self._member(key) as (file, header):
            row = self._bytes(header) // header.shape[0]
            for start in range(0, header.shape[0], count):
                rows = min(count, header.shape[0] - start)
                data = self._exactly(file, key, rows * row)
                yield np.frombuffer(data, header.dtype).reshape(rows, *header.shape[1:])
            self._finish(file)

    @contextmanager
    def _member(self, key: str) -> Iterator[tuple[IO[bytes], Header]]:
        if key not in self:
            raise self._error(f"there is no '{key}' among {', '.join(self.keys) or 'no arrays'}", f"'{key}'")
        with (
            self._reporting(f"'{key}'"),
            zipfile.ZipFile(self.path) as archive,
            archive.open(f"{key}.npy") as file,
        ):
            yield file, self._header(key, file)

    def _header(self, key: str, file: IO[bytes]) -> Header:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        elif version == (2, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
        else:
            raise self._error(f"'{key}' is of .npy version {version}", "version (1, 0) or (2, 0)")
        if dtype.hasobject:
            raise self._error(
                f"'{key}' holds pickled Python objects", "numbers or strings; pickles are never read"
            )
        if fortran:
            raise self._error(f"'{key}' is stored in Fortran order", "C order (numpy.ascontiguousarray)")
        header = Header(dtype, shape)
        stored = self.sizes[f"{key}.npy"] - file.tell()
        if min(shape, default=0) < 0 or self._bytes(header) != stored:
            raise self._error(
                f"'{key}' declares {dtype} {shape} but stores {stored} bytes", f"{self._bytes(header)}"
            )
        return header

    @staticmethod
    def _bytes(header: Header) -> int:
        return math.prod(header.shape) * header.dtype.itemsize

    def _exactly(self, file: IO[bytes], key: str, count: int) -> bytes:
        data = file.read(count)
        if len(data) != count:
            raise self._error(f"'{key}' ends early", "a complete file")
        return data

    @staticmethod
    def _finish(file: IO[bytes]) -> None:
        file.read(1)  # Reaching the end is what makes zipfile compare the checksum.

    def _error(self, found: str, expected: str) -> DataError:
        return DataError(found, expected=expected, where=str(self.path))

    @contextmanager
    def _reporting(self, what: str) -> Iterator[None]:
        try:
            yield
        except DataError:
            raise
        except OSError as error:
            if isinstance(error.errno, int):
                raise DataError(f"cannot be read ({error.strerror})", where=str(self.path)) from error
            raise self._damaged(what, error) from error
        except MemoryError as error:
            raise self._error(f"{what} does not fit into memory", "a smaller dataset") from error
        except Exception as error:  # zipfile, zlib and lzma raise many types on damaged input.
            raise self._damaged(what, error) from error

    def _damaged(self, what: str, error: Exception) -> DataError:
        return DataError(
            f"{what} is damaged or not what it should be ({error})",
            expected="a file as numpy.savez or numpy.savez_compressed writes it",
            where=str(self.path),
            hint="make or download it again",
        )

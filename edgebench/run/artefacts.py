"""Artefacts: what trials leave for others that start from them, as files named by their content, beside the store."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from edgebench.errors import StoreError

_ENDING = ".safetensors"


class Artefacts:
    """A folder of files named by the SHA-256 of their content; made when the first one is put into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, digest: str) -> bool:
        """Whether there is an artefact of this digest; its content is only looked at by `get`."""
        return self._path(digest).is_file()

    def put(self, content: bytes) -> str:
        """Keep an artefact; returns its digest.

        Raises:
            StoreError: the file cannot be written; whatever was there before is as it was.
        """
        digest = hashlib.sha256(content).hexdigest()
        path = self._path(digest)
        if self.has(digest):
            return digest
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.folder, suffix=".part")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())  # so that the name never outlives the content
                os.replace(name, path)
            except BaseException:
                os.unlink(name)
                raise
        except OSError as error:
            raise StoreError(
                f"an artefact of {len(content)} bytes cannot be written: {error.strerror or error}",
                where=str(self.folder),
                hint="free some space, or use another place with --store",
            ) from None
        return digest

    def get(self, digest: str) -> bytes:
        """The content of an artefact.

        Raises:
            StoreError: it is not there, cannot be read, or is not what its name says.
        """
        path = self._path(digest)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise StoreError(
                f"an artefact cannot be read: {error.strerror or error}",
                where=str(path),
                hint="delete it: the trial that made it is then run again",
            ) from None
        if (found := hashlib.sha256(content).hexdigest()) != digest:
            raise StoreError(
                f"an artefact is damaged: its SHA-256 is {found}",
                expected=digest,
                where=str(path),
                hint="delete it: the trial that made it is then run again",
            )
        return content

    def _path(self, digest: str) -> Path:
        return self.folder / f"{digest}{_ENDING}"

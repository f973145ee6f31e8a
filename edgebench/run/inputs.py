"""The files that settings name, as digests: what a trial's hash says of data and weights."""

from __future__ import annotations

from edgebench.claim.settings import DataSettings, DetectSettings, ModelSettings
from edgebench.data import scenes, source
from edgebench.errors import DataError
from edgebench.models import checkpoint

UNREAD = "unread"  # in place of a digest


class Inputs:
    """The files as they are on this machine.

    Raises:
        DataError: from every method, when a file is missing or cannot be read.
    """

    def data(self, settings: DataSettings) -> str:
        """The digest of a dataset's content."""
        return source.digest(settings)

    def scenes(self, settings: DetectSettings) -> str:
        """The digest of the content of a detector's scenes."""
        return scenes.digest(settings.data)

    def weights(self, name: str, model: ModelSettings) -> str:
        """The digest of a checkpoint for a network."""
        return checkpoint.digest(name, model)


class Known(Inputs):
    """The files as far as they can be read here, each set looked at once; `UNREAD` stands for the others.

    A trial with an unread file has no hash under which anything is stored (`Trial.is_read`): it can be looked up by its
    settings, and not be run.
    """

    def __init__(self) -> None:
        self._found: dict[str, str] = {}

    def data(self, settings: DataSettings) -> str:
        if settings.name not in self._found:
            try:
                self._found[settings.name] = super().data(settings)
            except DataError:
                self._found[settings.name] = UNREAD
        return self._found[settings.name]

    def scenes(self, settings: DetectSettings) -> str:
        try:
            return super().scenes(settings)
        except DataError:
            return UNREAD

    def weights(self, name: str, model: ModelSettings) -> str:
        try:
            return super().weights(name, model)
        except DataError:
            return UNREAD


class Unread(Inputs):
    """No file is looked for: `UNREAD` stands for all of them."""

    def data(self, settings: DataSettings) -> str:
        return UNREAD

    def scenes(self, settings: DetectSettings) -> str:
        return UNREAD

    def weights(self, name: str, model: ModelSettings) -> str:
        return UNREAD


HERE = Inputs()

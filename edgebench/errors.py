"""The one family of errors: each says what was found, what was expected, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from edgebench.printable import printable


class EdgebenchError(Exception):
    """A problem that the person running EdgeBench can act on; shown without a traceback.

    Args:
        found: what is wrong, as a sentence without a full stop ("no dataset is called 'cifr10'").
        expected: what would have been right ("one of digits, mnist, cifar10").
        where: file, `file:line:column`, or the name of the thing concerned.
        hint: what to do about it ("did you mean 'cifar10'?").
    """

    def __init__(
        self,
        found: str,
        *,
        expected: str | None = None,
        where: str | None = None,
        hint: str | None = None,
    ) -> None:
        # What is quoted may come from any file; escaped here, no error can change what a terminal shows.
        self.found = printable(found, lines=True)
        self.expected, self.where, self.hint = (
            None if text is None else printable(text, lines=True) for text in (expected, where, hint)
        )
        # All four go to Exception, so that the error survives pickling between processes.
        super().__init__(self.found, self.expected, self.where, self.hint)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.found, self.expected, self.where, self.hint))

    def __str__(self) -> str:
        text = f"{self.where}: {self.found}" if self.where else self.found
        if self.expected:
            text += f"; expected {self.expected}"
        return f"{text} ({self.hint})" if self.hint else text


def _rebuild(
    kind: type[EdgebenchError],
    found: str,
    expected: str | None,
    where: str | None,
    hint: str | None,
) -> EdgebenchError:
    return kind(found, expected=expected, where=where, hint=hint)


class ClaimError(EdgebenchError):
    """A claim, recipe or paper file that cannot be used (see `edgebench.claim.problems`)."""


class ExpressionError(EdgebenchError):
    """An effect expression or expectation that cannot be parsed or evaluated."""


class SettingsError(EdgebenchError):
    """A model, optimiser or other setting that names something unknown or impossible."""


class DataError(EdgebenchError):
    """A dataset that is missing, truncated, or not of the documented layout."""


class MissingDataError(DataError):
    """A dataset, or weights, that are not on this machine; nothing is wrong with them or with the code."""


class ModelError(EdgebenchError):
    """A model that cannot be built, converted or profiled."""


class StoreError(EdgebenchError):
    """The results store cannot be opened, read or written."""


class TrialError(EdgebenchError):
    """A trial did not return a result (crash, timeout, out of memory, exception)."""


class ExportError(EdgebenchError):
    """An export that cannot be written, or a library that it needs and that is not installed."""


class BaselineError(EdgebenchError):
    """A baseline file that is missing or malformed."""


class CertificateError(EdgebenchError):
    """A transfer certificate that is missing or malformed, or a claim that cannot be certified."""


class EvidenceError(EdgebenchError):
    """An evidence bundle that cannot be made or read, or that is damaged."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to `name`, or None when nothing is close enough to suggest."""
    # Compared without regard to case, so that `SGD` finds `sgd`; a long text is no misspelling of a name.
    folded = {each.casefold(): each for each in known}
    matches = difflib.get_close_matches(name[:100].casefold(), folded, n=1, cutoff=0.6)
    return folded[matches[0]] if matches else None


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A hint sentence for a misspelt name, or None."""
    match = nearest(name, known)
    return f"did you mean '{match}'?" if match else None

"""The formats of exports: what each writes, and what has to be installed for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from edgebench.claim.problems import display_path
from edgebench.errors import ExportError, SettingsError, did_you_mean
from edgebench.report.export import mlflow, parquet, tensorboard, text
from edgebench.report.export.content import Content
from edgebench.report.files import claimed, write

STDOUT = "-"
TABLES = ("items", "trials")
Write = Callable[[Content, str], None]


def _text(made: Callable[[Content], str]) -> Write:
    def written(content: Content, output: str) -> None:
        if output == STDOUT:
            sys.stdout.write(made(content))
        else:
            write(Path(output), made(content))

    return written


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        name: as it is asked for; of what is to be installed too, as an extra of EdgeBench.
        items: writes the items, and the trials where the format has room for both.
        trials: writes the trials alone, where the format is a table.
        suffix: of its files; None for folders.
        needs: the module that it is written by; None where Python alone does it.
        holds_trials: whether `items` writes the trials too.
    """

    name: str
    items: Write
    trials: Write | None = None
    suffix: str | None = None
    needs: str | None = None
    holds_trials: bool = False

    def wants_trials(self, table: str) -> bool:
        return self.holds_trials or table == "trials"

    def check(self, output: str, table: str) -> None:
        """Refuse what cannot be written before anything is gathered.

        Raises:
            SettingsError: a table that the format does not have.
            ExportError: a library is missing, or nothing can be written there.
        """
        if table not in TABLES or (table == "trials" and not self.holds_trials and self.trials is None):
            have = TABLES if self.trials or self.holds_trials else TABLES[:1]
            raise SettingsError(f"{self.name} has no table '{table}'", expected=" or ".join(have))
        if output == STDOUT and (self.suffix is None or self.needs is not None):
            raise SettingsError(
                f"{self.name} is no text for standard output",
                expected=f"a {'file' if self.suffix else 'folder'}",
            )
        if self.needs is not None and find_spec(self.needs) is None:
            raise ExportError(
                f"{self.name} needs {self.needs}, which is not installed",
                hint=f'pip install "edgebench[{self.name}]"',
            )
        if self.suffix is not None:
            if output != STDOUT:
                claimed(Path(output))
        elif "://" not in output:
            folder = claimed(Path(output), folder=True)
            if any(folder.iterdir()):
                # Both libraries add to what is there, so that everything would be there twice.
                raise ExportError(
                    "the folder is not empty", expected="an empty or a new one", where=display_path(folder)
                )

    def write(self, content: Content, output: str, table: str) -> None:
        """Write the content.

        Raises:
            ExportError: it cannot be written.
        """
        write = self.trials if table == "trials" and self.trials is not None else self.items
        try:
            write(content, output)
        except OSError as error:
            raise ExportError(f"cannot be written: {error.strerror or error}", where=output) from None


FORMATS: Mapping[str, Format] = {
    each.name: each
    for each in (
        Format("json", _text(text.json_text), suffix=".json", holds_trials=True),
        Format("csv", _text(text.csv_text), _text(text.csv_trials_text), suffix=".csv"),
        Format("parquet", parquet.write_items, parquet.write_trials, suffix=".parquet", needs="pyarrow"),
        Format("junit", _text(text.junit_text), suffix=".xml"),
        Format("tensorboard", tensorboard.write, needs="tensorboard", holds_trials=True),
        Format("mlflow", mlflow.write, needs="mlflow", holds_trials=True),
    )
}


def format_of(name: str | None, output: str) -> Format:
    """The format of a name, or without one that of the output's suffix.

    Raises:
        SettingsError: when there is none.
    """
    known = ", ".join(FORMATS)
    if name is None:
        found = [each for each in FORMATS.values() if each.suffix and output.endswith(each.suffix)]
        if not found:
            raise SettingsError(f"'{output}' does not say in which format", expected=f"--format {known}")
        return found[0]
    if name not in FORMATS:
        raise SettingsError(
            f"no format is called '{name}'", expected=f"one of {known}", hint=did_you_mean(name, FORMATS)
        )
    return FORMATS[name]

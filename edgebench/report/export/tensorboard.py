"""Exports for TensorBoard: a run for each trial, and one with what was made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from edgebench.report.export.content import Content, ExportedTrial
from edgebench.report.export.rows import flat
from edgebench.report.history import Entry
from edgebench.report.markdown import table, text
from edgebench.report.tables import STATE, measured, published

ITEMS = "items"  # the run of the verdicts
_KEPT = " ,=+()[]~&"  # besides letters, digits, `_`, `.` and `-`, in the names of folders


def write(content: Content, output: str) -> None:
    """Write event files by torch's SummaryWriter.

    A trial's run is `<tier>/<claim>/<case>/<arm>/seed-<n>`, with a step an epoch for curves, metrics under `metrics/`,
    and the settings as hyperparameters. The run `items` has each effect with a step a seed, and a table of verdicts.
    """
    from torch.utils.tensorboard import SummaryWriter

    for trial in content.trials:
        with SummaryWriter(str(Path(output) / run_name(trial))) as writer:
            _write_trial(writer, trial)
    with SummaryWriter(str(Path(output) / ITEMS)) as writer:
        for entry in content.entries:
            for seed, value in enumerate(entry.result.values):
                writer.add_scalar(f"{entry.result.tier}/{entry.result.id}", value, seed)
        writer.add_text("verdicts", _table(content.entries))


def run_name(trial: ExportedTrial) -> str:
    """The folder of a trial's run; different for different places of trials."""
    parts = [trial.tier, *trial.claim.split("/"), *([trial.case] if trial.case else []), trial.arm]
    return "/".join([*(_folder(part) for part in parts), f"seed-{trial.seed}"])


def _folder(name: str) -> str:
    return quote(name, safe=_KEPT) if name.strip(".") else name.replace(".", "%2E")


def _write_trial(writer: Any, trial: ExportedTrial) -> None:
    from torch.utils.tensorboard import summary

    hparams: Any = summary.hparams
    for name, values in trial.curves.items():
        for epoch, value in enumerate(values, 1):
            writer.add_scalar(name, value, epoch)
    metrics = {f"metrics/{name}": value for name, value in trial.metrics.items()}
    for name, value in metrics.items():
        writer.add_scalar(name, value, 0)
    # What `add_hparams` does, but in the trial's own run: that would add a second one.
    for each in hparams(flat(trial.settings), metrics):
        writer.file_writer.add_summary(each)


def _table(entries: tuple[Entry, ...]) -> str:
    """The items as a Markdown table."""
    rows = [
        [text(cell) for cell in (result.id, result.tier, published(result), measured(result), result.n, result.label,
                                 STATE[result.baseline])]
        for result in (entry.result for entry in entries)
    ]  # fmt: skip
    return table(
        ["item", "tier", "published", "measured [interval]", "n", "verdict", "baseline"], rows, right=("n",)
    )

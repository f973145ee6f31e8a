"""The history as tables: the runs of a store, and how the items of one claim went from run to run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from edgebench.errors import BaselineError, StoreError
from edgebench.judge.baseline import Baseline, First, since_first
from edgebench.judge.verdict import Outcome
from edgebench.report.result import Result
from edgebench.report.stored import stored_result
from edgebench.report.tables import LETTERS, STATE, measured, number, table
from edgebench.run.database import Database
from edgebench.run.environment import identity_key
from edgebench.run.history import Run, results_for, results_of

_COMMAND = 26  # characters of a command that are shown


@dataclass(frozen=True)
class Entry:
    """One item's result in one run."""

    run: Run
    result: Result


def entries_of(store: Database, run: Run) -> list[Entry]:
    """The results of a run.

    Raises:
        StoreError: when the store, or one of the results, cannot be read.
    """
    return [_entry(store, run, content) for content in results_of(store, run)]


def entries_for(store: Database, claim: str) -> list[Entry]:
    """The results of a claim in all runs, oldest first.

    Raises:
        StoreError: when the store, or one of the results, cannot be read.
    """
    return [_entry(store, run, content) for run, content in results_for(store, claim)]


def _entry(store: Database, run: Run, content: dict[str, object]) -> Entry:
    try:
        return Entry(run, stored_result(content))
    except TypeError as error:
        raise StoreError(
            f"a result of run {run.number}, by EdgeBench {run.version}, cannot be read ({error})",
            where=f"store {store.path}",
            hint="was it written by a later version?",
        ) from None


def run_list(runs: Sequence[tuple[Run, Sequence[Result]]]) -> str:
    """One row a run: when, by which command, commit and torch, and how many of each verdict."""
    rows = []
    seen: Counter[str] = Counter()
    for run, results in runs:
        counts = Counter(result.verdict for result in results)
        seen += counts
        tally = ", ".join(f"{counts[name]} {letter}" for name, letter in LETTERS.items() if counts[name])
        red = sum(not result.green for result in results if result.verdict != "pending")
        command = run.command if len(run.command) <= _COMMAND else run.command[: _COMMAND - 1] + "…"
        rows.append(
            [run.number, f"{run.when:%Y-%m-%d %H:%M}", command, run.tier, run.revision, run.torch, len(results),
             tally, red or "–"]
        )  # fmt: skip
    headers = ["run", "when", "command", "tier", "commit", "torch", "items", "verdicts", "red"]
    lines = [table(headers, rows, right=("run", "items", "red")), ""]
    lines.append(", ".join(f"{letter} {name}" for name, letter in LETTERS.items() if seen[name]))
    if open_ := [str(run.number) for run, _ in runs if run.ended is None]:
        lines.append(f"killed, or still going on: {', '.join(open_)}")
    return "\n".join(lines)


def claim_history(
    entries: Sequence[Entry], baselines: Mapping[str, Baseline | BaselineError | None] | None, limit: int
) -> str:
    """The items of a claim, each with a row a run (newest last) and with how far it is from its baselines.

    Args:
        entries: results of one claim, oldest first; at least one.
        baselines: of the claim, by tier, or why one cannot be used; None when the claim itself cannot be read.
        limit: rows an item; older ones are left out, and counted.
    """
    newest = entries[-1].result
    lines = [f"{newest.claim}: {newest.statement} ({newest.where})"]
    machines: dict[str, str] = {}
    for entry in entries:
        machines.setdefault(entry.run.machine, _letter(len(machines)))
    items: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        items.setdefault((entry.result.tier, entry.result.item), []).append(entry)
    for (tier, _), group in items.items():
        lines += ["", _headline(group[-1].result), "", _item_table(group, machines, limit)]
        if len(group) > limit:
            lines.append(f"{len(group) - limit} older ones are left out; --limit {len(group)} shows all")
        if baselines is None:
            lines.append("there is no such claim here any more, so that its baselines are not known")
        else:
            lines += _drift(group, baselines.get(tier))
    lines += ["", *(f"{letter}: {name}" for name, letter in machines.items())]
    if any(entry.run.dirty for entry in entries):
        lines.append("*: files differed from that commit")
    return "\n".join(lines)


def _letter(index: int) -> str:
    return chr(ord("A") + index) if index < 26 else str(index)


def _headline(result: Result) -> str:
    margin = f", margin {result.margin:g}" if result.margin else ""
    unit = f" {result.unit}" if result.unit else ""
    published = f", published {number(result.published)}{unit}" if result.published is not None else ""
    return f"{result.item} at {result.tier}: {result.expression}  {result.expectation}{margin}{published}"


def _item_table(group: Sequence[Entry], machines: Mapping[str, str], limit: int) -> str:
    before: dict[str, Result] = {}
    rows = []
    for run, result in ((entry.run, entry.result) for entry in group):
        identity = identity_key(run.identity)
        change = _change(before.get(identity), result)
        if result.value is not None:
            before[identity] = result
        state = STATE[result.baseline]
        state = state if state.startswith("✗") else state[0]
        rows.append(
            [run.number, f"{run.when:%Y-%m-%d}", run.revision, run.torch, machines[run.machine], result.n or "–",
             measured(result), change, result.verdict, state + (" moved" if result.moved else "")]
        )  # fmt: skip
    headers = [
        "run",
        "date",
        "commit",
        "torch",
        "on",
        "n",
        "value [interval]",
        "change",
        "verdict",
        "baseline",
    ]
    shown = list(islice(rows, max(0, len(rows) - limit), None))
    return table(headers, shown, right=("run", "n"))


def _change(before: Result | None, now: Result) -> str:
    """From the previous value that the same machine and versions gave."""
    if before is None or before.value is None or now.value is None:
        return "–"
    if before.expression != now.expression:
        return "other effect"
    return "=" if now.value == before.value else f"{now.value - before.value:+.4g}"


def _drift(group: Sequence[Entry], baseline: Baseline | BaselineError | None) -> list[str]:
    """How far the newest value is from the last accepted baseline, and from the first."""
    if isinstance(baseline, BaselineError):
        return [str(baseline)]
    newest = group[-1].result
    effect = baseline.effects.get(newest.item) if baseline else None
    if baseline is None or effect is None:
        return [f"there is no baseline at tier {newest.tier}"]
    judged = [entry.result for entry in group if entry.result.value is not None]
    last = First(
        when=baseline.recorded.when, verdict=effect.verdict, value=effect.value, tolerance=effect.tolerance
    )
    first = effect.first or last
    now = judged[-1] if judged else None
    same = "first and " if effect.first is None else ""
    lines = [] if effect.first is None else [f"first accepted {_distance(first, now)}"]
    lines.append(f"{same}last accepted {_distance(last, now)}")
    if now is not None and effect.first and (moved := since_first(Outcome(now.verdict), now.value, first)):
        lines.append(f"MOVED {moved}")
    return lines


def _distance(accepted: First, now: Result | None) -> str:
    tolerance = f" ± {accepted.tolerance:.4g}" if accepted.tolerance else ", exact"
    told = f"{accepted.when}: {number(accepted.value)}{tolerance}, {accepted.verdict}"
    if now is None or now.value is None:
        return told
    distance = now.value - accepted.value
    if abs(distance) <= max(
        1e-4 * accepted.tolerance, 1e-9 * abs(now.value)
    ):  # as the file rounds its numbers
        return f"{told}; the newest value is the same"
    share = f" ({abs(distance) / accepted.tolerance:.0%} of the tolerance)" if accepted.tolerance else ""
    return f"{told}; the newest value is {distance:+.4g} away{share}"

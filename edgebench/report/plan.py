"""A plan in words: one row an effect under its claim, then what all of it comes to. 100 columns are enough."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import groupby

from edgebench.judge.verdict import Outcome
from edgebench.report.tables import number
from edgebench.run.plan import Item, Plan, Total, seconds_of

_WIDTH = 100
_HEADERS = ("effect", "seeds", "to run", "time", "half-width", "margin", "repr. / contr. / incon.")
_TO_THE_LEFT = (True, True, False, False, False, False, True)
_SOURCES = {
    "similar": ("≈", "time of similar trials here, scaled by the images they see"),
    "recorded": ("*", "time as recorded with the baseline, maybe on another machine"),
}
_GROUPS = 5  # of claims that share trials are named


def table(plan: Plan) -> str:
    """Every effect: seeds, trials, time, half-width of its interval and how it will probably end, from its next look
    to its last. The exact effects of a claim share a row: there is nothing to foresee."""
    rows: list[Sequence[str] | str] = [_HEADERS]
    for claim, group in groupby(plan.items, key=lambda item: item.claim):
        items = list(group)
        rows.append(textwrap.shorten(f"{claim.id}: {claim.statement}", _WIDTH, placeholder=" …"))
        lost = [item for item in items if item.error is not None]
        if claim.exact and not lost:
            rows.append(_exact_row(items, plan))
        else:
            rows += [_row(item, plan.workers) for item in items]
        rows += _said(items)
    return _aligned(rows)


def _aligned(rows: Sequence[Sequence[str] | str]) -> str:
    """Cells in columns under a ruled header; a row that is one text stands as it is."""
    cells = [row for row in rows if not isinstance(row, str)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in rows:
        if isinstance(row, str):
            lines.append(row)
            continue
        columns = zip(row, widths, _TO_THE_LEFT, strict=True)
        lines.append(
            "  ".join(f"{text:<{w}}" if left else f"{text:>{w}}" for text, w, left in columns).rstrip()
        )
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _said(items: Sequence[Item]) -> list[str]:
    """What could not be planned or used, each sentence once; of a long error the beginning, as `run` gives it whole."""
    errors = dict.fromkeys(item.error for item in items if item.error is not None)
    remarks = dict.fromkeys(remark for item in items for remark in item.remarks)
    return [f"    ! {textwrap.shorten(text, _WIDTH - 6, placeholder=' …')}" for text in (*errors, *remarks)]


def _exact_row(items: Sequence[Item], plan: Plan) -> list[str]:
    missing = {trial for item in items for look in item.looks for trial in look.missing}
    verdicts = Counter(_verdict(item) for item in items if item.verdict is not None)
    if left := len(items) - verdicts.total():
        verdicts["to be seen"] = left
    said = [f"{count} {what}" if len(items) > 1 else what for what, count in verdicts.items()]
    seconds = seconds_of(missing, plan.trials)
    time = _span([None if seconds is None else seconds / plan.workers]) if missing else "–"
    mark = _mark({source for item in items for source in item.sources})
    name = items[0].name if len(items) == 1 else f"{len(items)} effects"
    return [
        f"  {name}",
        "exact",
        number(len(missing)) if missing else "–",
        mark + time,
        "–",
        "–",
        ", ".join(said),
    ]


def _row(item: Item, workers: int) -> list[str]:
    name = f"  {item.name}"
    if item.error is not None:
        return [name, "?", "?", "?", "?", _margin(item), "?"]
    if item.verdict is not None:
        return [name, number(item.verdict.n), "–", "–", _known_width(item), _margin(item), _verdict(item)]
    seeds = f"{item.seeds} of {', '.join(number(look.seeds) for look in item.looks)}"
    runs = _range([number(len(look.missing)) for look in item.looks])
    time = _span([None if look.seconds is None else look.seconds / workers for look in item.looks])
    return [name, seeds, runs, _mark(item.sources) + time, _widths(item), _margin(item), _chances(item)]


def _verdict(item: Item) -> str:
    assert item.verdict is not None
    subtype = f" ({item.verdict.subtype})" if item.verdict.subtype else ""
    return f"{item.verdict.outcome}{subtype}"


def _chances(item: Item) -> str:
    if item.forecast is None:
        return "?"
    chances = (item.forecast.reproduced, item.forecast.contradicted, item.forecast.inconclusive)
    return "{:>5} / {:>6} / {:>4} %".format(*map(_percent, chances))


def _percent(chance: float) -> str:
    """Whole per cents; what is simulated is never certain."""
    if chance < 0.01:
        return "<1"
    return ">99" if chance > 0.99 else f"{100 * chance:.0f}"


def _known_width(item: Item) -> str:
    verdict = item.verdict
    if verdict is None or verdict.low is None or verdict.high is None:
        return "–"
    return f"± {_short((verdict.high - verdict.low) / 2)}"


def _widths(item: Item) -> str:
    if item.forecast is None:
        return "?"
    by_look = dict(zip(item.tier.looks, item.forecast.half_width, strict=True))
    return "± " + _range([_short(by_look[look.seeds]) for look in item.looks])


def _short(value: float) -> str:
    return f"{value:.2g}" if abs(value) < 100 else number(round(value))


def _margin(item: Item) -> str:
    band = item.effect.expect.band
    return f"± {_short(band)}" if band is not None else number(item.effect.margin)


def _range(texts: list[str]) -> str:
    """From the next look to the last."""
    return texts[0] if texts[0] == texts[-1] else f"{texts[0]}…{texts[-1]}"


def _mark(sources: Collection[str]) -> str:
    """What stands before a time: the least certain of the sources it comes from."""
    marks = [mark for source, (mark, _) in reversed(_SOURCES.items()) if source in sources]
    return [*marks, "~"][0] if sources else ""


def _span(seconds: list[float | None]) -> str:
    """A range of durations in the unit of the longest."""
    known = [each for each in seconds if each is not None]
    if not known:
        return "?"
    size, unit = _unit(max(known))
    texts = ["?" if each is None else _amount(each / size) for each in seconds]
    return f"{_range(texts)} {unit}"


def _unit(seconds: float) -> tuple[float, str]:
    for limit, size, unit in ((120, 1, "s"), (2 * 3600, 60, "min"), (48 * 3600, 3600, "h")):
        if seconds < limit:
            return size, unit
    return 24 * 3600, "d"


def _amount(value: float) -> str:
    if 0 < value < 0.1:
        return "<0.1"
    return f"{value:.1f}" if value < 10 and value != int(value) else f"{value:.0f}"


def totals(plan: Plan) -> str:
    """What the whole plan comes to, and what the marks mean."""
    lines = [_effects(plan), _trials(plan)]
    if plan.most.trials:
        lines.append(_time(plan))
    elif all(item.error is None for item in plan.items):
        lines.append("nothing has to be run")
    used = {source for item in plan.items for source in item.sources}
    lines += [f"{mark} {meaning}" for source, (mark, meaning) in _SOURCES.items() if source in used]
    if plan.most.unknown:
        lines.append("? no such trial was timed on this machine, nor its time recorded with a baseline")
    if any(item.inconclusive is None and item.error is None for item in plan.items):
        lines.append("? there is no forecast before two values are known, here or from a baseline")
    return "\n".join(textwrap.fill(line, _WIDTH, subsequent_indent="  ") for line in lines)


def _effects(plan: Plan) -> str:
    verdicts = [item.verdict.outcome for item in plan.items if item.verdict is not None]
    lost = sum(item.error is not None for item in plan.items)
    unknown = sum(item.inconclusive is None for item in plan.items) - lost
    text = f"effects: {len(plan.items)}, of which {len(verdicts)} have a verdict already"
    text += f" and {lost} cannot be planned" if lost else ""
    if lost + unknown < len(plan.items):
        text += f"; expected to end inconclusive: {_amount(plan.inconclusive)}"
        text += (
            f" ({verdicts.count(Outcome.inconclusive)} already)" if Outcome.inconclusive in verdicts else ""
        )
    return text + (f"; without a forecast: {unknown}" if unknown else "")


def _trials(plan: Plan) -> str:
    text = f"trials: {plan.cached} in the store"
    if plan.most.trials:
        counts = [f"{total.trials:.0f}" for total in (plan.next, plan.expected, plan.most)]
        text += f"; to run: {counts[0]} up to the next looks, {counts[1]} expected, {counts[2]} at most"
    if plan.spared:
        text += f"; sharing spares {plan.spared} runs"
    groups = sorted(plan.shared.items(), key=lambda each: -each[1])
    for cases, count in groups[:_GROUPS]:
        text += f"; {count} shared by {', '.join(cases)}"
    return text + (f"; and {len(groups) - _GROUPS} more groups" if len(groups) > _GROUPS else "")


def _time(plan: Plan) -> str:
    def shown(total: Total) -> str:
        unknown = f" + {_amount(total.unknown)} trials of unknown length" if total.unknown else ""
        return f"~{_span([total.seconds])}{unknown}"

    workers = f"{plan.workers} worker" + ("s" if plan.workers > 1 else "")
    if plan.most.unknown == plan.most.trials:
        return f"time on {workers}: unknown"
    what = ("up to the next looks", "expected", "at most")
    totals = (plan.next, plan.expected, plan.most)
    shares = (f"{shown(total)} {name}" for total, name in zip(totals, what, strict=True))
    return f"time on {workers}: " + ", ".join(shares)

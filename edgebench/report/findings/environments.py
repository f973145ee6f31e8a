"""What trials ran on, in words: the environments of records and of baselines, each once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from edgebench.judge.baseline import Baseline
from edgebench.report.findings.model import Environment, Seen, Source
from edgebench.run.record import Record

# What changes from trial to trial without telling a reader anything.
_PASSING = ("when", "load")


def environments_of(records: Iterable[Record], baseline: Baseline | None) -> tuple[Seen, ...]:
    """The environments of a claim's records at a tier, those that made most of them first, and of its baseline."""
    grouped: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for record in records:
        identity, state = (_mapping(record.environment.get(part)) for part in ("identity", "state"))
        facts = _facts({**identity, **{key: value for key, value in state.items() if key not in _PASSING}})
        grouped.setdefault(tuple(facts.items()), []).append(str(state.get("when", "")))
    found = [
        Seen(Environment(Source.store, dict(facts)), len(times), min(times), max(times))
        for facts, times in sorted(grouped.items(), key=lambda each: -len(each[1]))
    ]
    if baseline is not None and baseline.environment:
        when = baseline.recorded.when.isoformat()
        found.append(Seen(Environment(Source.baseline, _facts(baseline.environment)), 0, when, when))
    return tuple(found)


def _facts(content: Mapping[str, Any]) -> dict[str, str]:
    # Choices for speed are kept as a mapping of their own.
    flat: dict[str, str] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            flat |= {f"{key}.{name}": str(each) for name, each in value.items()}
        else:
            flat[key] = str(value)
    return dict(sorted(flat.items()))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}

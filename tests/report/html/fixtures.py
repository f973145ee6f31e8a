"""Items and claims that a page is made of, and text that tries to become part of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from edgebench.judge.expectation import parse_expectation
from edgebench.report.findings.model import Findings, Item, Source
from tests.report.fixtures import result_of

HOSTILE = "</script><script>hacked=1</script><img src=x onerror=hacked=1> \" ' & \u2028 {{ 7 * 7 }}"


def item_of(name: str, values: tuple[float, ...] = (), **changes: Any) -> Item:
    """An item with these values of seeds, or this exact one."""
    result = result_of(name, values, **changes)
    expect = parse_expectation(result.expectation)
    return Item(result, Source.store, expect, None, 0, len(values) > 1, "✓ as recorded")


def hostile(findings: Findings) -> Findings:
    """The findings with hostile text wherever a person writes text."""
    (paper,) = findings.papers
    claims = []
    for claim in paper.claims:
        tiers = tuple(
            replace(
                at,
                items=tuple(
                    replace(
                        item,
                        result=replace(
                            item.result,
                            unit=HOSTILE,
                            note=HOSTILE,
                            said=(HOSTILE,),
                            expression=HOSTILE,
                            item=HOSTILE,
                        ),
                    )
                    for item in at.items
                ),
                curves=tuple(
                    replace(
                        each, summary=HOSTILE, bands=tuple(replace(band, arm=HOSTILE) for band in each.bands)
                    )
                    for each in at.curves
                ),
                recorded=HOSTILE,
                command=HOSTILE,
            )
            for at in claim.tiers
        )
        texts = dict.fromkeys(("statement", "where", "note", "source", "path"), HOSTILE)
        claims.append(replace(claim, **texts, tags=(HOSTILE,), arms=(HOSTILE,), tiers=tiers))
    link = "javascript:hacked=1"
    paper = replace(paper, title=HOSTILE, authors=(HOSTILE,), note=HOSTILE, link=link, claims=tuple(claims))
    return replace(findings, papers=(paper,), broken=(HOSTILE,))

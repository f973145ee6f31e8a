"""The closing table of a run."""

from __future__ import annotations

import pytest

from edgebench.report.closing import closing
from tests.report.fixtures import result_of

EXACT = [
    result_of(f"params[{case}]", (float(case),), label="reproduced", claim="demo/blocks")
    for case in (1, 2, 3)
]
TRAINED = result_of("gain", (1.0, 2.0), label="inconclusive (underpowered) · proxy")


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()[2:]]


def test_exact_effects_that_ended_alike_share_a_row() -> None:
    text = closing([*EXACT, TRAINED])
    assert rows(text)[0] == [
        "demo/blocks",
        "params[1]",
        "and",
        "2",
        "more",
        "1",
        "reproduced",
        "✓",
        "as",
        "recorded",
    ]
    assert rows(text)[1][:5] == ["demo/trained", "gain", "3", "points", "1.5"]
    assert len(rows(text)) == 2


def test_what_differs_has_a_row_of_its_own() -> None:
    red = result_of(
        "params[4]", (4.0,), label="reproduced", claim="demo/blocks", green=False, baseline="drifted"
    )
    other = result_of("macs", (4.0,), label="contradicted", claim="demo/blocks")
    shown = rows(closing([EXACT[0], red, EXACT[1], other, EXACT[2]]))
    assert [row[0] if row[0] != "demo/blocks" else row[1] for row in shown] == [
        "params[1]",
        "params[4]",
        "macs",
    ]
    assert "DRIFTED" in shown[1]
    assert len(rows(closing(EXACT[:2]))) == 2, "two are no list"
    assert len(rows(closing(EXACT, everything=True))) == 3


@pytest.mark.parametrize("width", [30, 60, 100])
def test_a_narrow_terminal_gets_lines_that_fit(width: int) -> None:
    text = closing([*EXACT, TRAINED], width)
    assert max(map(len, text.splitlines())) <= width
    words = " ".join(text.split())
    for part in (
        "demo/blocks params[1] and 2 more: reproduced ✓ as recorded",
        "gain: inconclusive (underpowered) · proxy 1.5 [1, 2] (n 2), published 3 points, ✓ as recorded",
    ):
        assert part in words


def test_a_wide_terminal_gets_the_table() -> None:
    assert closing([TRAINED], 200) == closing([TRAINED])


def test_what_has_no_value_says_so() -> None:
    lost = result_of("gain", label="failed to run", baseline="not compared")
    assert closing([lost], 40).splitlines()[1:] == [
        "  gain: failed to run",
        "    published 3 points, – not compared",
    ]

"""Text from claims stays text in Markdown."""

from __future__ import annotations

import html

from hypothesis import given
from hypothesis import strategies as st

from edgebench.report.markdown import code, folded, table, text

SPECIAL = "\\`*_[]#|~<>&@$!"


@given(st.text(alphabet=st.sampled_from(list(SPECIAL + "ab 1;\n"))))
def test_nothing_special_is_left_and_nothing_is_lost(content: str) -> None:
    written = text(content)
    assert html.unescape(written) == " ".join(content.split())
    bare = written.replace("&#", "")
    assert not any(letter in bare for letter in SPECIAL)


def test_tables() -> None:
    rows = [[code("a|b::c[d]"), text("<script>")], ["", "1"]]
    assert table(["item", "n"], rows, right=("n",)).splitlines() == [
        "| item | n |",
        "| --- | ---: |",
        "| <code>a&#124;b::c&#91;d&#93;</code> | &#60;script&#62; |",
        "|  | 1 |",
    ]
    assert folded("more", "| a |").splitlines()[3:4] == ["| a |"], "a blank line before it, or it is no table"

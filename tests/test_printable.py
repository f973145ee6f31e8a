"""What may be shown of text from outside."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgebench.errors import BaselineError, EdgebenchError
from edgebench.printable import CONTROL, harmless, printable

# All code points, halves of surrogate pairs too.
TEXT = st.text(st.characters(codec=None, exclude_categories=()))
JSON = st.recursive(
    TEXT | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner)
)


def test_what_a_terminal_would_obey() -> None:
    assert printable("red \x1b[31m") == "red \\x1b[31m"
    assert printable("a\nb", lines=True) == "a\nb"
    assert printable("a\nb\r") == "a\\nb\\r"
    assert printable("é ± → 中") == "é ± → 中"
    assert harmless("\x9b31m \u202egnp.exe \ud800 \u2028") == "\\x9b31m \\u202egnp.exe \\ud800 \\u2028"
    assert harmless("a\tb\nc \u200d") == "a\tb\nc \u200d", "layout, and what joins letters, stay"


@given(TEXT)
def test_nothing_is_left(text: str) -> None:
    assert printable(text).isprintable()
    assert printable(text, lines=True).replace("\n", "").isprintable()
    assert not CONTROL.search(harmless(text))
    assert printable(printable(text)) == printable(text)


@given(JSON)
def test_nor_anywhere_in_json(content: object) -> None:
    def texts(each: object) -> list[str]:
        if isinstance(each, dict):
            return [text for pair in each.items() for part in pair for text in texts(part)]
        return (
            [each]
            if isinstance(each, str)
            else [t for e in each for t in texts(e)]
            if isinstance(each, list)
            else []
        )

    assert not any(CONTROL.search(text) for text in texts(harmless(content)))


@given(TEXT, TEXT)
def test_no_error_can_change_what_a_terminal_shows(found: str, other: str) -> None:
    error = EdgebenchError(found, expected=other, where=other, hint=other)
    assert str(error).replace("\n", "").isprintable()
    assert str(BaselineError(found)) == printable(found, lines=True)

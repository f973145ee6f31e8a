"""Reading YAML strictly: positions, and refusals."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from edgebench.claim import nodes
from edgebench.claim.nodes import read_file, read_text
from edgebench.claim.problems import ClaimFileError, Mark, Problem


def problems_of(text: str) -> list[Problem]:
    with pytest.raises(ClaimFileError) as caught:
        read_text(text, "x.yaml")
    return list(caught.value.problems)


def places(text: str) -> list[tuple[int, int]]:
    return [(problem.mark.line, problem.mark.column) for problem in problems_of(text)]


class TestScalars:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("1", 1), ("-7", -7), ("+3", 3), ("010", 10), ("1e-3", 1e-3), ("5E4", 5e4), (".5", 0.5), ("5.", 5.0),
            ("-1.5e+2", -150.0), ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
            ("no", "no"), ("on", "on"), ("1_000", "1_000"), ("0x1F", "0x1F"), ("12:30", "12:30"),
            ("2024-01-01", "2024-01-01"), ("'5'", "5"), ('"true"', "true"), ("1e", "1e"), (".", "."),
            ("~ 46.3 ± 0.1", "~ 46.3 ± 0.1"), ("٣", "٣"),
        ],
    )  # fmt: skip
    def test_follow_the_core_schema_of_yaml_1_2(self, text: str, value: object) -> None:
        found = read_text(f"a: {text}\n", "x").plain()["a"]
        assert found == value
        assert type(found) is type(value)

    @pytest.mark.parametrize(
        ("text", "value"), [(".inf", math.inf), ("-.INF", -math.inf), ("+.Inf", math.inf)]
    )
    def test_infinities_are_read_and_left_to_validation(self, text: str, value: float) -> None:
        assert read_text(f"a: {text}", "x").plain()["a"] == value

    def test_nan_is_read_and_left_to_validation(self) -> None:
        assert math.isnan(read_text("a: .nan", "x").plain()["a"])

    def test_a_number_of_very_many_digits_is_refused(self) -> None:
        assert read_text(f"a: {'9' * 300}", "x").plain()["a"] == 10**300 - 1
        (problem,) = problems_of(f"b: 1\na: {'9' * 5000}")
        assert "5000 digits" in problem.message
        assert (problem.mark.line, problem.mark.column) == (2, 4)

    def test_block_scalars_are_text(self) -> None:
        assert read_text("a: |\n  5\n", "x").plain() == {"a": "5\n"}


class TestPositions:
    def test_count_from_one_in_characters(self) -> None:
        node = read_text("a:\n  b: [1, {c: 2}]\n  'é': 3\n", "x")
        assert node.locate(("a",)) == Mark("x", 1, 1)
        assert node.locate(("a", "b")) == Mark("x", 2, 3)
        assert node.locate(("a", "b", 0)) == Mark("x", 2, 7)
        assert node.locate(("a", "b", 1, "c")) == Mark("x", 2, 11)
        assert node.locate(("a", "é")) == Mark("x", 3, 3)

    def test_of_what_is_missing_is_that_of_the_nearest_enclosing_value(self) -> None:
        node = read_text("a:\n  b: [1]\n", "x")
        assert node.locate(("a", "nothing", "below")) == Mark("x", 1, 1)
        assert node.locate(("a", "b", 5)) == Mark("x", 2, 3)
        assert node.locate(("a", "b", "c")) == Mark("x", 2, 3)

    def test_a_letter_of_several_bytes_is_one_column(self) -> None:
        assert places("ééé: {x: 1, x: 2}") == [(1, 13)]

    def test_a_byte_order_mark_takes_no_column(self, tmp_path: Path) -> None:
        path = tmp_path / "x.yaml"
        path.write_bytes(b"\xef\xbb\xbfa: 1\na: 2\n")
        with pytest.raises(ClaimFileError) as caught:
            read_file(path)
        assert caught.value.problems[0].mark == Mark(str(path), 2, 1)
        path.write_bytes(b"\xef\xbb\xbf<<<<<<< ours\na: 1\n")
        with pytest.raises(ClaimFileError, match=":1:1: merge-conflict"):
            read_file(path)
        path.write_bytes(b"\xef\xbb\xbfa: 1\n")
        assert read_file(path).locate(("a",)) == Mark(str(path), 1, 1)

    def test_windows_line_ends_count_once(self) -> None:
        assert places("a: 1\r\nb: 2\r\nb: 3\r\n") == [(3, 1)]


class TestRefusals:
    def test_every_duplicate_key_is_listed_with_the_first(self) -> None:
        found = problems_of("a: 1\nb: {c: 1, c: 2}\na: 2\na: 3\n")
        assert [(each.mark.line, each.mark.column) for each in found] == [(2, 11), (3, 1), (4, 1)]
        assert found[1].message == "duplicate key 'a' (first at line 1, column 1)"

    def test_keys_are_names_as_written(self) -> None:
        assert read_text("{5: a, true: b, ~: c}", "x").plain() == {"5": "a", "true": "b", "~": "c"}
        assert len(problems_of("{5: a, '5': b}")) == 1

    @pytest.mark.parametrize(
        ("text", "line", "column", "words"),
        [
            ("a: !!python/object/apply:os.system [ls]", 1, 4, "tag"),
            ("a: !!str 5", 1, 4, "tag"),
            ("a: !secret x", 1, 4, "tag"),
            ("a: 1\n---\nb: 2", 2, 1, "second document"),
            ("a: 1\nb: &x 2", 2, 4, "anchors"),
            ("a: 1\nb: *x", 2, 4, "anchors"),
            ("? [1]\n: 2", 1, 3, "as a key"),
            ("? {a: 1}\n: 2", 1, 3, "as a key"),
            ("a:\n\tb: 1", 2, 1, "indent with spaces"),
            ("a: > 0", 1, 6, "needs quotes"),
            ("a: b: c", 1, 5, "needs quotes"),
            ("a: 1\n<<<<<<< ours\nb: 2\n", 2, 1, "merge-conflict"),
            ("a: 1\n=======\nb: 2\n", 2, 1, "merge-conflict"),
            ("a: 1\r\n=======\r\nb: 2\r\n", 2, 1, "merge-conflict"),
            ("a: 1\n>>>>>>> theirs\n", 2, 1, "merge-conflict"),
            ("a: [1,\nb: 2\n", 3, 1, "not valid YAML"),
            ("a: 'x", 1, 6, "not valid YAML"),
            ("a: 1\nb: x\0y\n", 2, 5, "is not allowed"),
            ("a: \x1b[31m", 1, 4, "is not allowed"),
            ("a: \x7f", 1, 4, "is not allowed"),
            ("- 1\n- 2\n", 1, 1, "found a list"),
            ("5", 1, 1, "found the number 5"),
            ("just words", 1, 1, "found the text 'just words'"),
            ("", 1, 1, "empty"),
            ("# only a comment\n", 1, 1, "empty"),
            ("---\n", 1, 1, "empty"),
            ("~", 1, 1, "empty"),
            ("%YAML 9.9\n---\na: 1", 1, 1, "not valid YAML"),
        ],
    )  # fmt: skip
    def test_what_is_not_a_plain_mapping_is_refused_at_its_place(
        self, text: str, line: int, column: int, words: str
    ) -> None:
        (problem,) = problems_of(text)
        assert words in str(problem)
        assert (problem.mark.line, problem.mark.column) == (line, column)

    @pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
    def test_deep_nesting_is_refused_before_it_hurts(self, opening: str) -> None:
        (problem,) = problems_of(f"a:\n {opening * 10_000}")
        assert "nested deeper" in problem.message

    def test_an_anchor_bomb_is_refused_at_its_first_anchor(self) -> None:
        bomb = "a: &a [x, x]\n" + "".join(f"b{i}: &b{i} [*a, *a]\n" for i in range(50))
        (problem,) = problems_of(bomb)
        assert problem.mark == Mark("x.yaml", 1, 4)

    def test_very_many_values_are_refused(self) -> None:
        (problem,) = problems_of("a: [" + "1, " * 60_000 + "]")
        assert "more than 50000 values" in problem.message

    def test_problems_before_a_syntax_error_are_kept(self) -> None:
        assert places("a: 1\na: 2\nb: [\n") == [(2, 1), (4, 1)]

    def test_a_caller_may_go_on_after_duplicate_keys_but_not_after_a_syntax_error(self) -> None:
        found: list[Problem] = []
        assert read_text("a: 1\na: !x 2\n", "x", found).plain() == {"a": 1}
        assert len(found) == 2
        with pytest.raises(ClaimFileError):
            read_text("a: [", "x", [])
        with pytest.raises(ClaimFileError):
            read_text("[a, !x b]", "x", [])

    def test_without_libyaml_the_answers_are_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(nodes, "_Loader", yaml.SafeLoader)
        assert read_text("a: {b: [1, x]}\n", "x").plain() == {"a": {"b": [1, "x"]}}
        assert places("ééé: {x: 1, x: 2}") == [(1, 13)]
        assert "indent with spaces" in str(problems_of("a:\n\tb: 1")[0])
        assert "nested deeper" in problems_of("[" * 10_000)[0].message
        assert "second document" in problems_of("a: 1\n---\nb: 2")[0].message


class TestFiles:
    def refused(self, path: Path) -> Problem:
        with pytest.raises(ClaimFileError) as caught:
            read_file(path)
        (problem,) = caught.value.problems
        assert problem.mark == Mark(str(path), 1, 1)
        return problem

    @pytest.mark.parametrize(
        "content",
        [b"\x89PNG\r\n\x1a\n\0\0", "a: é\n".encode("latin-1"), "a: 1\n".encode("utf-16"), b"a: \xed\xa0\x80"],
        ids=["png", "latin-1", "utf-16", "surrogate"],
    )
    def test_what_is_not_utf_8_is_refused(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "x.yaml").write_bytes(content)
        assert "is not UTF-8" in self.refused(tmp_path / "x.yaml").message

    def test_utf_16_without_a_mark_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "x.yaml").write_bytes("a: 1\n".encode("utf-16-le"))
        with pytest.raises(ClaimFileError, match=r"x.yaml:1:2: character '.x00' is not allowed"):
            read_file(tmp_path / "x.yaml")

    def test_a_missing_file(self, tmp_path: Path) -> None:
        assert "No such file" in self.refused(tmp_path / "x.yaml").message

    def test_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "x.yaml").mkdir()
        assert "not a regular file" in self.refused(tmp_path / "x.yaml").message

    def test_a_pipe_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "x.yaml")
        assert "not a regular file" in self.refused(tmp_path / "x.yaml").message

    def test_a_file_that_may_not_be_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "x.yaml").write_text("a: 1")

        def refuse(path: Path) -> bytes:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "read_bytes", refuse)  # root may read everything, so that modes are no test
        assert "Permission denied" in self.refused(tmp_path / "x.yaml").message

    def test_a_huge_file_is_not_read(self, tmp_path: Path) -> None:
        (tmp_path / "x.yaml").write_text("# " + "x" * nodes.MAX_BYTES)
        assert "larger than" in self.refused(tmp_path / "x.yaml").message

    def test_a_loop_of_links_and_a_name_too_long(self, tmp_path: Path) -> None:
        (tmp_path / "x.yaml").symlink_to(tmp_path / "x.yaml")
        assert "cannot be read" in self.refused(tmp_path / "x.yaml").message
        assert "cannot be read" in self.refused(tmp_path / ("x" * 5000)).message
        assert "cannot be read" in self.refused(tmp_path / "x\0y").message


finite = st.floats(allow_nan=False, allow_infinity=False)
# Without the characters that YAML forbids or takes for line breaks.
words = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Cn", "Co", "Zl", "Zp"]))
yamlish = st.text(alphabet="ab01:-?[]{}&*!|>'\"%@`#,. \n\t\r~é\0=<", max_size=60)


class TestAnything:
    @given(st.binary(max_size=200))
    def test_bytes_are_read_or_refused(
        self, tmp_path_factory: pytest.TempPathFactory, content: bytes
    ) -> None:
        path = tmp_path_factory.getbasetemp() / "bytes.yaml"
        path.write_bytes(content)
        try:
            node = read_file(path)
        except ClaimFileError:
            return
        assert isinstance(node.plain(), dict)

    @given(yamlish | st.text(max_size=60))
    def test_text_is_read_or_refused_within_its_lines(self, text: str) -> None:
        try:
            read_text(text, "x")
        except ClaimFileError as error:
            for problem in error.problems:
                assert 1 <= problem.mark.line <= len(text.splitlines()) + 1
                assert problem.mark.column >= 1
                assert "\n" not in str(problem)

    @given(
        st.dictionaries(
            st.text("abc", min_size=1),
            st.recursive(
                st.none() | st.booleans() | st.integers() | finite | words,
                lambda inner: (
                    st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3)
                ),
                max_leaves=8,
            ),
        )
    )
    def test_what_json_writes_is_read_back(self, value: Any) -> None:
        assert read_text(json.dumps(value, ensure_ascii=False), "x").plain() == value


@pytest.mark.parametrize(
    "character", ["\\e", "\\a", "\\0", "\\x9b", "\\r", "\\u202e", "\\u2066", "\\L", "\\N"]
)
def test_characters_that_control_a_terminal_cannot_be_written_with_letters_either(character: str) -> None:
    for text in (f'a: "x{character}y"\n', f'"x{character}": 1\n'):
        (problem,) = problems_of(text)
        assert "controls a terminal" in problem.message
        assert str(problem).isprintable()
    assert read_text('a: "x\\ty\\nz"', "x.yaml").plain() == {"a": "x\ty\nz"}

"""A strict reading of YAML into nodes that remember where they stand.

PyYAML parses; the nodes are built here from its event stream, because that is the one place where duplicate keys,
aliases and depth can be refused before anything is constructed. Scalars follow YAML 1.2's core schema, so that
`1e-3` is a number and `no` is a word.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from edgebench.claim.problems import ClaimFileError, Mark, Problem
from edgebench.printable import CONTROL

MAX_BYTES = 1 << 20
MAX_DEPTH = 24
MAX_NODES = 50_000

# The C parser is ten times faster where libyaml is there.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_SPECIAL = re.compile(r"([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z")
_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_CONFLICT = re.compile(r"^(<{7}|={7}|>{7}|\|{7})( |\r?$)", re.MULTILINE)
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HINTS = {
    "block scalar": 'a text that begins with > or | needs quotes: expect: "> 0"',
    "cannot start any token": "indent with spaces; a text that begins with %, @ or ` needs quotes",
    "mapping values are not allowed": "a text with a colon and a space in it needs quotes",
}


@dataclass(frozen=True)
class Node:
    """A YAML value with its position; `keys` holds the positions of a mapping's keys."""

    value: Any  # scalar, list[Node] or dict[str, Node]
    mark: Mark
    keys: dict[str, Mark] = field(default_factory=dict)

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.value, dict)

    def get(self, key: str) -> Node | None:
        return self.value.get(key) if isinstance(self.value, dict) else None

    def plain(self) -> Any:
        """The value as ordinary dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def without(self, *keys: str) -> Node:
        kept = {key: node for key, node in self.value.items() if key not in keys}
        return Node(kept, self.mark, {key: mark for key, mark in self.keys.items() if key in kept})

    def locate(self, path: tuple[int | str, ...]) -> Mark:
        """The position of the value at `path`, or of the nearest enclosing one that exists."""
        node, mark = self, self.mark
        for step in path:
            if isinstance(node.value, dict) and step in node.value:
                mark, node = node.keys[str(step)], node.value[step]
            elif isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
                mark = node.mark
            else:
                break
        return mark


def read_file(path: Path, problems: list[Problem] | None = None) -> Node:
    """Read one YAML document, a mapping.

    Args:
        path: the file.
        problems: where to put problems that leave something to read (duplicate keys, tags), so that the rest can
            be checked as well; without it they are raised.

    Raises:
        ClaimFileError: with every problem that could be found before reading had to stop.
    """
    start = Mark(str(path), 1, 1)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
            raise ClaimFileError([Problem(start, "cannot be read: not a regular file")])
        if status.st_size > MAX_BYTES:
            raise ClaimFileError([Problem(start, f"file is larger than {MAX_BYTES} bytes")])
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        message = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        raise ClaimFileError([Problem(start, message)]) from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = Problem(start, f"not a text file (byte {error.start} is not UTF-8); expected YAML")
        raise ClaimFileError([problem]) from None
    return read_text(text, str(path), problems)


def read_text(text: str, file: str, problems: list[Problem] | None = None) -> Node:
    """Like `read_file`, for text already in memory; `file` is used in positions only."""
    start = Mark(file, 1, 1)
    if forbidden := _FORBIDDEN.search(text):
        mark = _mark_at(text, forbidden.start(), file)
        message = f"character {forbidden.group()!r} is not allowed in YAML"
        raise ClaimFileError([Problem(mark, message, "is this a text file?")])
    if conflict := _CONFLICT.search(text):
        mark = _mark_at(text, conflict.start(), file)
        message = f"merge-conflict marker '{conflict.group(1)}'"
        raise ClaimFileError([Problem(mark, message, "resolve the conflict first")])
    builder = _Builder(file)
    try:
        node = builder.document(yaml.parse(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        mark = Mark(file, at.line + 1, at.column + 1) if at else start
        context = f"{error.context}: " if error.context else ""
        message = f"{context}{error.problem}"
        hint = next((hint for words, hint in _HINTS.items() if words in message), None)
        found = Problem(mark, f"not valid YAML: {message}", hint)
        raise ClaimFileError([*builder.problems, found]) from None
    except (yaml.YAMLError, ValueError) as error:
        raise ClaimFileError([*builder.problems, Problem(start, f"not valid YAML: {error}")]) from None
    if node is None or (node.value is None and not builder.problems):
        raise ClaimFileError([Problem(start, "the file is empty", "see CONTRIBUTING.md for an example")])
    if not node.is_mapping:
        builder.problems.append(Problem(node.mark, f"found {describe(node.value)}; expected keys and values"))
    if builder.problems and (problems is None or not node.is_mapping):
        raise ClaimFileError(builder.problems)
    if problems is not None:
        problems.extend(builder.problems)
    return node


def _mark_at(text: str, offset: int, file: str) -> Mark:
    before = text[:offset]
    return Mark(file, before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)


class _Builder:
    """Builds nodes from parser events and collects the problems met on the way."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.count = 0

    def document(self, events: Iterator[yaml.Event]) -> Node | None:
        node = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self.report(event, "a second document starts here; expected one document a file")
                    break
                node = self.node(next(events), events, 0)
        return node

    def node(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Node:
        mark = self.mark(event)
        self.count += 1
        if depth > MAX_DEPTH:
            self.stop(mark, f"nested deeper than {MAX_DEPTH} levels")
        if self.count > MAX_NODES:
            self.stop(mark, f"more than {MAX_NODES} values in one file")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            self.stop(mark, "YAML anchors and aliases are not allowed", "share settings through a recipe")
        tag = getattr(event, "tag", None)
        if tag and tag != "!":
            self.report(event, f"YAML tag '{tag}' is not allowed", "write a plain value")
        if isinstance(event, yaml.ScalarEvent):
            if hidden := CONTROL.search(event.value):  # which "\e" writes with letters
                message = (
                    f"the text has the character {hidden.group()!r}; expected none that controls a terminal"
                )
                self.problems.append(Problem(mark, message))
            return Node(self.scalar(event), mark)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(child := next(events), yaml.SequenceEndEvent):
                items.append(self.node(child, events, depth + 1))
            return Node(items, mark)
        return self.mapping(mark, events, depth)

    def mapping(self, mark: Mark, events: Iterator[yaml.Event], depth: int) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, Mark] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key_node = self.node(event, events, depth + 1)
            value = self.node(next(events), events, depth + 1)
            # Keys are names: `5:` and `true:` are taken as written, so that epochs and words may be keys.
            if isinstance(key_node.value, list | dict):
                self.problems.append(Problem(key_node.mark, "found a collection as a key; expected a name"))
                continue
            key = str(event.value) if isinstance(event, yaml.ScalarEvent) else ""
            if key in values:
                first = keys[key]
                place = f"first at line {first.line}, column {first.column}"
                self.problems.append(Problem(key_node.mark, f"duplicate key '{key[:60]}' ({place})"))
                continue
            values[key], keys[key] = value, key_node.mark
        return Node(values, mark, keys)

    def scalar(self, event: yaml.ScalarEvent) -> Any:
        text = event.value
        if event.style:  # quoted or block: always text
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INT.match(text):
            if len(text) > 300:
                self.stop(self.mark(event), f"number of {len(text)} digits; expected at most 300")
            return int(text)
        if _FLOAT.match(text):
            return float(text)
        if _SPECIAL.match(text):
            return float(text.replace(".", "", 1))
        return text

    def mark(self, event: yaml.Event) -> Mark:
        assert event.start_mark is not None, "the parser marks every event"
        return Mark(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def report(self, event: yaml.Event, message: str, hint: str | None = None) -> None:
        self.problems.append(Problem(self.mark(event), message, hint))

    def stop(self, mark: Mark, message: str, hint: str | None = None) -> None:
        raise ClaimFileError([*self.problems, Problem(mark, message, hint)])


def describe(value: Any) -> str:
    """A value in words for an error message: its kind and, when short, the value itself."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return f"the text '{value if len(value) <= 60 else value[:57] + '…'}'"
    if isinstance(value, bool):
        return f"the truth value {str(value).lower()}"
    return f"the number {str(value)[:60]}"


def overlay(base: Node | None, top: Node | None) -> Node | None:
    """Lay `top` over `base`: mappings merge key by key, and the nearest key wins.

    Anything but two mappings is replaced whole. A mapping that names something else (another `name:`) starts afresh,
    because the other keys belonged to the thing it replaces; `digits` is short for `{name: digits}`, on either side.
    """
    if base is None or top is None:
        return top if base is None else base
    if isinstance(base.value, str) and top.is_mapping:
        base = Node({"name": base}, base.mark, {"name": base.mark})
    elif isinstance(top.value, str) and base.is_mapping:
        top = Node({"name": top}, top.mark, {"name": top.mark})
    if not (base.is_mapping and top.is_mapping):
        return top
    named, was = top.get("name"), base.get("name")
    if named and was and isinstance(named.value, str) and named.value != was.value:
        return top
    values, keys = dict(base.value), dict(base.keys)
    for key, node in top.value.items():
        merged = overlay(values.get(key), node)
        assert merged is not None
        values[key], keys[key] = merged, top.keys[key]
    return Node(values, top.mark, keys)

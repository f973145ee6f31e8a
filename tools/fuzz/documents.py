"""YAML files that are nearly what they should be: real ones with their tree, their lines or their bytes changed, and bombs."""

# ruff: noqa: E501 (tables of hostile values read best dense)

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random
from typing import Any

import yaml

from tools.fuzz import atoms, expressions, raw

Tree = Any  # dict, list or scalar

_TOKENS = (
    "&a", "*a", "!!python/object:os.system", "!!binary aGk=", "!!set", "!!int", "!", "<<: *a", "? ", ": ", "- ", "---\n",
    "...\n", "%YAML 1.1\n", "%TAG ! tag:x\n", "|\n", ">-\n", "|9\n", "#", "\t", "{", "}", "[", "]", ",", "'", '"', '"\\ud800"',
    '"\\x1b[31m"', '"\\0"', '"\\u202e"', '"\\U0010ffff"', '"\\L"', "\r", "\r\n", "\x85", "\u2028", "\ufeff", "\x00", "\x1b",
    "<<<<<<< ours\n", "=======\n", ">>>>>>> theirs\n", "@", "`", "  ", "matrix: ", "trends: ", "recipe: ", "include: ",
)  # fmt: skip


class Documents:
    """Makes inputs from real files.

    Args:
        seeds: their texts.
        keys: names that may stand somewhere in them.
    """

    def __init__(self, seeds: Sequence[str], keys: Sequence[str]) -> None:
        self.texts = sorted(seeds)
        self.bytes = [text.encode() for text in self.texts]
        self.trees: list[Tree] = [yaml.load(text, Loader=yaml.CSafeLoader) for text in self.texts]
        self.keys = sorted(keys)
        self.usual: dict[object, list[Tree]] = {}  # the values that a key has somewhere
        for tree in self.trees:
            for place in _containers(tree):
                for key, value in place.items() if isinstance(place, dict) else ():
                    self.usual.setdefault(key, []).append(value)

    def sample(self, random: Random) -> bytes:
        pick = random.random()
        if pick < 0.6:
            return emitted(self._changed_tree(random), random).encode("utf-8", "surrogatepass")
        if pick < 0.8:
            return self._changed_lines(random).encode("utf-8", "surrogatepass")
        if pick < 0.96:
            return raw.mutated(random.choice(self.bytes), self.bytes, random)
        return bomb(random)

    def _changed_tree(self, random: Random) -> Tree:
        tree = _copy(random.choice(self.trees))
        gentle = random.random() < 0.4
        for _ in range(1 + int(random.expovariate(0.7))):
            if gentle:
                self._vary(tree, random)
            else:
                self._change(tree, random)
        return tree

    def _vary(self, tree: Tree, random: Random) -> None:
        """One value replaced by one that its key has elsewhere, or by another of its kind, in place."""
        place = random.choice(
            [each for each in _containers(tree) if isinstance(each, dict) and each] or [{"": 0}]
        )
        key = random.choice(list(place))
        alike = random.random() < 0.7
        place[key] = (
            _copy(random.choice(self.usual[key]))
            if alike and key in self.usual
            else self._near(key, place[key], random)
        )

    def _change(self, tree: Tree, random: Random) -> None:
        """One change to a place of the tree, in place."""
        place = random.choice(list(_containers(tree)))
        if isinstance(place, list):
            if not place or random.random() < 0.3:
                place.insert(random.randrange(len(place) + 1), self._value(random))
            elif random.random() < 0.5:
                place[random.randrange(len(place))] = self._value(random)
            else:
                place *= random.choice((0, 2, 3))
            return
        keys = list(place)
        pick = random.random()
        if not keys or pick < 0.2:
            place[self._key(random)] = self._value(random)
        elif pick < 0.3:
            del place[random.choice(keys)]
        elif pick < 0.4:
            key = random.choice(keys)
            place[_misspelt(str(key), random)] = place.pop(key)
        elif pick < 0.5:
            place[random.choice(keys)] = _copy(self._part(random))
        elif pick < 0.6:
            key = random.choice(keys)
            place[key] = _wrapped(place[key], random)
        elif pick < 0.65:
            place |= {
                f"{self._key(random)}{i}": self._value(random) for i in range(random.choice((3, 30, 300)))
            }
        else:
            key = random.choice(keys)
            place[key] = self._near(key, place[key], random)

    def _near(self, key: object, value: Tree, random: Random) -> Tree:
        """Another value of the kind that stands there, or any."""
        if key == "value" and random.random() < 0.8:
            return expressions.expression(random)
        if key == "expect" and random.random() < 0.8:
            return expressions.expectation(random)
        if isinstance(value, bool) and random.random() < 0.7:
            return not value
        if isinstance(value, int | float) and random.random() < 0.7:
            return random.choice((
                value * 2, -value, value + 1, value // 2, value / 3, 0, 1, 2, 3, 10, 0.5, 1e6, 1e18, 2**64, float("inf"), float("nan")
            ))  # fmt: skip
        return self._value(random)

    def _value(self, random: Random) -> Tree:
        pick = random.random()
        if pick < 0.4:
            return atoms.text(random)
        if pick < 0.55:
            return random.choice(
                (None, True, False, {}, [], 0, -1, 1.5, [[]], {"": {}}, [1, 2, 3], ["a", "b"])
            )
        if pick < 0.7:
            return _copy(self._part(random))
        if pick < 0.8:
            return expressions.expression(random)
        if pick < 0.9:
            return random.choice(self.keys)
        return {self._key(random): self._value(random) for _ in range(random.randrange(3))}

    def _key(self, random: Random) -> str:
        return random.choice(self.keys) if random.random() < 0.8 else atoms.text(random)

    def _part(self, random: Random) -> Tree:
        """Any part of any file."""
        place = random.choice(list(_containers(random.choice(self.trees))))
        inner = list(place.values()) if isinstance(place, dict) else place
        return random.choice(inner) if inner else place

    def _changed_lines(self, random: Random) -> str:
        lines = random.choice(self.texts).splitlines(keepends=True)
        for _ in range(1 + int(random.expovariate(0.7))):
            at = random.randrange(len(lines) + 1) if lines else 0
            line = lines[at] if at < len(lines) else ""
            match random.randrange(7):
                case 0 if line:
                    del lines[at]
                case 1:
                    lines.insert(at, line)
                case 2 if line:
                    lines[at] = " " * random.randrange(1, 5) + line
                case 3 if line:
                    lines[at] = line.lstrip()
                case 4:
                    within = random.randrange(len(line) + 1)
                    token = random.choice(_TOKENS) if random.random() < 0.7 else atoms.text(random)
                    lines[at : at + 1] = [line[:within] + token + line[within:]]
                case 5:
                    lines[at:at] = random.choice(self.texts).splitlines(keepends=True)[
                        :: random.choice((1, 2, 5))
                    ]
                case _ if line:
                    other = random.randrange(len(lines))
                    lines[at], lines[other] = lines[other], line
        return "".join(lines)


def emitted(tree: Tree, random: Random) -> str:
    """The tree as YAML: the first level in lines, all below in the flow style, or in lines as well."""
    if isinstance(tree, dict) and random.random() < 0.9:
        deep = random.random() < 0.3
        lines = []
        for key, value in tree.items():
            if deep and isinstance(value, dict) and value:
                inner = "\n".join(
                    f"  {_scalar(name, random)}: {_flow(each, random)}" for name, each in value.items()
                )
                lines.append(f"{_scalar(key, random)}:\n{inner}")
            else:
                lines.append(f"{_scalar(key, random)}: {_flow(value, random)}")
        return "\n".join(lines) + "\n"
    return _flow(tree, random)


def _flow(value: Tree, random: Random) -> str:
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(f"{_scalar(key, random)}: {_flow(each, random)}" for key, each in value.items())
            + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(_flow(each, random) for each in value) + "]"
    return _scalar(value, random)


def _scalar(value: Tree, random: Random) -> str:
    if value is None:
        return random.choice(("null", "~", ""))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(repr(value), repr(value))
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):  # a date
        return str(value)
    plain = value and value.replace("-", "").replace("_", "").replace(".", "").isalnum()
    if plain and value not in atoms.WORDS and random.random() < 0.9:
        return value
    if random.random() < 0.05:
        return value
    if random.random() < 0.2 and "\n" not in value:
        return "'" + value.replace("'", "''") + "'"
    return json.dumps(value, ensure_ascii=random.random() < 0.7)


def _containers(tree: Tree) -> Any:
    if isinstance(tree, dict | list):
        yield tree
        for each in tree.values() if isinstance(tree, dict) else tree:
            yield from _containers(each)


def _copy(tree: Tree) -> Tree:
    if isinstance(tree, dict):
        return {key: _copy(value) for key, value in tree.items()}
    return [_copy(each) for each in tree] if isinstance(tree, list) else tree


def _misspelt(key: str, random: Random) -> str:
    at = random.randrange(len(key) + 1)
    return random.choice(
        (key[:at] + key[at + 1 :], key[:at] + random.choice("aeiz_-. é") + key[at:], key.upper(), key * 2)
    )


def _wrapped(value: Tree, random: Random) -> Tree:
    """The value deep within lists or mappings, or many times."""
    if random.random() < 0.3:
        return [value] * random.choice((1, 2, 50, 600))
    for _ in range(random.choice((1, 2, 5, 23, 24, 25, 40))):
        value = [value] if random.random() < 0.5 else {"a": value}
    return value


def bomb(random: Random) -> bytes:
    """A small or large file that could cost a reader much: nesting, aliases, long names, many keys, huge numbers."""
    size = int(10 ** random.uniform(1, 5.3))
    few = min(size, 20_000)
    match random.randrange(16):
        case 0:
            return b"[" * size
        case 1:
            return b"{a: " * size
        case 2:
            return b"- " * size
        case 3:
            return b"? " * few
        case 4:
            return b"a: &a [x, x]\n" + b"".join(
                b"k%d: &k%d [*a, *a]\n" % (i, i) for i in range(min(size, 50))
            )
        case 5:
            return b"".join(b"k%d: 1\n" % i for i in range(few))
        case 6:
            return b"a: " + b"9" * size
        case 7:
            return b"a: 1e" + b"9" * size
        case 8:
            return b"x" * size + b": 1\n"
        case 9:
            return b"arms: {" + b", ".join(b"a%d: {zz: 1}" % i for i in range(few // 2)) + b"}"
        case 10:
            axes = b", ".join(b"a%d: {x: {}, y: {}, z: {}}" % i for i in range(random.randrange(1, 40)))
            return b"claim: x\nmatrix: {" + axes + b"}\n"
        case 11:
            return (
                b"effects: {"
                + b", ".join(b"e%d: {value: a.b, expect: '> 0'}" % i for i in range(few // 4))
                + b"}"
            )
        case 12:
            return b"tags: [" + b", ".join(b"t%d" % i for i in range(few)) + b"]"
        case 13:
            return b"a: '" + b"\\x1b[31m" * few + b"'\n" + b"b: " + b'"\\u202e"' * 3
        case 14:
            return b"a: |\n" + b"  x\n" * few
        case _:
            return b"tiers: {smoke: {looks: [" + b", ".join(b"%d" % i for i in range(few)) + b"]}}"

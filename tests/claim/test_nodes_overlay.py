"""The rules by which layers are merged."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.claim.nodes import Node, overlay, read_text
from edgebench.claim.problems import Mark


def laid(base: Any, top: Any) -> Any:
    merged = overlay(node_of(base), node_of(top))
    assert merged is not None
    return merged.plain()


def node_of(value: Any) -> Node:
    mark = Mark("x", 1, 1)
    if isinstance(value, dict):
        return Node({key: node_of(each) for key, each in value.items()}, mark, dict.fromkeys(value, mark))
    if isinstance(value, list):
        return Node([node_of(each) for each in value], mark)
    return Node(value, mark)


# Every key has one kind of value, as in settings: two layers never disagree whether it is a mapping.
plain_layers = st.fixed_dictionaries(
    {},
    optional={
        "lr": st.integers(0, 3),
        "shape": st.lists(st.integers(0, 3), max_size=2),
        "augment": st.fixed_dictionaries({}, optional={"crop": st.integers(0, 3), "flip": st.booleans()}),
    },
)
named = st.fixed_dictionaries({}, optional={"name": st.sampled_from("ab"), "width": st.integers(0, 3)})
layers = st.tuples(plain_layers, st.sampled_from("ab") | named).map(
    lambda both: {**both[0], "model": both[1]}
)


class TestOverlay:
    @pytest.mark.parametrize(
        ("base", "top", "merged"),
        [
            ({"a": 1, "b": 2}, {"b": 3, "c": 4}, {"a": 1, "b": 3, "c": 4}),
            ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}, {"a": {"b": 1, "c": 3}}),
            ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
            ({"a": {"b": 1}}, {"a": None}, {"a": None}),
            ({"a": {"b": 1}}, {"a": 5}, {"a": 5}),
            ({"a": 5}, {"a": {"b": 1}}, {"a": {"b": 1}}),
            # another name starts afresh, the same name or none does not
            ({"m": {"name": "x", "k": 1}}, {"m": {"name": "y"}}, {"m": {"name": "y"}}),
            ({"m": {"name": "x", "k": 1}}, {"m": {"name": "x"}}, {"m": {"name": "x", "k": 1}}),
            ({"m": {"name": "x", "k": 1}}, {"m": {"k": 2}}, {"m": {"name": "x", "k": 2}}),
            ({"m": {"k": 1}}, {"m": {"name": "x"}}, {"m": {"name": "x", "k": 1}}),
            # a word is short for a name, on either side
            ({"m": "x"}, {"m": {"k": 1}}, {"m": {"name": "x", "k": 1}}),
            ({"m": "x"}, {"m": {"name": "y", "k": 1}}, {"m": {"name": "y", "k": 1}}),
            ({"m": {"name": "x", "k": 1}}, {"m": "x"}, {"m": {"name": "x", "k": 1}}),
            ({"m": {"name": "x", "k": 1}}, {"m": "y"}, {"m": {"name": "y"}}),
            ({"m": {"k": 1}}, {"m": "x"}, {"m": {"name": "x", "k": 1}}),
            ({"m": "x"}, {"m": "y"}, {"m": "y"}),
            # an arm called name is no name
            ({"name": {"a": 1}, "b": {}}, {"name": {"a": 2}}, {"name": {"a": 2}, "b": {}}),
        ],
    )  # fmt: skip
    def test_rules(self, base: Any, top: Any, merged: Any) -> None:
        assert laid(base, top) == merged

    def test_of_nothing_is_the_other(self) -> None:
        node = node_of({"a": 1})
        assert overlay(None, node) is node
        assert overlay(node, None) is node
        assert overlay(None, None) is None

    def test_leaves_its_arguments_alone(self) -> None:
        base, top = node_of({"a": {"b": 1}}), node_of({"a": {"c": 2}, "d": 3})
        overlay(base, top)
        assert base.plain() == {"a": {"b": 1}}
        assert top.plain() == {"a": {"c": 2}, "d": 3}

    def test_keeps_the_position_of_the_nearest_key(self) -> None:
        base = read_text("m: x\nopt:\n  lr: 1\n  momentum: 2\n", "base")
        top = read_text("opt: {lr: 3}\nm: {k: 1}\n", "top")
        merged = overlay(base, top)
        assert merged is not None
        assert merged.locate(("opt", "lr")) == Mark("top", 1, 7)
        assert merged.locate(("opt", "momentum")) == Mark("base", 4, 3)
        assert merged.locate(("m", "name")) == Mark("base", 1, 4)
        assert merged.locate(("m", "k")) == Mark("top", 2, 5)

    @given(layers, layers)
    def test_laying_over_twice_changes_nothing(self, base: Any, top: Any) -> None:
        once = laid(base, top)
        assert laid(once, top) == once

    @given(layers)
    def test_laying_over_itself_changes_nothing_but_short_forms(self, layer: Any) -> None:
        assert laid(layer, layer) == layer

    @given(plain_layers, plain_layers, plain_layers)
    def test_layers_without_names_may_be_merged_in_any_grouping(self, a: Any, b: Any, c: Any) -> None:
        assert laid(laid(a, b), c) == laid(a, laid(b, c))

    @given(plain_layers, plain_layers)
    def test_every_key_of_the_top_wins(self, base: Any, top: Any) -> None:
        merged = laid(base, top)
        for key, value in top.items():
            assert merged[key] == ({**base.get(key, {}), **value} if isinstance(value, dict) else value)
        for key in base.keys() - top.keys():
            assert merged[key] == base[key]

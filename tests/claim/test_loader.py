"""A claim file from text to a frozen claim, and no other end whatever the text."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgebench.claim.claim import DEFAULT_LOOKS
from edgebench.claim.loader import load_claim
from edgebench.claim.nodes import read_text
from edgebench.claim.problems import ClaimFileError
from tests.claim.fixtures import PROFILE, PROPERTY, TRAIN, VALID, Root, changed


class TestLoading:
    def test_a_training_claim(self, root: Root) -> None:
        claim = root.load(TRAIN)
        assert (claim.id, claim.paper, claim.kind, claim.reference) == ("paper/c", "paper", "train", "plain")
        assert (claim.statement, claim.where) == ("Mixup lowers the accuracy of a tiny network", "Table 3")
        assert (claim.tags, claim.tiers, claim.exact) == (("accuracy",), ("smoke",), False)
        (case,) = claim.cases
        tier, effect = case.tiers["smoke"], case.effects["mixup"]
        assert (tier.looks, tier.floor, tier.timeout, tier.memory) == ((3, 5), {"top1": 50}, None, None)
        assert list(tier.arms) == ["plain", "mixup"]
        assert (effect.margin, effect.published, effect.unit) == (0.3, 0.7, "points")
        assert effect.arms == ("plain", "mixup")
        assert (effect.expect.relation, effect.expect.target) == (">", 0)
        assert (effect.mark.line, effect.mark.column) == (17, 3)

    def test_exact_claims_have_a_smoke_tier_of_one_look(self, root: Root) -> None:
        for text in (PROFILE, PROPERTY):
            claim = root.load(text)
            assert claim.exact
            assert claim.tiers == ("smoke",)
            assert claim.cases[0].tiers["smoke"].looks == (1,)

    def test_limits_and_looks_of_a_tier(self, root: Root) -> None:
        text = changed(TRAIN, "    looks: [3, 5]\n", "    timeout: 60\n    memory: 1.5\n    looks:\n")
        tier = root.load(text).cases[0].tiers["smoke"]
        assert (tier.timeout, tier.memory, tier.looks) == (60.0, 1.5, DEFAULT_LOOKS)

    @pytest.mark.parametrize("old", ["    looks: [3, 5]", "    floor: {top1: 50}", "    margin: 0.3"])
    def test_what_may_be_left_out(self, root: Root, old: str) -> None:
        assert root.load(changed(TRAIN, old + "\n", ""))

    def test_null_stands_for_left_out(self, root: Root) -> None:
        text = changed(TRAIN, "    floor: {top1: 50}", "    floor:\n    timeout: ~\n    memory: null")
        text = changed(text, "    published: 0.7", "    published:\n    unit:\n    note:")
        claim = root.load(changed(text, "tags: [accuracy]", "note:\nreference: ~"))
        assert claim.cases[0].tiers["smoke"].floor == {}
        assert claim.cases[0].effects["mixup"].unit == "points"
        assert root.load(PROFILE + "tiers: {smoke: , paper: }\n").tiers == ("smoke", "paper")

    def test_null_settings_leave_the_recipe_alone(self, root: Root) -> None:
        root.recipe("base", "optimiser: {name: sgd, lr: 0.1}\nmodel: micronet")
        head, tail = TRAIN[: TRAIN.index("settings:")], TRAIN[TRAIN.index("arms:") :]
        assert root.load(f"{head}recipe: base\nsettings:\n{tail}")

    @pytest.mark.parametrize(
        ("value", "unit"),
        [
            ("plain.top1 - mixup.top1", "points"),
            ("plain.top1", "%"),
            ("mean(plain.top1, mixup.top1)", "%"),
            ("plain.val_loss - mixup.val_loss", "nats"),
            ("plain.top1 / mixup.top1", ""),
            ("plain.top1 - mixup.val_loss", ""),
            ("log(plain.val_loss)", ""),
        ],
    )
    def test_the_unit_is_told_where_it_is_plain(self, root: Root, value: str, unit: str) -> None:
        claim = root.load(changed(TRAIN, "plain.top1 - mixup.top1", value))
        assert claim.cases[0].effects["mixup"].unit == unit

    def test_every_layer_is_nearer_than_the_one_before(self, root: Root) -> None:
        """recipe < later recipe < claim settings < tier < arm < the tier's arm"""
        keys = ["optimiser", "batch", "label_smoothing", "epochs", "model", "schedule"]
        values = {
            "optimiser": "{{name: sgd, lr: 0.{n}}}",
            "batch": "{n}",
            "label_smoothing": "0.{n}",
            "epochs": "{n}",
            "model": "{{name: micronet, width: {n}}}",
            "schedule": "{{name: cosine, warmup: {n}}}",
        }

        def layer(n: int) -> str:
            """Layer n of 1…6 sets the keys from n on: key n is last set by layer n."""
            return ", ".join(f"{key}: {values[key].format(n=n)}" for key in keys[n - 1 :])

        root.recipe("one", "{" + layer(1) + "}")
        root.recipe("two", "{" + layer(2) + "}")
        claim = root.load(f"""\
            claim: x
            where: y
            recipe: [one, two]
            settings: {{{layer(3)}}}
            arms: {{a: {{{layer(5)}}}, other: {{}}}}
            tiers: {{smoke: {{data: digits, {layer(4)}, arms: {{a: {{{layer(6)}}}}}}}}}
            effects: {{e: {{value: a.top1, expect: "> 0"}}}}
            """)
        arms: Any = claim.cases[0].tiers["smoke"].arms
        a, other = arms["a"], arms["other"]
        found = [a.optimiser.lr, a.batch, a.label_smoothing, a.epochs, a.model.width, a.schedule.warmup]
        assert found == [0.1, 2, 0.3, 4, 5, 6]
        assert (other.model.width, other.schedule.warmup) == (4, 4)

    def test_another_name_starts_afresh_in_an_arm(self, root: Root) -> None:
        text = changed(TRAIN, "{name: sgd, lr: 0.1}", "{name: sgd, lr: 0.1, momentum: 0.9}")
        text = changed(text, "  plain: {}", "  plain: {optimiser: {name: adam, lr: 0.2}}")
        arms: Any = root.load(text).cases[0].tiers["smoke"].arms
        assert arms["plain"].optimiser.momentum is None
        assert arms["mixup"].optimiser.momentum == 0.9


LINES = sorted({line for text in VALID.values() for line in text.splitlines(keepends=True)})
PIECES = ["{", "}", "[", "]", ":", ": ", "- ", "\n", "  ", "~", "null", "&a", "*a", "!x", "|", ">", "'", '"', "#",
          "-1", "0", "1e999", ".nan", "name", "model", "top1", "x", ",", "\t", "é", "\0", "<<: ", "? ", "[]", "{}",
          "true"]  # fmt: skip


def mutated(text: str, random: random.Random) -> str:
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(text) + 1)
        match random.randrange(5):
            case 0:
                text = text[:at] + random.choice(PIECES) + text[at:]
            case 1:
                text = text[:at] + text[at + random.randint(1, 12) :]
            case 2:
                text = text[:at] + random.choice(LINES) + text[at:]
            case 3:
                lines = text.splitlines(keepends=True) or [""]
                lines.insert(random.randrange(len(lines) + 1), lines.pop(random.randrange(len(lines))))
                text = "".join(lines)
            case _:
                words = text.split(" ")
                words[random.randrange(len(words))] = random.choice(PIECES)
                text = " ".join(words)
    return text


def is_refused_or_loaded(root: Root, text: str) -> None:
    path = root.path / "paper" / "c.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        claim = load_claim(path)
    except ClaimFileError as error:
        lines = str(error).splitlines()
    else:
        lines = []
        for case in claim.cases:
            for tier in case.tiers.values():
                assert set(tier.arms) >= {arm for effect in case.effects.values() for arm in effect.arms}
                assert all(isinstance(floor, float) for floor in tier.floor.values())
    assert all(re.match(r".*\.yaml:\d+:\d+: |… and \d+ more", line) for line in lines)


class TestAnything:
    @settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.sampled_from(sorted(VALID)), st.randoms(use_true_random=False))
    def test_a_mutated_claim_is_loaded_or_refused(self, root: Root, kind: str, random: random.Random) -> None:
        is_refused_or_loaded(root, mutated(VALID[kind], random))

    @settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.sampled_from(LINES + PIECES), max_size=12).map("".join) | st.text(max_size=80))
    def test_lines_in_any_order_are_loaded_or_refused(self, root: Root, text: str) -> None:
        is_refused_or_loaded(root, text)

    @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.data())
    def test_any_value_at_any_place_is_loaded_or_refused(self, root: Root, data: st.DataObject) -> None:
        document = read_text(VALID[data.draw(st.sampled_from(sorted(VALID)))], "x").plain()
        here = document
        while True:
            key = data.draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
            if not here[key] or not isinstance(here[key], dict | list) or data.draw(st.booleans()):
                break
            here = here[key]
        simple = st.sampled_from(
            [None, True, 0, -1, 2.5, 10**299, "", "x", "plain", [], {}, [[]], [None], {"name": None}]
        )
        value = data.draw(
            simple | st.dictionaries(st.sampled_from(["name", "plain", "smoke", "a"]), simple, max_size=2)
        )
        here[key] = value
        is_refused_or_loaded(root, json.dumps(document))


@pytest.mark.parametrize("kind", VALID)
def test_valid_fixtures_load(root: Root, kind: str) -> None:
    assert root.load(VALID[kind]).cases

"""New claim files: valid as they are, for every kind, whatever the texts."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgebench.claim.draft import Draft, paper_text, quoted
from edgebench.claim.models import PaperFile
from edgebench.claim.nodes import read_text
from edgebench.claim.settings import SETTINGS, Kind
from edgebench.claim.validation import validate
from edgebench.errors import SettingsError
from tests.claim.fixtures import Root

LINE = "# yaml-language-server: $schema=../schema.json"


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_draft_of_every_kind_is_valid(root: Root, kind: Kind) -> None:
    text = Draft("A claim: with a colon", "Table 1", kind).text(LINE)
    assert text.splitlines()[0] == LINE
    claim = root.load(text)
    assert (claim.statement, claim.where, claim.kind) == ("A claim: with a colon", "Table 1", kind)
    assert len(claim.cases[0].effects) == 1
    if kind in ("train", "detect"):
        assert all(tier.floor for tier in claim.cases[0].tiers.values())


def test_what_is_said_stands_in_the_file(root: Root) -> None:
    root.recipe("tiny", "model: micronet\ndata: digits\noptimiser: {name: sgd, lr: 0.1}\nepochs: 2\n")
    arms = {"plain": "", "mixup": "{augment: {mixup: {alpha: 0.2}}}"}
    draft = Draft(
        "Mixup hurts", "Table 3", "train", ("accuracy", "tiny"), arms, "tiny", "mixup",
        "plain.top1 - mixup.top1", "> 0", 0.5, 0.7, "Ours: with 'micronet'",
    )  # fmt: skip
    claim = root.load(draft.text(LINE))
    effect = claim.cases[0].effects["mixup"]
    assert (effect.margin, effect.published, effect.value.source) == (0.5, 0.7, "plain.top1 - mixup.top1")
    assert (claim.tags, claim.reference, claim.note) == (
        ("accuracy", "tiny"),
        "plain",
        "Ours: with 'micronet'",
    )
    assert claim.cases[0].tiers["smoke"].floor == {"top1": 85}


def test_what_no_claim_can_say_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"no kind is called 'trian'.*did you mean 'train'"):
        Draft("c", "w", "trian").text(LINE)
    with pytest.raises(SettingsError, match="--recipe for a claim of kind profile"):
        Draft("c", "w", "profile", recipe="tiny").text(LINE)
    with pytest.raises(SettingsError, match="the arm 'a' are more than one line"):
        Draft("c", "w", arms={"a": "{}\nnote: x"}).text(LINE)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.text(alphabet=st.characters(exclude_categories=["C", "Z"], include_characters=" ,:#'\""), min_size=1)
)
def test_any_text_comes_back_as_it_was(text: str) -> None:
    text = " ".join(text.split())
    node = read_text(f"a: {quoted(text)}\nb: [{quoted(text)}, x]\n", "x")
    assert node.plain() == {"a": text, "b": [text, "x"]}


def test_a_paper_is_valid() -> None:
    text = paper_text(LINE, title="On: it", authors=["A. Lee", " B, Jr."], year=2024, link="https://x.org/#1")
    file = validate(PaperFile, read_text(text, "x"), [])
    assert file is not None
    assert (file.title, file.authors, file.year) == ("On: it", ["A. Lee", "B, Jr."], 2024)

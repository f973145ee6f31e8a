"""What is exported: the newest results, and the trials that they rest on."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from edgebench.report.export.content import chosen, with_trials
from edgebench.report.sides import find_side
from edgebench.run import environment
from edgebench.run.store import Store
from tests import roots
from tests.report.export.fixtures import CURVE, VALUES, content, stocked
from tests.report.fixtures import log_run, result_of


def test_the_trials_of_a_result_are_those_of_its_arms_and_seeds(tmp_path: Path) -> None:
    found = content(tmp_path)
    assert [(each.arm, each.seed) for each in found.trials] == [
        ("plain", 0), ("slow", 0), ("plain", 1), ("slow", 1)
    ]  # fmt: skip
    first = found.trials[0]
    assert (first.claim, first.case, first.tier, first.status) == ("demo/trained", "", "smoke", "ok")
    assert first.name == "plain, seed 0"
    assert first.settings["optimiser"]["lr"] == 0.05
    assert first.metrics["top1"] == 10.0 + VALUES[0]
    assert first.curves == {"val_top1": CURVE}
    assert len({each.trial for each in found.trials}) == 4
    assert found.remarks == ("demo/blocks is no claim here; its trials are left out",)


def test_what_the_store_lacks_is_said(tmp_path: Path) -> None:
    path, claim = stocked(tmp_path, arms=("plain",))
    with closing(Store(path)) as store:
        found = with_trials(chosen(find_side(None, path), tier="smoke", words=["gain"]), [claim], store)
        changed = roots.load(tmp_path / "claims", roots.TRAINED.replace("epochs: 3", "epochs: 5"), "trained")
        none = with_trials(chosen(find_side(None, path), words=["gain"]), [changed], store)
    assert {each.arm for each in found.trials} == {"plain"}
    said = "2 trials of demo/trained, as it stands now, are not in the store; they are left out"
    assert found.remarks == (said,)
    assert none.trials == ()
    assert none.remarks == (said.replace("2 trials", "4 trials"),)


def test_trials_of_another_machine_are_not_taken_for_those_of_a_run(tmp_path: Path) -> None:
    path, claim = stocked(tmp_path)
    elsewhere = {**environment.identity(), "processor": "Another Chip"}
    log_run(path, result_of("gain", VALUES), identity=elsewhere)
    with closing(Store(path)) as store:
        found = with_trials(chosen(find_side("last", path)), [claim], store)
    assert found.trials == ()


def test_items_are_chosen_by_words_and_tier(tmp_path: Path) -> None:
    path, _ = stocked(tmp_path)
    log_run(path, result_of("gain", (1.0,), tier="short"))
    side = find_side(None, path)

    def names(*words: str, tier: str | None = None) -> list[str]:
        return [entry.result.id for entry in chosen(side, words, tier).entries]

    assert names() == ["demo/blocks::params[conv]", "demo/trained::gain", "demo/trained::gain"]
    assert names("PARAMS") == ["demo/blocks::params[conv]"]
    assert names(tier="short") == ["demo/trained::gain"]
    assert names("nothing") == []


def test_the_document_names_runs_items_and_trials(tmp_path: Path) -> None:
    found = content(tmp_path).to_json()
    assert found["kind"] == "export"
    assert [run["run"] for run in found["runs"]] == [1]
    assert {item["run"] for item in found["items"]} == {1}
    assert found["trials"][0]["case"] is None
    assert found["trials"][0]["curves"]["val_top1"] == CURVE

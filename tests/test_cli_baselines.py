"""The command line from the first run to recorded baselines, and what is not as recorded."""

from __future__ import annotations

import re

from edgebench.cli import options
from edgebench.judge import baseline_file as baselines
from edgebench.judge.verdict import Outcome
from tests import roots
from tests.shell import Shell


def test_from_the_first_run_to_a_flip(shell: Shell) -> None:
    """run, record, run, diff, edit the reason, record again, flip by hand, diff."""
    shell.write(blocks=roots.BLOCKS, formula=roots.FORMULA)
    assert shell("run") == options.NOT_AS_RECORDED
    assert "there is no baseline at tier smoke yet" in shell.out
    assert "3 reproduced, 2 contradicted; 5 not as recorded" in shell.out
    assert shell("baseline", "diff") == options.NOT_AS_RECORDED

    assert shell("baseline", "record", "--why", "first run", "--by", "A. Nobody") == 0
    assert shell.out.splitlines()[1] == "baselines/smoke/demo/formula.yaml: exact reproduced"
    stored = baselines.load(shell.baseline("blocks"))
    assert (stored.recorded.by, stored.recorded.why) == ("A. Nobody", "first run")
    assert stored.effects["params[relu]"].verdict is Outcome.contradicted
    assert stored.environment["threads"] == 1

    assert shell("run") == 0
    assert "3 reproduced, 2 contradicted; all as recorded; nothing had to be run" in shell.out
    assert "✗" not in shell.out
    assert shell("baseline", "diff") == 0
    assert shell.out == "all 5 items are as recorded\n"

    path = shell.baseline("blocks")
    own = "reason: activations have no parameters\n"
    path.write_text(re.sub(r"reason: .*\n", own, path.read_text(), count=1))
    assert shell("baseline", "record", "demo/blocks", "--why", "second run", "--by", "Somebody") == 0
    again = baselines.load(path)
    assert again.effects["params[relu]"].reason == "activations have no parameters", "written by hand, kept"
    assert again.effects["macs[relu]"].reason == stored.effects["macs[relu]"].reason
    assert again.recorded.by == "Somebody"

    text = path.read_text()
    head, tail = text.split("params[conv]:")
    path.write_text(
        head
        + "params[conv]:"
        + tail.replace("verdict: reproduced", "verdict: contradicted\n    reason: no", 1)
    )
    assert shell("baseline", "diff") == options.NOT_AS_RECORDED
    assert shell.out.count("✗ FLIPPED") == 1
    assert "the verdict was contradicted and is now reproduced" in shell.out
    assert shell("run", "-k", "formula") == 0
    assert shell("run") == options.NOT_AS_RECORDED


def test_stored_effects_without_an_item_are_named(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA)
    assert shell("baseline", "record", "--why", "so", "--by", "A. Nobody") == 0
    path = shell.baseline("formula")
    head, tail = path.read_text().split("effects:\n")
    path.write_text(f"{head}effects:\n{tail}{tail.replace('exact:', 'ghost:', 1)}")
    assert shell("baseline", "diff") == 0
    assert shell.err.startswith(
        "baselines/smoke/demo/formula.yaml: 'ghost' is no item of demo/formula at tier smoke"
    )
    assert shell("run", "--seeds", "3") == 0, "an exact claim has no looks to override"
    assert "1 of 1 claims hold with all their effects\n1 reproduced; all as recorded" in shell.out


def test_a_root_that_is_the_working_folder_has_its_baselines_beside_it(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA)
    shell.monkeypatch.chdir(shell.path / "claims")
    assert shell("baseline", "record", "--claims", ".", "--why", "so") == 0
    assert shell.baseline("formula").is_file()
    assert shell("run", "--claims", ".") == 0


def test_failed_trials_are_told_apart_from_changed_results(shell: Shell) -> None:
    shell.write(absent=roots.TRAINED.replace("name: digits", "name: cifar10"), formula=roots.FORMULA)
    assert shell("run") == options.FAILED
    assert "the dataset 'cifar10' is not here" in shell.out
    assert "1 reproduced, 1 failed; 2 not as recorded" in shell.out
    assert shell("baseline", "record", "--why", "so") == options.FAILED
    assert "demo/absent::gain: nothing to record: the dataset 'cifar10' is not here" in shell.err
    assert shell.baseline("formula").is_file(), "the others are recorded"
    assert shell("baseline", "diff") == options.FAILED


def test_invalid_verdicts_cannot_be_recorded(shell: Shell) -> None:
    shell.write(trained=roots.TRAINED.replace("{looks: [2, 4]}", "{looks: [2, 4], floor: {top1: 99.9}}"))
    assert shell("baseline", "record", "--why", "so") == options.FAILED
    assert shell.err.startswith("edgebench: demo/trained::gain: an invalid verdict cannot be recorded")
    assert shell("run") == options.NOT_AS_RECORDED
    assert "invalid · proxy" in shell.out


def test_other_seeds_are_not_compared(shell: Shell) -> None:
    shell.write(trained=roots.TRAINED)
    assert shell("run", "--seeds", "2") == 0
    assert "– not compared" in shell.out
    assert "1 reproduced; baselines not compared" in shell.out


def test_baselines_that_cannot_be_written(shell: Shell) -> None:
    shell.write(formula=roots.FORMULA)
    (shell.path / "baselines").write_text("in the way")
    assert shell("baseline", "record", "--why", "so") == options.FAILED
    assert shell.err.startswith("edgebench: baselines/smoke/demo/formula.yaml: cannot be written")


def test_slow_drift_through_accepted_steps_cannot_be_missed(shell: Shell) -> None:
    """Each step is recorded by somebody; every table from then on says how far it went altogether."""

    def step(more: int) -> None:
        shell.write(
            formula=roots.FORMULA.replace("rates.violations, expect: \"== 0\"", f"rates.violations + {more}, "
                                          "expect: \"> -1\"")
        )  # fmt: skip
        assert shell("baseline", "record", "--why", f"step {more}") == 0

    step(0)
    effect = baselines.load(shell.baseline("formula")).effects["exact"]
    assert effect.first is None
    assert effect.trial_seconds is not None
    path = shell.baseline("formula")
    path.write_text(re.sub(r"when: .*", "when: 2020-02-20", path.read_text()))
    step(1)
    step(2)
    sentence = "since the first accepted baseline (2020-02-20) the value went from 0 to 2, a change of +2"
    assert f"  exact: {sentence} where it should be exact" in shell.out
    stored = baselines.load(path).effects["exact"].first
    assert stored is not None
    assert (str(stored.when), stored.value) == ("2020-02-20", 0.0)

    assert shell("run") == 0, "somebody accepted every step"
    assert "✓ as recorded · moved since 2020-02-20" in shell.out
    assert "all as recorded; 1 moved since the first accepted baseline" in shell.out
    assert shell("baseline", "diff") == 0
    assert f"all 1 items are as recorded\n\ndemo/formula::exact: {sentence}" in shell.out

    assert shell("baseline", "record", "--why", "a new line", "--afresh") == 0
    assert baselines.load(path).effects["exact"].first is None
    assert shell("run") == 0
    assert "moved since" not in shell.out

"""Claims as pytest items that are red: what broke or changed, said where and in words."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from tests import roots
from tests.pytest_root import Root


def test_a_broken_file_is_one_failing_item(root: Root) -> None:
    root.write(broken=roots.BROKEN, formula=roots.FORMULA)
    root.record()
    result = root.run()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["claims/demo/broken.yaml:5:1: *efects*did you mean 'effects'*"])
    text = result.stdout.str()
    assert "Traceback" not in text
    assert "pytest_plugin.py" not in text


@pytest.mark.parametrize("content", [None, "title: Alone\n"])
def test_a_broken_paper_is_one_failing_item(root: Root, content: str | None) -> None:
    root.write(formula=roots.FORMULA, blocks=roots.BLOCKS)
    root.record()
    paper = root.path / "claims" / "demo" / "paper.yaml"
    paper.unlink()
    if content is not None:
        paper.write_text(content, encoding="utf-8")
    result = root.run()
    result.assert_outcomes(passed=5, failed=1)
    result.stdout.fnmatch_lines(["claims/demo/paper.yaml:1:1: *"])
    assert "Traceback" not in result.stdout.str()


def test_without_a_baseline_it_is_red_and_says_how_to_record_one(root: Root) -> None:
    root.write(blocks=roots.BLOCKS)
    result = root.run("-k", "conv and params")
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert re.search(
        r"no baseline: demo/blocks::params\[conv\] at tier smoke\nclaims/demo/blocks\.yaml:\d+:\d+\n", text
    )
    assert 'edgebench baseline record demo/blocks --tier smoke --why "…"' in " ".join(text.split()).replace(
        "- ", ""
    )
    assert "Traceback" not in text
    assert "pytest_plugin.py" not in text
    for row in ("published  128 *", "baseline   –*", "measured   128 *exact*"):
        result.stdout.fnmatch_lines([row])


def flipped(text: str) -> str:
    """The baseline with the other verdict of `params[conv]`, by hand."""
    before, after = text.split("params[conv]:", 1)
    assert "verdict: reproduced" in after
    return before + "params[conv]:" + after.replace(
        "verdict: reproduced", "verdict: contradicted\n    reason: somebody thought so", 1
    )  # fmt: skip


def test_a_flip_is_red_with_published_baseline_and_measured(root: Root) -> None:
    root.write(blocks=roots.BLOCKS)
    root.record()
    path = root.baseline("blocks")
    path.write_text(flipped(path.read_text(encoding="utf-8")), encoding="utf-8")
    result = root.run()
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(
        [
            "published * 128 *",
            "baseline * 128 *contradicted*",
            "measured * 128 *reproduced*✗ FLIPPED*",
            "- the verdict was contradicted and is now reproduced*",
            "demo/blocks*",
            "*params?conv?*✗ FLIPPED*",
            "*; 1 not as recorded; nothing had to be run",
        ]
    )


def test_drift_beyond_the_tolerance_is_red(root: Root) -> None:
    root.write(blocks=roots.BLOCKS)
    root.record()
    path = root.baseline("blocks")
    text = path.read_text(encoding="utf-8")
    assert text.count("value: 128") == 1
    path.write_text(text.replace("value: 128", "value: 127"), encoding="utf-8")
    result = root.run("-k", "conv and params")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["measured * 128 *✗ DRIFTED*", "- the value was 127 and is now 128*it should be exact*"]
    )
    # A tolerance wider than the seeds give is no way out.
    path.write_text(
        text.replace("value: 128", "value: 127").replace("tolerance: 0", "tolerance: 1"), encoding="utf-8"
    )
    result = root.run("-k", "conv and params")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*tolerance of 0*"])


def test_another_machine_may_decide_what_was_open_but_not_the_opposite(root: Root) -> None:
    root.write(trained=roots.TRAINED)
    root.record()
    path = root.baseline("trained")
    text = path.read_text(encoding="utf-8")
    assert text.count("verdict: reproduced") == 1
    undecided = text.replace("verdict: reproduced", "verdict: inconclusive\n    reason: noise")
    path.write_text(undecided, encoding="utf-8")
    root.run().assert_outcomes(failed=1)
    elsewhere = re.sub(r"processor: .*", "processor: another one", undecided)
    path.write_text(elsewhere, encoding="utf-8")
    result = root.run("-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*gain REPRODUCED*", "demo/trained*reproduced · proxy*≈ other machine*"])
    path.write_text(elsewhere.replace("inconclusive", "contradicted"), encoding="utf-8")
    result = root.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["FLIPPED: demo/trained::gain*"])


def test_an_unreadable_baseline_is_red_and_says_where(root: Root) -> None:
    root.write(formula=roots.FORMULA)
    root.record()
    root.baseline("formula").write_text("claim: [", encoding="utf-8")
    result = root.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["- *baselines/smoke/demo/formula.yaml:*"])
    assert "Traceback" not in result.stdout.str()


def test_failed_trials_are_red_without_a_traceback(root: Root) -> None:
    root.write(
        trained=roots.TRAINED.replace("looks: [2, 4]}", "timeout: 0.001}"),
        missing=roots.TRAINED.replace("name: digits", "name: cifar10"),
    )
    result = root.run()
    result.assert_outcomes(failed=2)
    text = result.stdout.str()
    assert "Traceback" not in text
    result.stdout.fnmatch_lines(
        [
            "*the dataset 'cifar10' is not here*",
            "*timed_out: stopped after its time limit of 0.001 s*",
            "2 failed; 2 not as recorded",
        ]
    )


def test_an_unusable_store_is_said_without_a_traceback(root: Root) -> None:
    root.write(formula=roots.FORMULA, blocks=roots.BLOCKS)
    (root.path / "file").write_text("in the way")
    result = root.run("--store", "file/store.sqlite")
    result.assert_outcomes(failed=5)
    text = result.stdout.str()
    assert text.count("store file/store.sqlite: cannot be opened") >= 5
    assert "Traceback" not in text
    assert "pytest_plugin.py" not in text


def test_junit_xml_tells_what_happened(root: Root) -> None:
    root.write(blocks=roots.BLOCKS)
    root.record()
    path = root.baseline("blocks")
    path.write_text(flipped(path.read_text(encoding="utf-8")), encoding="utf-8")
    root.run("--junitxml=out.xml")
    tree = ElementTree.parse(root.path / "out.xml")
    cases = {case.get("name"): case for case in tree.iter("testcase")}
    assert set(cases) == {"params[relu]", "macs[relu]", "params[conv]", "macs[conv]"}
    failure = cases["params[conv]"].find("failure")
    assert failure is not None
    assert "FLIPPED" in (failure.text or "")
    assert cases["params[relu]"].find("failure") is None
    stated = {each.get("name"): each.get("value") or "" for each in cases["params[relu]"].iter("property")}
    assert '"verdict": "contradicted"' in stated["edgebench"]
    assert (stated["edgebench.verdict"], stated["edgebench.subtype"]) == ("contradicted", "negligible")
    assert (stated["edgebench.published"], stated["edgebench.measured"]) == ("128.0", "0.0")

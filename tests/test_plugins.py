"""What other packages add: found by entry points, checked without torch, part of the hash, and run."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgebench import plugins
from edgebench.claim.metrics import unit, worst
from edgebench.claim.problems import ClaimFileError
from edgebench.claim.settings import DataSettings, ModelSettings, TrainSettings
from edgebench.data import source
from edgebench.errors import DataError, SettingsError
from edgebench.models import registry
from edgebench.run.trial import Trial
from tests import roots
from tests.installed import install_example

CLAIM = """
    claim: Noise on weights makes them larger
    where: Figure 1
    settings:
      model: edgebench-example:perceptron
      data: {name: "edgebench-example:stripes", val: 20}
      optimiser: {name: sgd, lr: 0.05}
      batch: 20
      measure: ["edgebench-example:weight-norm"]
    arms:
      plain: {}
      noisy: {hooks: {name: "edgebench-example:weight-noise", options: {strength: 0.5}}}
    tiers:
      smoke: {epochs: 2, looks: [2], floor: {top1: 60}}
    effects:
      norm: {value: noisy.edgebench_example.weight_norm - plain.edgebench_example.weight_norm, expect: "> 1"}
"""
SETTINGS: dict[str, Any] = {
    "model": {"name": "micronet"}, "data": {"name": "digits"}, "optimiser": {"name": "sgd", "lr": 0.1}, "epochs": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_example(tmp_path_factory.mktemp("example") / "site")


@pytest.fixture
def example(installed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The example, importable in this process; nothing of it is left behind."""
    monkeypatch.setenv("EDGEBENCH_EXAMPLE_DATA", str(tmp_path))
    yield from importable(installed, monkeypatch)


def importable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    importlib.invalidate_caches()
    plugins.forget()
    yield folder
    for module in [each for each in sys.modules if each.startswith("edgebench_example")]:
        del sys.modules[module]
    plugins.forget()


def problem(tmp_path: Path, old: str, new: str) -> str:
    assert CLAIM.count(old) == 1
    with pytest.raises(ClaimFileError) as caught:
        roots.load(tmp_path / "claims", CLAIM.replace(old, new))
    return str(caught.value)


@pytest.mark.usefixtures("example")
def test_names_of_all_four_kinds() -> None:
    assert registry.entry("edgebench-example:perceptron").options == ("width",)
    source.check("edgebench-example:stripes")
    assert plugins.check_method("edgebench-example:weight-noise", {"strength": 1}).options == {
        "strength": 0.01
    }
    assert unit("train", "edgebench_example.weight_norm") == ""
    assert worst("edgebench_example.weight_norm") == 1e9
    assert worst("top1") == 0


@pytest.mark.usefixtures("example")
def test_a_model_and_a_dataset_are_what_the_package_makes() -> None:
    settings = ModelSettings(name="edgebench-example:perceptron", width=0.5)
    model = registry.build(settings, in_channels=1, classes=2, size=(8, 8))
    assert sum(weight.numel() for weight in model.parameters()) == 64 * 16 + 16 + 16 * 2 + 2
    with pytest.raises(SettingsError, match="has no option 'dropout'"):
        registry.check(ModelSettings(name="edgebench-example:perceptron", dropout=0.1))
    found = source.locate("edgebench-example:stripes")
    assert found.kind == "npz"
    assert found.origin == "edgebench-example-stripes.npz, part of edgebench-example:stripes"
    assert len(source.digest(DataSettings(name="edgebench-example:stripes"))) == 64


@pytest.mark.usefixtures("example")
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (":perceptron", ":percepton", "package edgebench-example 1.2.0 has no model called 'percepton'; expected"),
        (":perceptron", ":percepton", "did you mean 'perceptron'?"),
        (":perceptron", ":broken", "of the package edgebench-example 1.2.0 cannot be loaded: AttributeError"),
        (":perceptron", ":unlike", "edgebench-example 1.2.0 is a Dataset; expected an edgebench.plugins.Model"),
        ("edgebench-example:perceptron", "other:perceptron", "no model is called 'other:perceptron'"),
        (":stripes", ":strips", "has no dataset called 'strips'"),
        ("weight-noise", "weight-nois", "has no method called 'weight-nois'"),
        ("strength: 0.5", "strenth: 0.5", "'strenth'; expected one of strength (did you mean 'strength'?)"),
        ("strength: 0.5", "strength: high", "weight-noise' is 'high'; expected a float, such as 0.01"),
        ('["edgebench-example:weight-norm"]', '["edgebench-example:norm"]', "has no metric called 'norm'"),
        ('["edgebench-example:weight-norm"]', '["other:norm"]', "no installed package 'other' has a metric"),
        ("value: noisy.edgebench_example.weight_norm", "value: noisy.edgebench_example.wieght_norm", "did you mean"),
        ("plain: {}", "plain: {measure: []}", "the arm 'plain' does not measure 'edgebench_example.weight_norm'"),
        ("plain: {}", "plain: {quantise: int8}", "'measure' beside 'quantise'"),
        ("plain: {}", "plain: {method: ft-all}", "'measure' beside 'method'"),
        ("noisy: {hooks", "noisy: {method: ft-all, hooks", "'hooks' beside 'method'"),
    ],
)  # fmt: skip
def test_what_is_wrong_names_the_package(tmp_path: Path, old: str, new: str, said: str) -> None:
    found = problem(tmp_path, old, new)
    assert said in found
    assert "claim.yaml:" in found.splitlines()[0]


@pytest.mark.usefixtures("example")
def test_without_its_data_the_dataset_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(plugins, "target", lambda *_: lambda: tmp_path / "gone.npz")
    with pytest.raises(DataError, match=r"edgebench-example:stripes: there is no '.*gone.npz'"):
        source.locate("edgebench-example:stripes")


def test_prefixes_of_ours_are_nobody_elses() -> None:
    assert not plugins.provides(plugins.Model, "torchvision:resnet18")
    assert not plugins.provides(plugins.Model, "micronet")
    with pytest.raises(SettingsError, match="no installed package 'timm' has a model"):
        plugins.entry(plugins.Model, "timm:resnet18")


def test_its_version_is_part_of_the_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, example: Path
) -> None:
    def hashes() -> list[str]:
        extra: list[dict[str, Any]] = [
            {},
            {"model": {"name": "edgebench-example:perceptron"}},
            {"data": {"name": "edgebench-example:stripes"}},
            {"hooks": {"name": "edgebench-example:weight-noise", "options": {"strength": 0.5}}},
            {"measure": ["edgebench-example:weight-norm"]},
        ]
        return [Trial("train", TrainSettings.model_validate(SETTINGS | each), 0, "d").hash for each in extra]

    before = hashes()
    assert before[0] == "dabbeb30d7ed98ca8671f96e0a923ecd", "of trials without any, as ever"
    assert len(set(before)) == 5
    newer = install_example(tmp_path / "site", "1.3.0")
    for _ in importable(newer, monkeypatch):
        after = hashes()
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, False, False, False]


@pytest.mark.usefixtures("example")
def test_settings_come_back_from_their_text() -> None:
    hooks = {"name": "edgebench-example:weight-noise", "options": {"strength": 0.5, "again": True}}
    settings = TrainSettings.model_validate(SETTINGS | {"hooks": hooks, "measure": ["a:b"]})
    assert TrainSettings.model_validate_json(Trial("train", settings, 0, None).settings_json) == settings
    assert isinstance(hash(settings.hooks), int)


NO_TORCH = """
import sys
from edgebench import cli
try:
    cli.main()
except SystemExit as left:
    print("torch" in sys.modules, left.code)
"""


def test_a_claim_is_checked_without_torch_and_run(installed: Path, tmp_path: Path) -> None:
    roots.write(tmp_path / "claims", noise=CLAIM)
    heavy = CLAIM.replace(":perceptron", ":heavy")
    roots.write(tmp_path / "other", heavy=heavy)
    paths = [str(installed), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "EDGEBENCH_EXAMPLE_DATA": str(tmp_path)}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", NO_TORCH, *arguments]
        return subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
        )

    assert run("validate").stdout == "1 claim in order\nFalse 0\n"
    said = run("validate", "other").stderr
    assert (
        "'edgebench-example:heavy' of the package edgebench-example 1.2.0 imports torch when claims are only"
        in said
    )
    ran = run("run", "--workers", "1")
    assert "reproduced" in ran.stdout, ran.stdout + ran.stderr

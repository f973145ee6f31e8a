"""Options of a run: checks, defaults, and the tier that a case gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgebench.errors import SettingsError
from edgebench.run import options as run_options
from edgebench.run.options import Options
from tests import roots


@pytest.mark.parametrize(
    "options",
    [
        {"tier": "smok"},
        {"seeds": 1},
        {"seeds": -3},
        {"workers": 0},
        {"executor": "rya"},
        {"device": "gpu"},
        {"address": "auto"},
        {"resource": "edge"},
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        Options(**options).check()


def test_the_store_is_named_by_option_environment_or_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Options().store_path() == Path(".edgebench/store.sqlite")
    monkeypatch.setenv(run_options.STORE_VARIABLE, "elsewhere")
    assert Options().store_path() == Path("elsewhere")
    assert Options(store=Path("here")).store_path() == Path("here")
    monkeypatch.setenv(run_options.STORE_VARIABLE, "")
    assert Options().store_path() == Path(".edgebench/store.sqlite")


def test_seeds_replace_the_looks_of_what_varies(tmp_path: Path) -> None:
    trained = roots.load(tmp_path, roots.TRAINED, "trained")
    formula = roots.load(tmp_path, roots.FORMULA, "formula")
    for options, looks, comparing in ((Options(), (2, 4), True), (Options(seeds=7), (7,), False)):
        tier = options.tier_of(trained, trained.cases[0])
        assert tier is not None
        assert tier.looks == looks
        exact = options.tier_of(formula, formula.cases[0])
        assert exact is not None
        assert exact.looks == (1,)
        assert options.compares(trained) is comparing
        assert options.compares(formula), "an exact claim has no looks to override"
    assert Options("paper").tier_of(trained, trained.cases[0]) is None

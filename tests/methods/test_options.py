from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from edgebench.claim.settings import LatencySettings, MethodSettings, TrainSettings
from edgebench.errors import SettingsError
from edgebench.methods import options


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "ft-all", "norms": "exp-bn"}, "method 'ft-all' has no option 'norms'; expected no options"),
        ({"name": "ft-blocks", "blocks": 2, "norms": "dw-bn"}, "'ft-blocks' has no option 'norms'"),
        ({"name": "ft-last", "blocks": 1}, "'ft-last' has no option 'blocks'; expected one of frozen_bits"),
        ({"name": "ft-all", "frozen_bits": 8}, "'ft-all' has no option 'frozen_bits'"),
        ({"name": "ft-blocks"}, "method 'ft-blocks' lacks 'blocks'"),
        ({"name": "mobiletl", "patches": True}, "option 'patches' without 'blocks'"),
        ({"name": "mobiletl", "frozen_bits": 8}, "option 'frozen_bits' without 'blocks'"),
        (
            {"name": "mobiletl", "blocks": 2, "main": "frozen"},
            "option 'main' freezes the blocks beside patches",
        ),
        (
            {"name": "mobiletl", "blocks": 2, "main": "frozen", "patches": True, "norms": "all-bn"},
            "option 'norms' says which",
        ),
    ],
)
def test_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        options.check(MethodSettings(**given))


@pytest.mark.parametrize(
    "given",
    [
        {"name": "ft-all"},
        {"name": "mobiletl"},
        {"name": "mobiletl", "norms": "all-bn"},
        {"name": "mobiletl", "blocks": 3, "patches": True, "main": "frozen", "frozen_bits": 8},
        {"name": "ft-blocks", "blocks": 3, "substitute": "remove-se"},
        {"name": "tinytl-l-b", "frozen_bits": 8},
    ],
)
def test_accepted(given: dict[str, Any]) -> None:
    options.check(MethodSettings(**given))


def test_needs_no_torch() -> None:
    code = "import sys, edgebench.methods.options; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


DISTILL = {"teacher": {"model": {"name": "micro-resnet"}}}
PRETRAIN = {"data": {"name": "digits"}, "optimiser": {"name": "sgd", "lr": 0.1}, "epochs": 1}


def training(**given: Any) -> TrainSettings:
    base = {"model": "micronet", "data": "digits", "optimiser": {"name": "sgd", "lr": 0.1}, "epochs": 1}
    return TrainSettings.model_validate(base | given)


def _together(settings: TrainSettings | LatencySettings) -> None:
    options.check_together(settings, settings.model)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"netaug": {}, "method": "ft-all"}, "'netaug' beside 'method'; expected one of the two"),
        ({"netaug": {}, "start": {"pretrain": PRETRAIN}}, r"'netaug' beside 'start'.*to the pretraining"),
        ({"netaug": {}, "dropblock": {"keep": 0.9, "size": 5}}, "'netaug' beside 'dropblock'"),
        ({"dropblock": {"keep": 0.9, "size": 5}, "method": "ft-all"}, "'dropblock' beside 'method'"),
        ({"distill": DISTILL, "start": {"weights": "mbv2-w0.35"}}, r"'distill' beside 'start'.*pretraining"),
        ({"distill": DISTILL, "method": "ft-last"}, "'distill' beside 'method'"),
        ({"netaug": {}, "stop": {"patience": 1}}, "'netaug' beside 'stop'"),
        ({"netaug": {}, "then": [{"epochs": 1}]}, "'netaug' beside 'then'"),
        ({"method": "ft-all", "unfrozen": 1}, "'method' beside 'unfrozen'"),
        ({"second_input": {}}, "'second_input' for the model 'micronet' of one input"),
        ({"second_input": {}, "model": {"name": "dual-path", "paths": 1}}, "'dual-path' of one input"),
        (
            {"model": "dual-path", "second_input": {}, "distill": DISTILL},
            "'distill' beside 'second_input'.*a teacher has one input",
        ),
        (
            {"model": "dual-path", "second_input": {"mixup": {"alpha": 0.2}}},
            "'second_input' mixes images by 'mixup'.*in 'augment' mixes both",
        ),
        ({"model": "dual-input", "second_input": {"cutmix": {"alpha": 1.0}}}, "mixes images by 'cutmix'"),
        ({"model": "dual-input", "distill": DISTILL}, "'distill' for the model 'dual-input' of two outputs"),
        ({"model": "dual-input", "quantise": "int8"}, "'quantise' for the model 'dual-input' of two outputs"),
    ],
)
def test_settings_that_do_not_go_together(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        _together(training(**given))


def test_a_timed_step_has_either_netaug_or_a_strategy() -> None:
    timed = {"model": {"name": "micronet"}, "input": (2, 1, 8, 8), "netaug": {}}
    _together(LatencySettings.model_validate(timed))
    with pytest.raises(SettingsError, match="'netaug' beside 'method'"):
        _together(LatencySettings.model_validate(timed | {"method": {"name": "ft-all"}}))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"netaug": {}, "distill": DISTILL, "quantise": "int8"},
        {"dropblock": {"keep": 0.9, "size": 5}, "distill": DISTILL},
        {"model": "dual-path", "second_input": {"flip": True}, "stop": {"patience": 1}, "unfrozen": 2},
        {"model": {"name": "dual-input", "paths": 1}, "quantise": "int8", "then": [{"epochs": 1}]},
        {"start": {"pretrain": {**PRETRAIN, "netaug": {}, "distill": DISTILL}}, "method": "tinytl-l-b"},
    ],
)
def test_settings_that_go_together(given: dict[str, Any]) -> None:
    _together(training(**given))

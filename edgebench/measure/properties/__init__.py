"""Properties: formulas of a paper, checked on many generated cases (trials of kind `property`).

Importing this package imports no torch: names are checked from a static table.
"""

from __future__ import annotations

from importlib import import_module

from edgebench.claim.settings import PropertySettings
from edgebench.errors import SettingsError, did_you_mean
from edgebench.measure.properties.tally import Tally
from edgebench.run.record import Measured

# Each is a function (cases, seed) -> Tally.
_PROPERTIES = {
    "signed-backward": "edgebench.measure.properties.signed_backward:check_cases",
    "shift-only-bn": "edgebench.measure.properties.shift_only_bn:check_cases",
    "loss-bound": "edgebench.measure.properties.loss_bound:check_cases",
    "loss-bound-weight-gradient": "edgebench.measure.properties.loss_bound:check_weight_gradient",
    "random-split": "edgebench.measure.properties.class_balance:check_random",
    "stratified-split": "edgebench.measure.properties.class_balance:check_stratified",
    "cosine-schedule": "edgebench.measure.properties.cosine_schedule:check_cases",
    "mixup-equations": "edgebench.measure.properties.mixing:check_mixup",
    "cutmix-equations": "edgebench.measure.properties.mixing:check_cutmix",
    "randaugment-equations": "edgebench.measure.properties.randaugment:check_cases",
    "beta-shape": "edgebench.measure.properties.mixing:check_shape",
    "netaug-widths": "edgebench.measure.properties.netaug:check_widths",
    "netaug-sub-networks": "edgebench.measure.properties.netaug:check_sub_networks",
    "netaug-gradients": "edgebench.measure.properties.netaug:check_gradients",
    "netaug-export": "edgebench.measure.properties.netaug:check_export",
    "dense-to-conv": "edgebench.measure.properties.dense_to_conv:check_cases",
}


def names() -> list[str]:
    """Every registered property."""
    return sorted(_PROPERTIES)


def check(name: str) -> None:
    """Accept a registered name.

    Raises:
        SettingsError: no property has this name.
    """
    if name not in _PROPERTIES:
        raise SettingsError(
            f"no property is called '{name}'",
            expected="one of " + ", ".join(_PROPERTIES),
            hint=did_you_mean(name, _PROPERTIES),
        )


def run_property(settings: PropertySettings, seed: int) -> Measured:
    """Check `settings.cases` cases generated from `seed`.

    Metrics: `cases`; `violations`, the cases in which the property did not hold; `max_error`, the largest relative
    error over all cases, or the largest ratio of an inequality's left side to its right side.

    Raises:
        SettingsError: no property has this name.
    """
    check(settings.name)
    module, _, function = _PROPERTIES[settings.name].partition(":")
    tally: Tally = getattr(import_module(module), function)(settings.cases, seed)
    return tally.measured()

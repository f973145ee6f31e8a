from __future__ import annotations

from edgebench.measure.profile import Cost, Layer, Profile


def test_totals_are_sums_over_layers() -> None:
    layers = (Layer("a", "Conv2d", Cost(1, 2, 3, 4)), Layer("b", "ReLU", Cost(10, 20, 30, 40)))
    counted = Profile(params=5, trained_params=4, layers=layers)
    assert (counted.macs, counted.flops_forward, counted.flops_backward) == (11, 22, 33)
    assert counted.activation_bits == 44
    assert counted.activation_bytes == 5.5

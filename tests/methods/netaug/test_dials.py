from __future__ import annotations

import itertools

import pytest
import torch
from scipy.stats import chi2_contingency, chisquare

from edgebench.errors import SettingsError
from edgebench.methods.netaug import augment
from edgebench.methods.netaug.dials import Dials, checked
from edgebench.models.micronet import MicroNet

_WIDTH, _EXPAND = (1.0, 1.8, 2.6), (1.0, 1.6, 2.2, 2.8)


@pytest.fixture(scope="module")
def dials() -> Dials:
    return augment(MicroNet(10, se=True), _WIDTH, _EXPAND).dials


def test_every_declared_factor_is_drawn_uniformly_and_independently(dials: Dials) -> None:
    g = torch.Generator().manual_seed(1)
    drawn = [dials.draw(g) for _ in range(2000)]
    columns = [
        *zip(*(s.widths for s in drawn), strict=True),
        *zip(*(s.expansions for s in drawn), strict=True),
    ]
    assert len(columns) == 4 + 4
    for column, factors in zip(columns, [_WIDTH] * 4 + [_EXPAND] * 4, strict=True):
        counts = [column.count(factor) for factor in factors]
        assert sum(counts) == 2000
        assert chisquare(counts).pvalue > 1e-3
    for one, other in itertools.pairwise(columns):
        table = [[0] * len(set(other)) for _ in set(one)]
        for a, b in zip(one, other, strict=True):
            table[sorted(set(one)).index(a)][sorted(set(other)).index(b)] += 1
        assert chi2_contingency(table).pvalue > 1e-4


def test_the_second_phase_draws_expansions_only(dials: Dials) -> None:
    g = torch.Generator().manual_seed(0)
    drawn = [dials.draw(g, widths=False) for _ in range(50)]
    assert {s.widths for s in drawn} == {(1.0,) * 4}
    assert all(set(column) == set(_EXPAND) for column in zip(*(s.expansions for s in drawn), strict=True))


def test_both_dials_multiply_and_inner_channels_follow_the_active_input(dials: Dials) -> None:
    g = torch.Generator().manual_seed(2)
    by_name = {channels.name: channels for channels in dials.channels}
    reached: dict[str, set[int]] = {name: set() for name in by_name}
    for _ in range(400):
        sample = dials.draw(g)
        dials.turn(sample)
        stem, second, fourth = (int(b * f + 0.5) for b, f in zip((16, 24, 32), sample.widths, strict=False))
        inputs = (stem, second, second, fourth)
        for index, (c_in, factor) in enumerate(zip(inputs, sample.expansions, strict=True), 1):
            assert by_name[f"blocks.{index}.expand.conv"].active == int(c_in * 3 * factor + 0.5)
        for name, channels in by_name.items():
            assert 1 <= channels.active <= channels.largest
            reached[name].add(channels.active)
    assert reached["stem.conv"] == {16, 29, 42}
    assert reached["mix.conv"] == {96, 173, 250}
    assert len(reached["blocks.1.expand.conv"]) == 12
    dials.turn(dials.largest())
    assert all(channels.active == channels.largest for channels in dials.channels)
    dials.turn(dials.base())
    assert dials.at_base


@pytest.mark.parametrize(
    "factors", [(), (1.8, 2.6), (0.5, 1.0), (1.0, 1.0), (1.0, 3.0, 2.0), (1.0, float("inf"))]
)
def test_factors_are_one_and_larger_ones(factors: tuple[float, ...]) -> None:
    with pytest.raises(SettingsError, match="expected 1, then larger and larger factors"):
        checked("width", factors)

from __future__ import annotations

from edgebench.models.blocks import mbv2_block, mbv3_block


def test_blocks_expand_at_every_ratio_and_have_a_shortcut() -> None:
    for block in (mbv2_block(16, expansion=1), mbv3_block(16, expansion=1), mbv2_block(16)):
        assert block.expand is not None
        assert block.shortcut


def test_only_v3_has_squeeze_and_excitation() -> None:
    assert mbv2_block(16).se is None
    assert mbv3_block(16).se is not None

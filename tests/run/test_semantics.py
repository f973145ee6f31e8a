"""Stored records are served by code that gives the same results: changed code needs somebody's decision."""

from __future__ import annotations

import json
import sys

import pytest

from edgebench.run.trial import SEMANTICS
from tools import lock_semantics


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="syntax trees differ between versions of Python")
def test_changed_code_is_locked_to_its_semantics() -> None:
    lock = json.loads(lock_semantics.LOCK.read_text(encoding="utf-8"))
    now = {"semantics": SEMANTICS, "code": lock_semantics.code_digest()}
    assert now == lock, (
        "code that trials run has changed: raise SEMANTICS in edgebench/run/trial.py if any result can change, "
        "then run `python tools/lock_semantics.py`"
    )

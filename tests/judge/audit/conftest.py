from __future__ import annotations

import pytest

from edgebench.judge.audit.subject import Subject
from tests.judge.audit.fixtures import suite


@pytest.fixture(scope="session")
def own_suite() -> list[Subject]:
    """This repository's own claims with their baselines."""
    return suite()

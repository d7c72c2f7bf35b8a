from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.proposals.desk import Desk, desk


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Desk]:
    """Three people, three sites, two approvals for every change."""
    with desk(tmp_path) as made:
        yield made

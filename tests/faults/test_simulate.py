"""As many random schedules as a usual run has time for; the rest is `tests.faults.simulate`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.remembering import remembering
from tests.faults.simulate import base, run

SCHEDULES = 60


@pytest.mark.parametrize("signed", [False, True], ids=["open", "signed"])
def test_random_schedules_keep_every_invariant(
    signed: bool, record_property: Callable[[str, object], None]
) -> None:
    with remembering():
        start = base(signed=signed)
        for seed in range(1000, 1000 + SCHEDULES):
            run(start, seed)
    record_property("tried", SCHEDULES)

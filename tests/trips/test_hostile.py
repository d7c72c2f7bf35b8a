"""A TRIP.json from a hostile hand: refused with a name, and no fault."""

from __future__ import annotations

import pytest

from margo_gitops.documents import canonical
from margo_gitops.errors import Refused
from margo_gitops.model.trip import Counted, Trip


@pytest.mark.parametrize("generation", [2**53, -(2**53), 2**64])
def test_a_number_that_has_no_canonical_form_is_refused_and_no_fault(generation: int) -> None:
    trip = Trip(
        fleet="6f0e9b1c-6a55-4a57-9a06-2f3f3d0d9a11",
        site="north",
        direction="down",
        number=1,
        previous=None,
        acknowledges=Counted(number=1, digest=canonical.digest(b"")),
        builds_on=None,
        generation=1,
        refs={},
        prerequisites=(),
        parts=(),
    )
    data = canonical.dump(trip)
    hostile = data.replace(b'"generation":1', f'"generation":{generation}'.encode())
    assert hostile != data
    with pytest.raises(Refused) as refused:
        canonical.load(hostile, Trip, "TRIP.json")
    assert refused.value.rule == "format"

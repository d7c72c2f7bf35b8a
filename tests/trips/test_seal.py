"""What vouches for a TRIP.json, bit by bit."""

from __future__ import annotations

import pytest

from margo_gitops.documents import canonical
from margo_gitops.trust.trips import seal, unsealed_down, unsealed_up
from tests.trust.keys import key, line

DATA = canonical.dumps({"a": 1})


@pytest.mark.parametrize("at", range(0, len(seal(DATA, None)), 5))
def test_in_an_open_fleet_no_bit_of_the_seal_is_free(at: int) -> None:
    good = seal(DATA, None)
    flipped = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
    assert unsealed_down(DATA, good, None) is unsealed_up(DATA, good, None) is None
    assert unsealed_down(DATA, flipped, None)
    assert unsealed_up(DATA, flipped, None)


def test_a_signed_trip_at_an_open_site_is_left_to_the_rule_that_says_why() -> None:
    signed = seal(DATA, key("ada"))
    assert unsealed_down(DATA, signed, None) is None
    assert unsealed_down(DATA + b" ", signed, None)
    assert unsealed_up(DATA, signed, line("ada")) is None

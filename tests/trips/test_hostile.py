"""A TRIP.json from a hostile hand: refused with a name, and no fault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margo_gitops.documents import canonical
from margo_gitops.errors import Refused
from margo_gitops.model.trip import BLOBS, Trip
from margo_gitops.store.tripfile import BUNDLE, MAX_TRIP, SEAL, TRIP, opened_trip
from tests.fleet import FLEET_ID
from tests.trips.making import framed, written

EMPTY = canonical.digest(b"")
BLOB = BLOBS + EMPTY.removeprefix("sha256:")
GOOD: dict[str, Any] = {
    "acknowledges": None,
    "apiVersion": "margo-gitops/v1",
    "buildsOn": None,
    "direction": "down",
    "fleet": FLEET_ID,
    "generation": 1,
    "kind": "Trip",
    "number": 1,
    "parts": [{"digest": EMPTY, "name": BUNDLE, "size": 0}],
    "prerequisites": [],
    "previous": None,
    "refs": {},
    "site": "north",
}


def _part(name: str, size: int = 0, digest: str = EMPTY) -> dict[str, Any]:
    return {"digest": digest, "name": name, "size": size}


def _rule(folder: Path, text: bytes, *parts: str) -> str | None:
    """What a reader says of a trip with this TRIP.json and these empty parts."""
    content = [(TRIP, text), (SEAL, b"seal"), *((name, b"") for name in parts)]
    try:
        with opened_trip(written(folder / "x.margo.tar", framed(content))):
            return None
    except Refused as error:
        return error.rule


def test_the_plain_one_is_taken(tmp_path: Path) -> None:
    assert _rule(tmp_path, canonical.dumps(GOOD), BUNDLE) is None
    assert canonical.dumps(GOOD) == canonical.dump(Trip.model_validate(GOOD))


@pytest.mark.parametrize(
    ("names", "rule"),
    [
        ([], "trip"),
        ([BLOB], "trip"),
        ([BLOB, BUNDLE], "trip"),
        ([BUNDLE, BUNDLE], "trip"),
        ([BUNDLE, BLOB, BLOB], "trip"),
        ([BUNDLE, "oci/oci-layout", "oci/index.json"], "trip"),
        ([BUNDLE, "oci/index.json", BLOB], "trip"),
        ([BUNDLE, BLOB, "oci/index.json", "oci/oci-layout"], None),
        (["/refs.bundle"], "format"),
        (["../refs.bundle"], "format"),
        (["./refs.bundle"], "format"),
        ([BUNDLE, "oci/blobs/sha256/.."], "format"),
        ([BUNDLE, f"oci/../{BLOB}"], "format"),
        ([BUNDLE, f"{BLOB}\n"], "format"),
        ([BUNDLE, f"{BLOB}/"], "format"),
        ([BUNDLE, BLOB.upper()], "format"),
        ([BUNDLE, TRIP], "format"),
        ([BUNDLE, SEAL], "format"),
        ([BUNDLE, "refs.bundle\0"], "format"),
    ],
)
def test_parts_have_one_order_and_few_names(
    tmp_path: Path, names: list[str], rule: str | None
) -> None:
    text = canonical.dumps({**GOOD, "parts": [_part(name) for name in names]})
    laid = names if rule is None else [BUNDLE]
    assert _rule(tmp_path, text, *laid) == rule


@pytest.mark.parametrize(
    ("size", "rule"),
    [(-1, "format"), (2**53 - 1, "truncated"), (2**53, "format"), (2**64, "format")],
)
def test_sizes_that_no_file_has(tmp_path: Path, size: int, rule: str) -> None:
    text = canonical.dumps({**GOOD, "parts": [_part(BUNDLE)]})
    text = text.replace(b'"size":0', f'"size":{size}'.encode())
    assert _rule(tmp_path, text, BUNDLE) == rule


@pytest.mark.parametrize("generation", [2**53, -(2**53), 2**64, 10**400])
def test_a_number_that_has_no_canonical_form_is_refused_and_no_fault(
    tmp_path: Path, generation: int
) -> None:
    text = canonical.dumps(GOOD).replace(b'"generation":1', f'"generation":{generation}'.encode())
    assert _rule(tmp_path, text, BUNDLE) == "format"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("number", 0),
        ("number", 2**31),
        ("buildsOn", 0),
        ("site", "../north"),
        ("site", "North"),
        ("site", ""),
        ("direction", "sideways"),
        ("fleet", "plant"),
        ("refs", {"refs/heads/A": "0" * 40}),
        ("refs", {"refs/tags/a": "0" * 40}),
        ("refs", {"refs/heads/site/north": "main"}),
        ("prerequisites", ["HEAD"]),
        ("previous", "sha256:"),
        ("acknowledges", {"number": 1}),
        ("kind", "TripLedger"),
        ("apiVersion", "margo-gitops/v2"),
    ],
)
def test_fields_are_what_the_schema_says(tmp_path: Path, field: str, value: Any) -> None:
    assert _rule(tmp_path, canonical.dumps({**GOOD, field: value}), BUNDLE) == "format"


@pytest.mark.parametrize("field", sorted(GOOD))
def test_no_field_may_be_left_out(tmp_path: Path, field: str) -> None:
    text = canonical.dumps({key: value for key, value in GOOD.items() if key != field})
    assert _rule(tmp_path, text, BUNDLE) == "format"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"\xff",
        b"\xef\xbb\xbf" + canonical.dumps(GOOD),
        canonical.dumps(GOOD) + b"\n",
        b"[" * 200_000,
        canonical.dumps(GOOD).replace(b'"north"', b'"\\u006eorth"'),
        canonical.dumps(GOOD).replace(b'"north"', b'"\\ud800"'),
        canonical.dumps(GOOD).replace(b'"number":1', b'"number":1.0'),
        canonical.dumps(GOOD).replace(b'"number":1', b'"number":true'),
        canonical.dumps(GOOD).replace(b'"number":1', b'"number":"1"'),
        canonical.dumps(GOOD).replace(b'"number":1', b'"number":NaN'),
        canonical.dumps(GOOD).replace(b'"number":1', b'"number":1,"number":1'),
    ],
    ids=range(13),
)
def test_one_spelling_counts(tmp_path: Path, text: bytes) -> None:
    assert _rule(tmp_path, text, BUNDLE) == "format"


def test_a_long_one_is_not_even_read(tmp_path: Path) -> None:
    many = [_part(BUNDLE), *(_part(f"{BLOBS}{n:064x}") for n in range(60_000))]
    text = canonical.dumps({**GOOD, "parts": many})
    assert len(text) > 10_000_000 > MAX_TRIP
    assert _rule(tmp_path, text, BUNDLE) == "trip"


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@given(field=st.sampled_from(sorted(GOOD)), value=_VALUES)
def test_any_value_anywhere_is_taken_or_refused(
    tmp_path_factory: pytest.TempPathFactory, field: str, value: Any
) -> None:
    spelled = canonical.quick_dumps if _is_plain(value) else _loosely
    text = spelled({**GOOD, field: value})
    folder = tmp_path_factory.mktemp("hostile", numbered=True)
    assert _rule(folder, text, BUNDLE) in {None, "format", "trip", "truncated"}


def _is_plain(value: Any) -> bool:
    try:
        canonical.dumps(value)
    except (ValueError, UnicodeError):
        return False
    return True


def _loosely(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

"""The frame of a trip file: written and read back, and no bit of it is free."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margo_gitops.documents import canonical
from margo_gitops.documents.archive import BLOCK, header
from margo_gitops.errors import Refused
from margo_gitops.model.trip import BLOBS, Trip
from margo_gitops.store.tripfile import (
    BUNDLE,
    MAX_SEAL,
    MAX_TRIP,
    SEAL,
    TRIP,
    Source,
    opened_trip,
    size_of,
    write_trip,
)
from margo_gitops.trust.trips import seal, unsealed_down
from tests.fleet import FLEET_ID
from tests.trips.making import bit_flipped, entries, framed, part_of, written

EDGES = (0, 1, 511, 512, 513, 1023, 1024, 1025)
DAMAGE = {"truncated", "trip", "format", "digest", "signature"}

contents = st.lists(
    st.one_of(st.binary(max_size=1200), st.sampled_from(EDGES).map(bytes)), max_size=4
)


def _trip(bundle: bytes, blobs: list[bytes]) -> tuple[Trip, dict[str, bytes]]:
    """A trip of an open fleet with these parts, under the names of their digests."""
    held = {BLOBS + canonical.digest(blob).removeprefix("sha256:"): blob for blob in blobs}
    parts = [(BUNDLE, bundle), *sorted(held.items())]
    trip = Trip(
        fleet=FLEET_ID,
        site="north",
        direction="down",
        number=1,
        previous=None,
        acknowledges=None,
        builds_on=None,
        generation=1,
        refs={},
        prerequisites=(),
        parts=tuple(part_of(*part) for part in parts),
    )
    return trip, dict(parts)


def _sources(parts: dict[str, bytes]) -> dict[str, Source]:
    def source(data: bytes) -> Source:
        return lambda: [data[: len(data) // 2], data[len(data) // 2 :]]

    return {name: source(data) for name, data in parts.items()}


def _made(folder: Path, bundle: bytes = b"a bundle", *blobs: bytes) -> Path:
    trip, parts = _trip(bundle, list(blobs))
    sealed = seal(canonical.dump(trip), None)
    write_trip(folder / "x.margo.tar", trip, sealed, _sources(parts))
    return folder / "x.margo.tar"


def _problem(path: Path) -> str | None:
    """The rule by which a reader of an open fleet finds damage; None where it finds none."""
    try:
        with opened_trip(path) as file:
            for part in file.trip.parts:
                for _ in file.read(part):
                    pass
            return "signature" if unsealed_down(file.data, file.seal, None) else None
    except Refused as error:
        return error.rule


@given(bundle=st.binary(max_size=1200), blobs=contents)
def test_what_is_written_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, bundle: bytes, blobs: list[bytes]
) -> None:
    folder = tmp_path_factory.mktemp("trip", numbered=True)
    path = _made(folder, bundle, *blobs)
    trip, parts = _trip(bundle, blobs)
    data = canonical.dump(trip)
    with opened_trip(path) as file:
        assert (file.trip, file.data, file.digest) == (trip, data, canonical.digest(data))
        assert {p.name: b"".join(file.read(p)) for p in trip.parts} == parts
        for part in trip.parts:
            assert b"".join(file.raw(part, part.size // 2)) == parts[part.name][part.size // 2 :]
    sealed = seal(data, None)
    whole = framed([(TRIP, data), (SEAL, sealed), *((p.name, parts[p.name]) for p in trip.parts)])
    assert path.read_bytes() == whole
    assert len(whole) == size_of(trip, data, sealed)


@pytest.mark.parametrize("size", EDGES)
def test_tar_reads_parts_of_every_size_around_a_block(tmp_path: Path, size: int) -> None:
    path = _made(tmp_path, b"b" * size, b"x" * size)
    subprocess.run(["tar", "-xf", str(path), "-C", str(tmp_path)], check=True)
    assert (tmp_path / BUNDLE).read_bytes() == b"b" * size
    assert path.stat().st_size % BLOCK == 0
    assert _problem(path) is None


def test_a_bit_of_each_byte_of_a_small_trip_counts(tmp_path: Path) -> None:
    data = _made(tmp_path, b"a bundle", b"a blob").read_bytes()
    spoilt = tmp_path / "y.margo.tar"
    free = []
    for byte in range(len(data)):
        spoilt.write_bytes(bit_flipped(data, byte * 8 + byte % 8))
        if _problem(spoilt) not in DAMAGE:
            free.append(byte)
    assert free == []


@given(bundle=st.binary(max_size=1200), blobs=contents, where=st.floats(0, 1, exclude_max=True))
def test_a_flipped_bit_is_found_wherever_it_is(
    tmp_path_factory: pytest.TempPathFactory, bundle: bytes, blobs: list[bytes], where: float
) -> None:
    path = _made(tmp_path_factory.mktemp("trip", numbered=True), bundle, *blobs)
    data = path.read_bytes()
    path.write_bytes(bit_flipped(data, int(where * len(data) * 8)))
    assert _problem(path) in DAMAGE


def test_a_trip_that_was_cut_anywhere_is_truncated(tmp_path: Path) -> None:
    data = _made(tmp_path, b"a bundle", b"a blob").read_bytes()
    cut = tmp_path / "y.margo.tar"
    for size in {*range(0, len(data), 5), *range(0, len(data), BLOCK), len(data) - 1}:
        cut.write_bytes(data[:size])
        assert _problem(cut) == "truncated", size


@given(more=st.binary(min_size=1, max_size=1100))
def test_no_byte_may_follow(tmp_path_factory: pytest.TempPathFactory, more: bytes) -> None:
    path = _made(tmp_path_factory.mktemp("trip", numbered=True))
    path.write_bytes(path.read_bytes() + more)
    assert _problem(path) == "trip"


def test_the_writer_leaves_nothing_of_a_part_that_changed_meanwhile(tmp_path: Path) -> None:
    trip, parts = _trip(b"a bundle", [])
    for other in (b"a bundlf", b"a bundle!", b""):
        with pytest.raises(Refused) as refused:
            write_trip(tmp_path / "x.margo.tar", trip, b"", _sources({**parts, BUNDLE: other}))
        assert refused.value.rule == "digest"
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [MAX_TRIP + 1, 8**11 - 1, 8**11, 1 << 62, 1 << 87])
def test_a_size_that_lies_costs_nothing(tmp_path: Path, size: int) -> None:
    data = _made(tmp_path).read_bytes()
    assert _problem(written(tmp_path / "y", header(TRIP, size) + data[BLOCK:])) == "trip"
    at = data.index(header(SEAL, len(dict(entries(data))[SEAL])))
    lying = data[:at] + header(SEAL, size) + data[at + BLOCK :]
    assert _problem(written(tmp_path / "z", lying)) == "trip"


def test_a_size_within_bounds_that_lies_is_a_cut_or_another_frame(tmp_path: Path) -> None:
    data = _made(tmp_path).read_bytes()
    for size in (0, 1, 511, 513):
        assert _problem(written(tmp_path / "y", header(TRIP, size) + data[BLOCK:])) in DAMAGE
    assert _problem(written(tmp_path / "y", header(TRIP, MAX_TRIP) + data[BLOCK:])) == "truncated"


@pytest.mark.parametrize("size", [MAX_SEAL, MAX_SEAL + 1])
def test_a_seal_is_bounded(tmp_path: Path, size: int) -> None:
    data = entries(_made(tmp_path).read_bytes())
    whole = framed([(name, b"x" * size if name == SEAL else found) for name, found in data])
    found = _problem(written(tmp_path / "y", whole))
    assert found == ("signature" if size == MAX_SEAL else "trip")


@given(junk=st.binary(max_size=4000))
def test_any_file_is_answered_with_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes
) -> None:
    path = tmp_path_factory.mktemp("trip", numbered=True) / "x.margo.tar"
    assert _problem(written(path, junk)) in {"truncated", "trip"}
    assert _problem(written(path, header(TRIP, len(junk)) + junk)) in {"truncated", "trip"}

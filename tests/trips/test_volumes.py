"""A file in pieces: joined they are the file, and what lacks is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margo_gitops.errors import Missing, Refused
from margo_gitops.store.tripfile import opened_trip
from margo_gitops.store.volumes import MAX_VOLUMES, opened, pieces, whole, written
from tests.trips.golden import FOLDER

NAME = "north-1.margo.tar"


def _split(folder: Path, data: bytes, most: int | None, step: int = 7) -> list[Path]:
    with written(folder / NAME, len(data), most) as sink:
        for at in range(0, len(data), step):
            assert sink.write(data[at : at + step]) == len(data[at : at + step])
    count = len(list(folder.iterdir()))
    return [folder / NAME] if count == 1 else pieces(folder / f"{NAME}.1-of-{count}")


@given(
    data=st.binary(min_size=1, max_size=700),
    most=st.integers(1, 800),
    step=st.integers(1, 800),
    cuts=st.lists(st.integers(0, 750), max_size=4),
)
def test_pieces_joined_by_cat_are_the_file(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, most: int, step: int, cuts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("pieces", numbered=True)
    parts = _split(folder, data, most, step)
    assert sorted(folder.iterdir()) == sorted(parts)
    assert b"".join(part.read_bytes() for part in parts) == data
    assert all(part.stat().st_size == most for part in parts[:-1])
    assert 0 < parts[-1].stat().st_size <= most
    with opened(parts[0]) as file:
        assert file.read() == data
        assert file.seek(0, os.SEEK_END) == len(data)
        for cut in cuts:
            file.seek(cut)
            assert file.read(33) == data[cut : cut + 33]


def test_no_bound_and_a_wide_one_make_one_file_under_its_own_name(tmp_path: Path) -> None:
    for most in (None, 5, 6):
        assert _split(tmp_path, b"12345", most) == [tmp_path / NAME]


def test_what_is_a_piece_and_of_what() -> None:
    assert whole(Path(NAME)) == NAME
    assert whole(Path(f"{NAME}.1-of-3")) == NAME
    assert whole(Path(f"{NAME}.2-of-3")) is None
    for other in ("1-of-0", "0-of-3", "01-of-3", "1-of-1000", "1-of-", "1-of-3x", "1of3"):
        name = f"{NAME}.{other}"
        assert pieces(Path(name)) == [Path(name)]
        assert whole(Path(name)) == name
    assert len(pieces(Path(f"{NAME}.5-of-{MAX_VOLUMES}"))) == MAX_VOLUMES


def test_pieces_that_are_not_there_are_named(tmp_path: Path) -> None:
    parts = _split(tmp_path, b"1234567", 2)
    parts[1].unlink()
    with pytest.raises(Missing, match=r"2-of-4 is not there\."), opened(parts[0]):
        pass
    parts[3].unlink()
    with pytest.raises(Missing, match="2-of-4 is not there, nor 1 more"), opened(parts[2]):
        pass


def test_a_fault_while_writing_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with written(tmp_path / NAME, 10, 3) as sink:
            sink.write(b"12345")
            raise Refused("it changed meanwhile", rule="digest")

    with pytest.raises(Refused):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_piece_of_another_trip_between_is_found(tmp_path: Path) -> None:
    trips = [FOLDER / "trips" / f"{name}.margo.tar" for name in ("nothing-new", "wrong-way")]
    one, other = [path.read_bytes() for path in trips]
    parts = _split(tmp_path, one, 1500, 512)
    assert len(parts) == 4
    parts[1].write_bytes(other[1500:3000])
    with pytest.raises(Refused), opened_trip(parts[0]):
        pass
    parts[1].write_bytes(one[1500:2999])
    with pytest.raises(Refused) as refused, opened_trip(parts[0]):
        pass
    assert refused.value.rule in {"trip", "truncated"}

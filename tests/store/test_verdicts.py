"""Kept verdicts: never an error, never of other rules, never without bound."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margo_gitops.store import verdicts
from margo_gitops.store.verdicts import Verdicts

TEXTS = {"a": "1", "b": "2"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "git" / "margo" / "verdicts.sqlite"


@pytest.mark.parametrize("few", [True, False])
def test_what_was_put_is_found_by_the_next_process(
    file: Path, few: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not few:
        monkeypatch.setattr(verdicts, "_FEW", 0)
    Verdicts(file).put(TEXTS)
    Verdicts(file).put({"b": "3"})
    assert Verdicts(file).get(["a", "b", "c"]) == {"a": "1", "b": "3"}


def test_nothing_is_kept_where_there_is_no_file(tmp_path: Path) -> None:
    cache = Verdicts(None)
    cache.put(TEXTS)
    assert cache.get(TEXTS) == {}
    assert list(tmp_path.iterdir()) == []


def test_other_rules_make_every_verdict_void(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Verdicts(file).put(TEXTS)
    monkeypatch.setattr(verdicts, "rule_set", lambda: "others")
    assert Verdicts(file).get(TEXTS) == {}
    Verdicts(file).put({"c": "3"})
    assert Verdicts(file).get(["a", "c"]) == {"c": "3"}


def test_the_rule_set_follows_every_source_of_a_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "margo_gitops"
    sources = [
        package / "documents" / "fleet" / "intents.py",
        package / "model" / "fleet.py",
        tmp_path / "schemas" / "own" / "Site.json",
        package / "data" / "schemas" / "margo" / "X.json",
    ]
    monkeypatch.setattr(verdicts, "__file__", str(package / "store" / "verdicts.py"))
    seen = set()
    for number, source in enumerate([*sources, *sources]):
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(f"rule {number}")
        seen.add(verdicts.rule_set.__wrapped__())
    assert len(seen) == 8


@given(st.binary(max_size=300))
def test_a_damaged_file_is_thrown_away_and_made_anew(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes
) -> None:
    file = tmp_path_factory.mktemp("damaged") / "verdicts.sqlite"
    file.write_bytes(noise)
    assert Verdicts(file).get(TEXTS) == {}
    Verdicts(file).put(TEXTS)
    Verdicts(file).put(TEXTS)
    assert Verdicts(file).get(TEXTS) == TEXTS


def test_a_file_cut_in_half_is_no_error(file: Path) -> None:
    Verdicts(file).put({str(number): "x" * 100 for number in range(2000)})
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    Verdicts(file).get([str(number) for number in range(2000)])
    Verdicts(file).put(TEXTS)
    Verdicts(file).put(TEXTS)
    assert Verdicts(file).get(["a"]) in ({"a": "1"}, {})


def test_a_locked_file_is_passed_over_and_stays(file: Path) -> None:
    Verdicts(file).put(TEXTS)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        Verdicts(file).put({"c": "3"})
        assert Verdicts(file).get(TEXTS) == {}
    assert Verdicts(file).get(TEXTS) == TEXTS


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "margo").write_bytes(b"a file in its place")
    cache = Verdicts(tmp_path / "margo" / "verdicts.sqlite")
    cache.put(TEXTS)
    assert cache.get(TEXTS) == {}


def test_the_cache_is_bounded(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "MAX_ENTRIES", 10)
    for number in range(5):
        Verdicts(file).put({f"{number} {item}": "x" for item in range(4)})
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT count(*) FROM verdicts").fetchone()[0] <= 10
    assert len(Verdicts(file).get([f"4 {item}" for item in range(4)])) == 4


def test_two_writers_at_once_lose_at_most_a_verdict(file: Path) -> None:
    writers = [
        threading.Thread(target=Verdicts(file).put, args=({str(number): "x"},))
        for number in range(8)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert set(Verdicts(file).get(map(str, range(8))).values()) == {"x"}

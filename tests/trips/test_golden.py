"""The golden trips are what we write, and our own readers say of each what the kit says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.trips.golden import FOLDER, INDEX, every, probe
from tests.trips.kit import CASES, KIT, asked

MOST = 300_000
SAY = "python -m tests.trips.golden, and say in CHANGELOG.md what changed"


def _found() -> dict[str, bytes]:
    paths = [path for path in FOLDER.rglob("*") if path.is_file() and path.name != "README.md"]
    return {str(path.relative_to(FOLDER)): path.read_bytes() for path in paths}


def _without_zlib(index: bytes) -> Any:
    """What no zlib decides: not packs, nor the digests of what holds one."""
    told = json.loads(index)
    cases = [
        {key: case.get(key) for key in ("name", "reader", "why", "verdict", "rule", "waitsFor")}
        | {key: case["after"].get(key) for key in ("site", "generation", "taken", "returned")}
        for case in told["cases"]
    ]
    return cases, told["pinned"], sorted(told["readers"])


def test_the_golden_files_are_what_is_written_today() -> None:
    found, made = _found(), every()
    assert _without_zlib(found[INDEX]) == _without_zlib(made[INDEX]), SAY
    if KIT["zlib"] == probe():
        assert found == made, SAY


def test_the_kit_is_small_and_names_each_case_once() -> None:
    assert sum(map(len, _found().values())) < MOST
    assert len({case["name"] for case in CASES}) == len(CASES)
    assert {case["file"] for case in CASES} <= _found().keys()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_our_own_reader_says_what_the_kit_says(case: dict[str, Any], tmp_path: Path) -> None:
    said = asked(case, tmp_path)
    assert (said.verdict, said.rule) == (case["verdict"], case.get("rule")), said.words
    assert said.after == case["after"]
    if "waitsFor" in case:
        assert f"bring trip {case['waitsFor']} or any full trip" in said.words

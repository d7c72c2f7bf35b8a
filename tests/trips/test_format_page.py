"""docs/trip-format.md is enough for another reader: one written from it finds what ours find."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from margo_gitops.documents import archive, canonical
from margo_gitops.model.trip import Counted
from margo_gitops.store.tripfile import BUNDLE, SEAL, TRIP, opened_trip
from margo_gitops.trust import trips
from margo_gitops.trust.trips import SITE_CLAUSES, seal
from tests.trips import plain
from tests.trips.kit import CASES, laid
from tests.trips.making import entries, part_of, said

PAGE = (Path(__file__).parents[2] / "docs" / "trip-format.md").read_text()
FILES = [case for case in CASES if "piece" not in case["name"]]
IN_THE_FRAME = {"truncated", "trip", "format"}
LARGE = 8 << 30


@pytest.mark.parametrize("case", FILES, ids=lambda case: case["name"])
def test_a_reader_written_from_the_page_finds_the_same(
    case: dict[str, Any], tmp_path: Path
) -> None:
    data = laid(case, tmp_path).read_bytes()
    rule = case.get("rule")
    if rule in IN_THE_FRAME:
        with pytest.raises(plain.Damaged, match=f"^{rule}$"):
            plain.frame(data)
        return
    trip, _, parts = plain.frame(data)
    wrong = plain.strangers(trip, parts)
    if case["name"] != "blob-misnamed":
        assert bool(wrong) is (rule == "digest")
    if case["verdict"] in {"taken", "nothing-new"} and case["name"] != "bundle-v3":
        refs, base, pack = plain.bundle(parts["refs.bundle"])
        assert (refs, base) == (trip["refs"], trip["prerequisites"])
        assert [*refs] == sorted(refs)
        assert pack.startswith(b"PACK\0\0\0\2")


@pytest.mark.parametrize("size", [0, 1, 511, 512, LARGE - 1, LARGE, LARGE + 1, 1 << 40])
def test_a_header_is_what_the_table_says(size: int) -> None:
    name = "oci/blobs/sha256/" + "a" * 64
    assert plain.header(name, size) == archive.header(name, size)


def test_the_spoken_code_is_computed_as_the_page_says() -> None:
    digest = canonical.digest(b"")
    assert plain.code("north", 14, digest) == trips.code("north", Counted(number=14, digest=digest))


def test_the_page_names_each_rule_that_the_kit_and_the_gate_have() -> None:
    named = set(re.findall(r"`([a-z-]+)`", PAGE))
    adoption = {"fork"}
    rules = {case["rule"] for case in CASES if "rule" in case} | {rule for rule, _ in SITE_CLAUSES}
    assert rules - adoption <= named


def test_a_part_of_eight_gib_is_framed_as_stock_tar_reads_it(tmp_path: Path) -> None:
    """The file is sparse: its bytes are zeros that no disk holds."""
    (case,) = [case for case in CASES if case["name"] == "nothing-new"]
    content = dict(entries(laid(case, tmp_path).read_bytes()))
    large = part_of("oci/blobs/sha256/" + "a" * 64, b"").model_copy(update={"size": LARGE})
    parts = (part_of(BUNDLE, content[BUNDLE]), large)
    trip = said(laid(case, tmp_path).read_bytes()).model_copy(update={"parts": parts})
    told = canonical.dump(trip)
    path = tmp_path / "large.margo.tar"
    with path.open("wb") as file:
        for name, data in ((TRIP, told), (SEAL, seal(told, None)), (BUNDLE, content[BUNDLE])):
            file.write(plain.header(name, len(data)) + data + archive.padding(len(data)))
        file.write(plain.header(large.name, LARGE))
        file.truncate(file.tell() + LARGE + len(archive.END))
    with opened_trip(path) as opened:
        assert opened.trip == trip
    done = subprocess.run(["tar", "-tvf", str(path)], capture_output=True, text=True, check=True)
    assert str(LARGE) in done.stdout.splitlines()[-1]
    assert done.stderr == ""

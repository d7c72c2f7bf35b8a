"""Golden trips for other implementations: `python -m tests.trips.golden` writes them.

Keys are made from names (the seed is the sha256 of the name), so every run writes the same bytes,
as far as zlib does.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from margo_gitops.store.volumes import written
from tests.fleet import FLEET_ID
from tests.trips import cases, spoilt
from tests.trips.cases import Case
from tests.trips.edits import nearest
from tests.trips.story import Story
from tests.trust.keys import line

FOLDER = Path(__file__).parent / "golden"
INDEX = "cases.json"
SECTIONS = (
    cases.good,
    cases.forged,
    spoilt.frame,
    spoilt.paper,
    spoilt.bundles,
    spoilt.blobs,
    cases.home,
)
PIECE = 2560


def probe() -> str:
    """What this zlib makes of bytes that every zlib gets: two that differ here differ in packs."""
    plain = b"".join(hashlib.sha256(bytes([n])).hexdigest().encode() for n in range(64))
    return hashlib.sha256(zlib.compress(plain)).hexdigest()


def every() -> dict[str, bytes]:
    """Path to bytes of every golden file but the README."""
    with tempfile.TemporaryDirectory() as folder:
        told = Story(Path(folder))
        found = [case for section in SECTIONS for case in section(told)]
        files: dict[str, bytes] = {}
        index = [_told(told, case, **_kept(case, files)) for case in found]
        for case, paths in _pieces(told, Path(folder)):
            files |= paths
            index.append(_told(told, case, file=min(paths)))
    used = sorted({entry["reader"] for entry in index})
    for name in used:
        bundle = told.readers[name].bundle
        if bundle is not None:
            files[f"readers/{name}.bundle"] = bundle
    head = {
        "format": 1,
        "zlib": probe(),
        "fleet": FLEET_ID,
        "pinned": told.fleet.pinned,
        "siteKey": line("north/"),
        "readers": {name: told.told(name) for name in used},
        "cases": index,
    }
    files[INDEX] = (json.dumps(head, indent=1) + "\n").encode()
    return files


def _pieces(told: Story, folder: Path) -> Iterator[tuple[Case, dict[str, bytes]]]:
    """Trip 2 in three pieces, and without the second."""
    data = told.trips["2"]
    with written(folder / "p.margo.tar", len(data), PIECE) as sink:
        sink.write(data)
    parts = {path.name[1:]: path.read_bytes() for path in sorted(folder.glob("p.margo.tar.*"))}
    whole = {f"trips/pieces{name}": part for name, part in parts.items()}
    lacks = {
        f"trips/piece-missing{name}": part for name, part in parts.items() if ".2-of-" not in name
    }
    yield (
        Case("pieces", data, cases.FIRST, "taken", "in 3 pieces", after="site-after-2", number=2),
        whole,
    )
    why = "the second piece is not there"
    yield Case("piece-missing", data, cases.FIRST, "waits", why, number=1), lacks


def _kept(case: Case, files: dict[str, bytes]) -> dict[str, Any]:
    """The case's file, or that of an earlier one and what to change in it."""
    near = nearest(case.data, files)
    if near is not None:
        changes = {} if files[near[0]] == case.data else {"edits": near[1]}
        return {"file": near[0], **changes}
    path = f"trips/{case.name}.margo.tar"
    files[path] = case.data
    return {"file": path}


def _told(told: Story, case: Case, **kept: Any) -> dict[str, Any]:
    """A case as the index has it: what must be true afterwards is in `after`."""
    before = told.readers[case.reader]
    state = told.readers[case.after or case.reader]
    number = case.number or (before.last.number if before.last else None)
    after: dict[str, Any]
    if case.reader.startswith("office"):
        after = {
            "status": state.refs["refs/heads/status/north"],
            "acknowledged": state.acknowledged,
            "returned": number,
        }
    else:
        after = {
            "site": state.refs.get("refs/heads/site/north"),
            "generation": state.generation,
            "taken": number,
        }
    verdict: dict[str, Any] = {"verdict": case.verdict}
    if case.rule is not None:
        verdict["rule"] = case.rule
    if case.waits_for is not None:
        verdict["waitsFor"] = case.waits_for
    head = {"name": case.name, **kept, "reader": case.reader, "why": case.why}
    return {**head, **verdict, "after": after}


def main() -> None:
    """Write them all, and remove what is left over."""
    made = {FOLDER / name: data for name, data in every().items()}
    for path, data in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    kept = made.keys() | {FOLDER / "README.md"}
    for path in {found for found in FOLDER.rglob("*") if found.is_file()} - kept:
        path.unlink()


if __name__ == "__main__":
    main()

"""Stock tar, git and ssh-keygen on the golden trips: what a person without our program can do."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.store.making import fsck, git
from tests.trips.golden import FOLDER
from tests.trips.kit import CASES, KIT, laid
from tests.trust.keys import line

READ = {"taken", "nothing-new", "waits", "overtaken"}
GOOD = [case for case in CASES if case["verdict"] in READ and "piece" not in case["name"]]
HERE = [case for case in GOOD if case["verdict"] in {"taken", "nothing-new"}]


def _ids(case: dict[str, Any]) -> str:
    return str(case["name"])


def _unpacked(case: dict[str, Any], folder: Path) -> dict[str, Any]:
    """TRIP.json, after tar laid out the whole trip in the folder."""
    subprocess.run(["tar", "-xf", str(laid(case, folder)), "-C", str(folder)], check=True)
    told: dict[str, Any] = json.loads((folder / "TRIP.json").read_bytes())
    return told


def _clone(case: dict[str, Any], folder: Path) -> Path:
    """What the reader has, as stock git makes it of the kit."""
    bundle = KIT["readers"][case["reader"]]["bundle"]
    git(folder, "init", "-q", "--bare", "clone")
    if bundle is not None:
        git(folder / "clone", "fetch", "-q", str(FOLDER / bundle), "refs/*:refs/*")
    return folder / "clone"


@pytest.mark.parametrize("case", GOOD, ids=_ids)
def test_tar_lists_the_parts_in_order_and_without_a_complaint(
    case: dict[str, Any], tmp_path: Path
) -> None:
    told = _unpacked(case, tmp_path)
    words = ["tar", "-tf", str(laid(case, tmp_path))]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    parts = [part["name"] for part in told["parts"]]
    assert done.stdout.split() == ["TRIP.json", "TRIP.sig", *parts]
    assert done.stderr == ""
    assert [(tmp_path / part["name"]).stat().st_size for part in told["parts"]] == [
        part["size"] for part in told["parts"]
    ]


@pytest.mark.parametrize("case", GOOD, ids=_ids)
def test_ssh_keygen_says_who_sealed_it(case: dict[str, Any], tmp_path: Path) -> None:
    told = _unpacked(case, tmp_path)
    who = line("alice" if told["direction"] == "down" else "north/")
    (tmp_path / "allowed").write_text(f"somebody {who}\n")
    words = ["ssh-keygen", "-Y", "verify", "-f", str(tmp_path / "allowed"), "-I", "somebody"]
    words += ["-n", "margo-trip-v1", "-s", str(tmp_path / "TRIP.sig")]
    data = (tmp_path / "TRIP.json").read_bytes()
    assert subprocess.run(words, input=data, check=False).returncode == 0
    assert subprocess.run(words, input=data + b" ", check=False).returncode != 0


@pytest.mark.parametrize("case", HERE, ids=_ids)
def test_git_fetches_the_very_commits_into_a_clone_that_has_what_is_needed(
    case: dict[str, Any], tmp_path: Path
) -> None:
    told, clone = _unpacked(case, tmp_path), _clone(case, tmp_path)
    bundle = str(tmp_path / "refs.bundle")
    git(clone, "bundle", "verify", "-q", bundle)
    heads = dict(
        line.split()[::-1] for line in git(clone, "bundle", "list-heads", bundle).split("\n")
    )
    assert heads == told["refs"]
    git(clone, "fetch", "-q", bundle, "+refs/*:refs/came/*")
    for ref, id in told["refs"].items():
        assert git(clone, "rev-parse", ref.replace("refs/", "refs/came/", 1)) == id
    fsck(clone)


def test_git_makes_no_tip_of_a_bundle_whose_base_is_not_there(tmp_path: Path) -> None:
    (case,) = [case for case in CASES if case["name"] == "missing-base"]
    told, clone = _unpacked(case, tmp_path), _clone(case, tmp_path)
    words = ["git", "fetch", str(tmp_path / "refs.bundle"), "+refs/*:refs/came/*"]
    done = subprocess.run(words, cwd=clone, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert any(id in done.stderr for id in told["prerequisites"])

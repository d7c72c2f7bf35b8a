"""Disks that cannot be written: agents say so, keep what runs, and go on once they can."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines import require
from tests.faults.plant import Plant, plant, run
from tests.faults.tracing import mounts_problem

READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
FULL = (
    'mount -t tmpfs -o size=2m tmpfs "$0.full" && cp -a "$0/." "$0.full/"; '
    'mount --move "$0.full" "$0" && { head -c 9m /dev/zero > "$0/filler" 2>/dev/null; exec "$@"; }'
)
NO_ROOM = 'ulimit -f 0 && exec "$@"'
"""No file may grow: a copy of the node's folder on a small disk would have no living workloads."""


@pytest.fixture(scope="module", autouse=True)
def mounts() -> None:
    require("mounts", mounts_problem())


@pytest.fixture
def changed(tmp_path: Path) -> Iterator[Plant]:
    """A plant at rest, but for a change that nobody has seen."""
    with plant(tmp_path / "plant") as made:
        made.commit("Moin")
        yield made


def on(disk: str, folder: Path, argv: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command in a mount namespace of its own, where a folder lies on such a disk."""
    full = folder.with_name(folder.name + ".full")
    full.mkdir()
    try:
        return run(["unshare", "--mount", "sh", "-c", disk, str(folder), *argv])
    finally:
        shutil.rmtree(full)


@pytest.mark.parametrize(
    ("who", "disk", "told"),
    [
        ("lo", READ_ONLY, "read-only"),
        ("lo", FULL, "the disk is full"),
        ("lo", NO_ROOM, "larger than"),
        ("en", READ_ONLY, "read-only"),
        ("en", NO_ROOM, "larger than"),
    ],
)
def test_an_agent_whose_state_cannot_be_written_needs_a_person(
    changed: Plant, who: str, disk: str, told: str
) -> None:
    if who == "en":
        assert run(changed.lo_run("--once")).returncode == 0
    folder, argv = (changed.lo, changed.lo_run) if who == "lo" else (changed.en, changed.en_run)
    before = changed.supervisors()
    done = on(disk, folder, argv("--once"))
    said = done.stdout + done.stderr
    assert done.returncode == 5, said
    assert told in said.lower()
    assert "Traceback" not in said
    assert changed.supervisors() == before
    changed.check()
    changed.settle()
    assert changed.said() == ["Moin"]


@pytest.mark.parametrize("disk", [READ_ONLY, FULL], ids=["read-only", "full"])
def test_an_lo_whose_remote_cannot_be_written_works_on(changed: Plant, disk: str) -> None:
    done = on(disk, changed.remote, changed.lo_run("--once"))
    assert done.returncode == 5, done.stdout + done.stderr
    assert "place" in done.stdout
    assert run(changed.en_run("--once")).returncode == 0
    assert changed.said() == ["Moin"]
    changed.settle()
    changed.check()


def test_this_machine_still_writes_there(tmp_path: Path) -> None:
    """The namespaces above are gone with their processes."""
    (tmp_path / "probe").write_text("x")
    assert not os.path.ismount(tmp_path)

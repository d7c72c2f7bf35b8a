"""Each hole of plain bundles: open with stock git, shut by a trip.

In every test stock git fails first, and says so or not; then the same happens to a trip.
"""

from __future__ import annotations

import io
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from margo_gitops.errors import Missing, Refused
from margo_gitops.roles.trips.base import Mode
from margo_gitops.store.bundle import pack
from margo_gitops.store.git import GitStore
from margo_gitops.store.quarantine import quarantine, unpack_trip
from margo_gitops.store.tripfile import BUNDLE, opened_trip
from tests.fleet import SimulatedFleet
from tests.store.making import git
from tests.trips.boxes import Box, Desk
from tests.trips.making import again, bit_flipped, entries, said, written

BRANCH = "refs/heads/site/north"
FORCED = "+refs/heads/*:refs/heads/*"


@dataclass(slots=True)
class Plant:
    """One open fleet: the office, its site by sticks, and a clone that stock git fills."""

    folder: Path
    fleet: SimulatedFleet = field(init=False)
    desk: Desk = field(init=False)
    box: Box = field(init=False)

    def __post_init__(self) -> None:
        self.fleet = SimulatedFleet({"north": ()})
        self.fleet.deploy()
        self.desk = Desk(self.fleet.co, self.folder / "cache")
        self.box = Box(self.folder / "box", None)
        git(self.folder, "init", "-q", "--bare", "clone")

    @property
    def clone(self) -> Path:
        return self.folder / "clone"

    def stick(self, mode: Mode = Mode.FULL) -> Path:
        return self.desk.pack(self.folder / "stick", mode).path

    def bundle(self, trip: Path) -> Path:
        """The plain bundle of a trip, for stock git."""
        data = dict(entries(trip.read_bytes()))[BUNDLE]
        return written(self.folder / f"{trip.name}.bundle", data)

    def refused(self, path: Path) -> str:
        """The rule by which the site refuses this, and nothing moved."""
        before = self.box.mirror.refs("refs/heads/site/")
        (trouble,) = [t for t in self.box.bring(path).troubles if isinstance(t, Refused)]
        assert self.box.mirror.refs("refs/heads/site/") == before
        return trouble.rule


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return Plant(tmp_path)


def tried(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What stock git does, be it well or not."""
    done = ["git", *words]
    return subprocess.run(done, cwd=folder, capture_output=True, text=True, check=False)


def test_git_verifies_a_bundle_with_a_flipped_bit(plant: Plant) -> None:
    trip = plant.stick()
    bundle = plant.bundle(trip)
    data = bundle.read_bytes()
    spoilt = bit_flipped(data, (len(data) - 300) * 8)
    bundle.write_bytes(spoilt)
    assert tried(plant.clone, "bundle", "verify", str(bundle)).returncode == 0
    assert tried(plant.clone, "fetch", str(bundle), FORCED).returncode != 0
    whole = trip.read_bytes()
    at = whole.index(data) + len(data) - 300
    assert plant.refused(written(trip, bit_flipped(whole, at * 8))) == "digest"
    lying = written(trip.with_name("north-7.margo.tar"), again(whole, None, {BUNDLE: spoilt}))
    assert plant.refused(lying) == "corrupt"


def test_git_verifies_a_bundle_that_was_cut_to_a_third(plant: Plant) -> None:
    trip = plant.stick()
    bundle = plant.bundle(trip)
    data = bundle.read_bytes()
    bundle.write_bytes(data[: len(data) // 3])
    assert tried(plant.clone, "bundle", "verify", str(bundle)).returncode == 0
    whole = trip.read_bytes()
    assert plant.refused(written(trip, whole[: len(whole) // 3])) == "truncated"
    lying = again(whole, None, {BUNDLE: data[: len(data) // 3]})
    assert plant.refused(written(trip.with_name("north-7.margo.tar"), lying)) == "corrupt"


def test_an_old_bundle_moves_gits_branch_back(plant: Plant) -> None:
    old = plant.stick()
    plant.fleet.set(greeting="two")
    new = plant.stick()
    for trip in (new, old):
        git(plant.clone, "fetch", "-q", str(plant.bundle(trip)), FORCED)
    back = said(old.read_bytes()).refs[BRANCH]
    assert git(plant.clone, "rev-parse", BRANCH) == back
    plant.box.bring(new)
    assert plant.box.tip == said(new.read_bytes()).refs[BRANCH]
    plant.box.bring(old)
    assert "OVERTAKEN: trip 2 was taken in before" in plant.box.said(old)
    renumbered = again(old.read_bytes(), None, number=9)
    plant.box.bring(written(old.with_name("north-9.margo.tar"), renumbered))
    assert plant.box.tip == said(new.read_bytes()).refs[BRANCH] != back


def _returning(folder: Path) -> tuple[Path, str]:
    """A repository packed with bitmaps whose last commit goes back to an older file."""
    git(folder, "init", "-q", "-b", "main", "work")
    work = folder / "work"
    for value in ("one", "two", "one"):
        (work / "file").write_text(f"{value}\n")
        (work / f"{len(list(work.iterdir()))}").write_text("each commit has its own tree\n")
        git(work, "add", "-A")
        git(work, "commit", "-qm", value)
    git(work, "update-ref", BRANCH, "HEAD")
    git(work, "repack", "-adbq")
    assert list(work.glob(".git/objects/pack/*.bitmap"))
    return work, git(work, "rev-parse", "HEAD:file")


def _knows_the_last_but_one(folder: Path, work: Path) -> Path:
    """A repository with that commit whole, and nothing of what was before it."""
    git(folder, "init", "-q", "--bare", "short")
    git(work, "branch", "base", "HEAD~1")
    url = work.as_uri()
    git(folder / "short", "fetch", "-q", "--depth", "1", url, f"base:{BRANCH}")
    return folder / "short"


def test_bitmaps_drop_a_blob_that_a_walk_over_commits_does_not_miss(
    tmp_path: Path, plant: Plant
) -> None:
    work, blob = _returning(tmp_path)
    short = _knows_the_last_but_one(tmp_path, work)
    tip, base = git(work, "rev-parse", "HEAD"), git(work, "rev-parse", "HEAD~1")
    for use, name in (("true", "lacks"), ("false", "has")):
        words = ("bundle", "create", "-q", str(tmp_path / name), BRANCH, f"^{base}")
        git(work, "-c", f"pack.useBitmaps={use}", *words)
    lacks = tmp_path / "lacks"
    git(short, "bundle", "verify", "-q", str(lacks))
    git(short, "bundle", "unbundle", str(lacks))
    git(short, "update-ref", "refs/heads/new", tip)
    assert git(short, "rev-list", "--count", "refs/heads/new") == "2"
    assert tried(short, "cat-file", "-e", blob).returncode != 0
    git(short, "update-ref", "-d", "refs/heads/new")

    template = plant.stick().read_bytes()
    changes = {"refs": {BRANCH: tip}, "prerequisites": (base,)}
    with GitStore.open(short) as store, GitStore.open(work) as whole:
        trip = again(template, None, {BUNDLE: lacks.read_bytes()}, **changes)
        assert _unpacks(store, written(tmp_path / "a.margo.tar", trip)) == "incomplete"
        good = again(template, None, {BUNDLE: (tmp_path / "has").read_bytes()}, **changes)
        assert _unpacks(store, written(tmp_path / "b.margo.tar", good)) is None
        made = io.BytesIO()
        pack(whole, made, {BRANCH: tip}, [base])
        ours = again(template, None, {BUNDLE: made.getvalue()}, **changes)
        assert _unpacks(store, written(tmp_path / "c.margo.tar", ours)) is None


def _unpacks(store: GitStore, path: Path) -> str | None:
    """The rule by which quarantine refuses a trip; None where it is whole."""
    with opened_trip(path) as file, quarantine(store, [BRANCH]) as scratch:
        try:
            unpack_trip(file, scratch)
        except Refused as error:
            return error.rule
    return None


def test_of_a_lost_stick_git_knows_an_id_and_a_trip_its_number(plant: Plant) -> None:
    plant.box.bring(plant.stick())
    git(plant.clone, "fetch", "-q", str(plant.bundle(plant.stick())), FORCED)
    plant.desk.load(plant.box.answer())
    twin = Box(plant.folder / "twin", None)
    plant.fleet.set(greeting="two")
    lost = plant.stick()
    twin.bring(lost)
    plant.desk.load(twin.answer())
    plant.fleet.set(greeting="three")
    late = plant.stick(Mode.ACKNOWLEDGED)
    trip = said(late.read_bytes())
    told = tried(plant.clone, "fetch", str(plant.bundle(late)), FORCED)
    assert told.returncode != 0
    assert trip.prerequisites[0] in told.stderr
    assert "full" not in told.stderr
    (trouble,) = plant.box.bring(late).troubles
    assert isinstance(trouble, Missing)
    number = said(lost.read_bytes()).number
    assert trip.builds_on == number
    assert f"bring trip {number} or any full trip: margo trip pack north --full" in trouble.help
    assert f"trip {number}" in plant.box.said(late)


def test_git_makes_no_bundle_of_nothing_and_a_trip_says_so(plant: Plant) -> None:
    plant.box.bring(plant.stick())
    plant.desk.load(plant.box.answer())
    git(plant.clone, "fetch", "-q", str(plant.bundle(plant.stick())), FORCED)
    told = tried(plant.clone, "bundle", "create", "nothing", BRANCH, f"^{BRANCH}")
    assert told.returncode != 0
    assert "empty bundle" in told.stderr
    trip = plant.stick(Mode.ACKNOWLEDGED)
    assert plant.box.bring(trip).troubles == ()
    assert "NOTHING NEW: generation" in plant.box.said(trip)
    assert "trip 3 was taken in there" in plant.desk.load(plant.box.answer()).words

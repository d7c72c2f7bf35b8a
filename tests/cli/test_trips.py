"""Sticks by the command alone: an office, a plant without a network, and a folder between them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from margo_gitops.roles.agents import drivers
from margo_gitops.runtime.base import Owner
from margo_gitops.store.tripfile import opened_trip
from tests.cli.running import margo
from tests.running import started
from tests.trust.keys import written
from tests.waiting import until

pytestmark = pytest.mark.timeout(300)

EXAMPLE = Path(__file__).parents[2] / "examples" / "hello-wasm"


@dataclass
class Ways:
    """Ada's clone with its remote, the box at the plant, and the stick."""

    folder: Path

    @property
    def clone(self) -> Path:
        return self.folder / "plant"

    @property
    def stick(self) -> Path:
        return self.folder / "stick"

    @property
    def state(self) -> Path:
        return self.folder / "north"

    def run(self, *words: str, cwd: Path | None = None, code: int = 0) -> str:
        env = {"MARGO_KEY": str(self.folder / "key"), "XDG_CACHE_HOME": str(self.folder / "cache")}
        done = margo(*words, cwd=cwd or self.clone, env=env)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def json(self, *words: str) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.run(*words, "--json"))
        return found

    def lo_run(self, *more: str) -> list[str]:
        sticks = ("--inbox", str(self.stick), "--outbox", str(self.stick))
        nodes = ("--with-node", "n1", "--runtime", "wasm", "--state", str(self.state))
        return ["lo", "run", "--site", "north", *sticks, *nodes, *more]

    def site(self, code: int = 0) -> str:
        """One pass of the site and its host."""
        return self.run(*self.lo_run("--once"), code=code)

    def pack(self, *more: str) -> Path:
        """A trip on the stick; its file."""
        told = json.loads(
            self.run("trip", "pack", "north", "--out", str(self.stick), *more, "--json")
        )
        return Path(told[0]["file"])

    def home(self) -> list[str]:
        """Load the return trip; the words of it."""
        (path,) = self.stick.glob("*.return.margo.tar")
        words: list[str] = json.loads(self.run("trip", "load", str(path), "--json"))[0]["words"]
        return words

    def result(self, trip: Path) -> str:
        return (trip.parent / f"{trip.name.partition('.margo')[0]}.RESULT.txt").read_text()

    def greeting(self) -> str:
        """What runs."""
        (spec,) = self.state.glob("en-n1/wasm/*/*/spec.json")
        return spec.read_text().partition('"GREETING": "')[2].partition('"')[0]


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory: pytest.TempPathFactory) -> Ways:
    """A signed fleet; the boxes of its site were invited, and asked by stick."""
    folder = tmp_path_factory.mktemp("ways")
    made = Ways(folder)
    written("ada", folder / "key")
    made.stick.mkdir()
    made.run("init", "plant", "--person", "ada", cwd=folder)
    bare = folder / "plant.git"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    subprocess.run(["git", "remote", "add", "origin", str(bare)], cwd=made.clone, check=True)
    made.run("site", "add", "north")
    made.run("device", "add", "north", "n1")
    made.run("app", "add", str(EXAMPLE))
    made.run("push")
    _enrol_by_stick(made)
    made.run("deploy", "hello-wasm", "--site", "north", "--name", "hello")
    made.run("push")
    return made


@pytest.fixture
def ways(enrolled: Ways, tmp_path: Path) -> Iterator[Ways]:
    """The same, for one test alone."""
    folder = tmp_path / "ways"
    shutil.copytree(enrolled.folder, folder)
    made = Ways(folder)
    url = ["git", "remote", "set-url", "origin", str(folder / "plant.git")]
    subprocess.run(url, cwd=made.clone, check=True)
    yield made
    for driver in drivers(made.state / "en-n1", Owner("", "north", "n1"), ("wasm",)).values():
        for found in driver.observe():
            driver.remove(found.id)


def _enrol_by_stick(made: Ways) -> None:
    """Invitations go there on a stick, the requests come home in a return trip."""
    spoken = made.json("site", "invite", "north", "--out", str(made.stick / "north.json"))["spoken"]
    made.run("device", "invite", "north", "n1", "--out", str(made.stick / "n1.json"))
    where = ("--root", spoken, "--state")
    invite = ("lo", "enroll", "--invite", str(made.stick / "north.json"))
    out = ("--out", str(made.folder / "unused"))
    site = made.json(*invite, *where, str(made.state), *out)["spoken"]
    invite = ("en", "enroll", "--invite", str(made.stick / "n1.json"))
    mirror = ("--remote", str(made.state / "mirror.git"))
    node = made.json(*invite, *where, str(made.state / "en-n1"), *mirror)["spoken"]
    made.site(code=4)
    assert made.home() == [
        "north asks for its place, and only that was taken: margo site accept north"
    ]
    made.run("site", "accept", "north", "--heard", site)
    made.run("device", "accept", "north", "n1", "--heard", node)
    made.run("push")


def test_there_and_back_and_again(ways: Ways) -> None:
    first = ways.pack()
    assert first.name == "north-1.margo.tar"
    assert "sha256" in (ways.stick / "north-1.txt").read_text()
    assert "sealed by ada" in ways.run("trip", "verify", str(first))
    assert "full trip" in ways.run("trip", "inspect", str(first))
    ways.site()
    assert ways.greeting() == "Hello"
    assert "trip 1 was taken in there" in ways.home()
    assert "installed" in ways.run("status", "north")
    ways.run("set", "hello", "--param", "greeting=Moin")
    ways.run("push")
    second = ways.pack()
    assert second.stat().st_size <= 8192
    ways.site()
    assert ways.greeting() == "Moin"
    ways.home()
    assert "2\tgeneration" in ways.run("trip", "ledger", "north")
    assert "nothing new" in ways.run("trip", "pack", "north", "--out", str(ways.stick), "--dry-run")


def test_stock_git_fetches_from_the_bundle(ways: Ways) -> None:
    trip = ways.pack()
    for command in (
        ["tar", "-xf", str(trip)],
        ["git", "init", "-q", "anybody"],
        ["git", "-C", "anybody", "fetch", "-q", "../refs.bundle", "refs/heads/site/north:there"],
        ["git", "-C", "anybody", "fsck", "--full", "--strict"],
    ):
        done = subprocess.run(command, cwd=ways.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    words = ["git", "-C", "anybody", "rev-parse", "there"]
    tip = subprocess.check_output(words, cwd=ways.folder, text=True).strip()
    with opened_trip(trip) as file:
        assert file.trip.refs["refs/heads/site/north"] == tip


def test_in_pieces(ways: Ways) -> None:
    first = ways.pack("--split", "4Ki")
    pieces = sorted(ways.stick.glob("north-1.margo.tar.*-of-*"))
    assert first == pieces[0]
    assert max(piece.stat().st_size for piece in pieces) == 4096
    gone = pieces[-1].rename(ways.folder / pieces[-1].name)
    assert f"{gone.name} is not there" in ways.site(code=4)
    shutil.move(gone, pieces[-1])
    ways.site()
    assert ways.greeting() == "Hello"
    whole = ways.folder / "whole.tar"
    with whole.open("wb") as out:
        subprocess.run(["cat", *map(str, pieces)], stdout=out, check=True)
    assert "trip 1 was taken in" not in ways.run("trip", "verify", str(whole))


def test_what_the_exit_codes_say(ways: Ways) -> None:
    trip = ways.pack()
    data = trip.read_bytes()
    trip.write_bytes(data[:-700])
    assert "it was cut off" in ways.site(code=3)
    assert "[truncated]" in ways.result(trip)
    flipped = bytearray(data)
    flipped[-1600] ^= 4
    trip.write_bytes(flipped)
    ways.site(code=3)
    ways.run("trip", "verify", str(trip), code=3)
    trip.write_bytes(data)
    ways.site()
    assert any("[truncated]" in word for word in ways.home()) is False
    ways.run("trip", "load", str(trip), code=1)
    ways.run("trip", "ack", "north", "1", "--code", "0000", code=1)
    ways.run("trip", "pack", "south", "--out", str(ways.stick), code=1)
    ways.run("trip", "pack", "north", "--out", str(ways.folder / "none"), code=5)
    ways.run("trip", "pack", "north", "--out", str(ways.stick), "--full", "--blind", code=2)
    ways.run("trip", "pack", "north", "--out", str(ways.stick), "--split", "much", code=1)
    ways.run("lo", "run", "--site", "north", code=2)
    (ways.folder / "plant.git").rename(ways.folder / "plant.gone")
    ways.run("trip", "pack", "north", "--out", str(ways.stick), code=5)


def test_a_trip_that_appears_is_taken_in_at_once(ways: Ways) -> None:
    """A mount point that is empty, then not: nobody restarts anything."""
    argv = [sys.executable, "-m", "margo_gitops", *ways.lo_run("--poll", "1h")]
    trip = ways.pack()
    with_stick = ways.stick.rename(ways.folder / "in-the-bag")
    with started(argv, ways.folder / "lo.log"):
        until((ways.state / "instance").exists)
        with_stick.rename(ways.stick)
        told = ways.stick / "north-1.RESULT.txt"
        until(told.exists, 40)
        until(lambda: list(ways.state.glob("en-n1/wasm/*/*/spec.json")), 40)
        until(lambda: "installed" in _status(ways), 60)
    assert "generation" in told.read_text()
    assert trip.exists()


def _status(ways: Ways) -> str:
    """What the newest return trip would tell at home."""
    for path in ways.stick.glob("*.return.margo.tar"):
        shutil.copy(path, ways.folder / "copy.tar")
        done = margo(
            "trip",
            "load",
            str(ways.folder / "copy.tar"),
            cwd=ways.clone,
            env={"MARGO_KEY": str(ways.folder / "key")},
        )
        if done.returncode == 0:
            return ways.run("status", "north")
    return ""

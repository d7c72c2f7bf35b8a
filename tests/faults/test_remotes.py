"""Faults of real remotes: bitmaps, 20,000 refs, a lost answer on the wire, a dead writer's lock."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import closing, suppress
from pathlib import Path

import pytest

from margo_gitops.errors import LostRace, Unreachable
from margo_gitops.model import layout
from margo_gitops.store import repository
from margo_gitops.store.git import GitStore
from margo_gitops.store.http import HttpTransport
from margo_gitops.store.local import StoreTransport
from margo_gitops.store.transport import Update
from tests.faults.wrappers import locked_by_the_dead
from tests.fleet import SimulatedFleet, SimulatedNode, SimulatedSite
from tests.servers import GitServer
from tests.store import hostile
from tests.store.conftest import server  # noqa: F401  # a fixture
from tests.store.making import commit, fsck, git

SITE = "refs/heads/site/1"
MANY = 20_000


def returning(store: GitStore, ref: str) -> list[str]:
    """A history that returns to an older tree: what a pack's bitmap makes easy to leave out."""
    ids: list[str] = []
    for number in range(40):
        files = {"a/file": b"%d" % (number % 4), f"b/{number % 3}": b"x" * number}
        ids.append(commit(store, files, *ids[-1:], time=1_700_000_000 + number))
    store.move(ref, ids[-1], old=None)
    return ids


@pytest.mark.git_http
@pytest.mark.parametrize("held", [0, 1, 17, 39])
def test_a_server_packed_with_bitmaps_gives_every_object(
    server: GitServer,  # noqa: F811
    tmp_path: Path,
    held: int,
) -> None:
    name = f"bitmaps-{held}.git"
    path = server.repository(name)
    with GitStore.open(path) as store:
        ids = returning(store, SITE)
    git(path, "repack", "-q", "-adb")
    assert list(path.glob("objects/pack/*.bitmap"))
    with (
        closing(HttpTransport(server.url(name))) as far,
        GitStore.create(tmp_path / "mine.git") as mine,
        GitStore.open(path) as theirs,
    ):
        if held:
            StoreTransport(theirs).fetch(mine, {SITE: ids[held - 1]})
            mine.move(SITE, ids[held - 1], old=None)
        far.fetch(mine, {SITE: ids[-1]})
        mine.move(SITE, ids[-1], old=ids[held - 1] if held else None)
        assert all(mine.files(id) == theirs.files(id) for id in ids)
    fsck(tmp_path / "mine.git")


@pytest.mark.git_http
def test_an_answer_that_is_lost_on_the_wire_is_no_second_push(
    server: GitServer,  # noqa: F811
) -> None:
    path = server.repository("cut.git")
    pushes = 0

    def cut(connection: socket.socket, over: threading.Event) -> None:
        nonlocal pushes
        while not over.is_set() and (request := _request(connection)):
            receives = request.startswith(b"POST") and b"/git-receive-pack" in request[:200]
            request = request.replace(b"/fleet.git", b"/open/cut.git", 1)
            answer = _ask(server.port, request)
            pushes += receives
            if receives and pushes == 1:
                return
            connection.sendall(answer)

    with (
        hostile.server(cut) as url,
        GitStore.memory() as store,
        closing(HttpTransport(url, timeout=10)) as far,
    ):
        one, two = commit(store), commit(store, {"b": b"2"})
        three = commit(store, {"b": b"3"}, one)
        with suppress(Unreachable):  # or it looked again, and saw that it had succeeded
            far.push(store, [Update(SITE, None, one)])
        assert far.refs([SITE]) == {SITE: one}
        far.push(store, [Update(SITE, None, one)])
        assert pushes == 1
        with pytest.raises(LostRace):
            far.push(store, [Update(SITE, None, two)])
        far.push(store, [Update(SITE, one, three)])
        assert far.refs([SITE]) == {SITE: three}
    fsck(path)


def _request(connection: socket.socket) -> bytes:
    """One whole request, byte for byte; empty where the client is gone."""
    data = b""
    while not _is_whole(data):
        block = connection.recv(65536)
        if not block:
            return b""
        data += block
    return data


def _is_whole(data: bytes) -> bool:
    head, end, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    if b"transfer-encoding: chunked" in head.lower():
        return data.endswith(b"0\r\n\r\n")
    return bool(end) and len(body) >= (int(length[1]) if length else 0)


def _ask(port: int, request: bytes) -> bytes:
    """The server's whole answer, on a connection that ends with it."""
    request = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request)
        answer = b""
        while block := connection.recv(65536):
            answer += block
    return answer


def test_a_remote_of_20000_refs_serves_its_sites_as_one_of_two(tmp_path: Path) -> None:
    path = tmp_path / "remote.git"
    with GitStore.create(path) as remote:
        fleet = SimulatedFleet({"north": ("n1",)}, remote=remote)
        tip = remote.resolve(layout.site_ref("north")) or ""
        git(path, "pack-refs", "--all")
        packed = path / "packed-refs"
        lines = packed.read_text().splitlines()
        lines += [f"{tip} refs/heads/site/crowd-{number:05}" for number in range(MANY)]
        packed.write_text("\n".join([lines[0], *sorted(lines[1:], key=lambda x: x[41:])]) + "\n")
        assert len(remote.refs()) > MANY
        fleet.settle()
        fleet.deploy()
        fleet.settle()
        assert fleet.running() == {"n1": {"hello": "Hello"}}
        assert fleet.co.status("north").in_step
        mirror = fleet.sites["north"].mirror
        assert not [ref for ref in mirror.refs() if "crowd" in ref]
        assert len(remote.refs()) > MANY
    assert git(path, "rev-parse", f"refs/heads/site/crowd-{MANY - 1:05}") == tip


@pytest.mark.parametrize("kind", ["site", "status", "node", "packed-refs"])
def test_the_lock_of_a_killed_writer_costs_no_pass(tmp_path: Path, kind: str) -> None:
    """An agent is started again at once, and nobody removes locks by hand."""
    fleet = SimulatedFleet({"north": ("n1",)})
    with GitStore.create(tmp_path / "mirror.git") as mirror:
        site = SimulatedSite("north", fleet.remote, mirror)
        site.poll()
        SimulatedNode("north", "n1", mirror).poll()
        fleet.deploy(sites=("north",))
        names = {
            "site": layout.site_ref("north"),
            "status": layout.status_ref("north"),
            "node": layout.node_ref("n1"),
            "packed-refs": "packed-refs",
        }
        lock = locked_by_the_dead(tmp_path / "mirror.git", names[kind])
        site.restart()
        assert site.poll().troubles == ()
        if kind == "packed-refs":
            mirror.move(layout.MAIN, mirror.resolve(layout.site_ref("north")) or "", old=None)
            mirror.delete(layout.MAIN, old=mirror.resolve(layout.MAIN) or "")
        assert not lock.exists()


def test_a_living_writers_lock_is_never_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "LOCK_PATIENCE", 0.1)
    with GitStore.create(tmp_path / "s.git") as store:
        id = commit(store)
        ours = locked_by_the_dead(tmp_path / "s.git", SITE)
        git_lock = ours.with_name("2.lock")
        git_lock.write_text(id)  # as git makes it: nobody holds it in the kernel
        for ref, lock in ((SITE, None), ("refs/heads/site/2", git_lock)):
            if lock is None:
                store.move(ref, id, old=None)
                continue
            with pytest.raises(LostRace, match=str(lock)):
                store.move(ref, id, old=None)
            assert lock.exists()

"""Each trap of dulwich that loses data on a link, and that our guard holds.

Every test first shows that the trap is still there: an upgrade that mends it is noticed.
"""

from __future__ import annotations

import ast
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dulwich.client import SendPackResult, TCPGitClient
from dulwich.objects import ObjectID
from dulwich.refs import DiskRefsContainer, Ref
from dulwich.repo import Repo
from dulwich.server import BackendRepo, DictBackend, TCPGitServer

import margo_gitops
from margo_gitops.errors import LostRace, MargoError, Refused
from margo_gitops.store.git import GitStore
from margo_gitops.store.refs import DiskRefs
from margo_gitops.store.transport import Update, open_transport
from tests.gitdaemon import GitDaemon
from tests.proxy import relay
from tests.store import hostile
from tests.store.hostile import pkt
from tests.store.making import chain, commit, fsck, git

MAIN = "refs/heads/main"
SITE = "refs/heads/site/1"
LOOKALIKE = "refs/heads/site/10"


@contextmanager
def _dulwich_server(path: Path) -> Iterator[int]:
    """dulwich's own server for one repository; yields its port."""
    with Repo(str(path)) as repo:
        served: dict[bytes, BackendRepo] = {b"/fleet": repo}
        server = TCPGitServer(DictBackend(served), "127.0.0.1", 0)
        serving = threading.Thread(target=server.serve_forever, args=[0.02])
        serving.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            serving.join()
            server.server_close()


def _plain_push(port: int, store: GitStore, update: Update) -> SendPackResult:
    """A push as dulwich's client makes it, without any guard of ours."""
    ref, new = Ref(update.ref.encode()), ObjectID(update.new.encode())
    client = TCPGitClient("127.0.0.1", port)
    return client.send_pack(b"/fleet", lambda _: {ref: new}, store.objects.generate_pack_data)


def test_a_server_that_says_ok_to_a_push_that_lost_its_race_is_not_believed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "fleet.git"
    with GitStore.create(path) as there, GitStore.memory() as store:
        base = commit(store)
        ours, theirs = (commit(store, {"who": who}, base) for who in (b"us", b"them"))
        open_transport(str(path)).push(store, [Update(SITE, None, base)])
        open_transport(str(path)).push(store, [Update(MAIN, None, theirs)])

        def another(block: bytes) -> None:
            """Moves the ref after it was advertised, before our command arrives."""
            if ours.encode() in block and there.resolve(SITE) == base:
                there.move(SITE, theirs, old=base)

        with _dulwich_server(path) as port, relay(port, another) as between:
            said = _plain_push(between.port, store, Update(SITE, base, ours))
            assert said.ref_status == {SITE.encode(): None}  # the trap: "ok"
            assert there.resolve(SITE) == theirs
            there.move(SITE, base, old=theirs)
            far = open_transport(f"git://127.0.0.1:{between.port}/fleet")
            with pytest.raises(LostRace):
                far.push(store, [Update(SITE, base, ours)])
        assert there.resolve(SITE) == theirs


def test_a_ref_to_what_a_server_does_not_have_is_not_taken_in(tmp_path: Path) -> None:
    path = tmp_path / "fleet.git"
    GitStore.create(path).close()
    with GitStore.memory() as store, GitStore.memory() as other, _dulwich_server(path) as port:
        client = TCPGitClient("127.0.0.1", port)
        absent = commit(store)
        held = commit(store, {"other": b""})
        said = client.send_pack(
            b"/fleet",
            lambda _: {Ref(MAIN.encode()): ObjectID(absent.encode())},
            lambda *_, **__: store.objects.generate_pack_data([], [ObjectID(held.encode())]),
        )
        assert said.ref_status == {MAIN.encode(): None}  # the trap: "ok"
        far = open_transport(f"git://127.0.0.1:{port}/fleet")
        assert far.refs([MAIN]) == {}
        with pytest.raises(MargoError):
            far.fetch(other, {MAIN: absent})
        assert not list(other.objects)


def test_a_push_that_was_declined_is_an_error(daemon: GitDaemon) -> None:
    name = f"{uuid.uuid4().hex}.git"
    path = daemon.repository(name)
    git(path, "config", "receive.denyDeletes", "true")
    hook = path / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with GitStore.memory() as store:
        id = commit(store)
        client = TCPGitClient("127.0.0.1", daemon.port)
        said = client.send_pack(
            f"/{name}".encode(),
            lambda _: {Ref(MAIN.encode()): ObjectID(id.encode())},
            store.objects.generate_pack_data,
        )
        assert said.ref_status == {MAIN.encode(): "pre-receive hook declined"}  # the trap: no error
        with pytest.raises(Refused, match="hook declined"):
            open_transport(daemon.url(name)).push(store, [Update(MAIN, None, id)])


def test_a_prefix_brings_lookalikes_that_we_leave_out(daemon: GitDaemon) -> None:
    name = f"{uuid.uuid4().hex}.git"
    path = daemon.repository(name)
    with GitStore.open(path) as store:
        id = commit(store)
        for ref in (SITE, LOOKALIKE):
            store.move(ref, id, old=None)
    client = TCPGitClient("127.0.0.1", daemon.port)
    brought = client.get_refs(f"/{name}".encode(), ref_prefix=[SITE.encode()]).refs
    assert set(brought) == {SITE.encode(), LOOKALIKE.encode()}  # the trap
    assert open_transport(daemon.url(name)).refs([SITE]) == {SITE: id}


def test_what_a_tag_points_to_is_no_ref(daemon: GitDaemon) -> None:
    name = f"{uuid.uuid4().hex}.git"
    path = daemon.repository(name)
    with GitStore.open(path) as store:
        store.move(MAIN, commit(store), old=None)
    git(path, "tag", "-a", "-m", "first", "v1", "main")
    for version in ("2", "0"):
        git(path, "config", "protocol.version", version)
        found = open_transport(daemon.url(name)).refs(["refs/"])
        assert set(found) == {MAIN, "refs/tags/v1"}
        assert found["refs/tags/v1"] == git(path, "rev-parse", "v1")


def test_a_pack_offered_elsewhere_is_not_fetched() -> None:
    elsewhere: list[bytes] = []

    def trap(connection: object, over: threading.Event) -> None:
        elsewhere.append(b"asked")

    tip = b"ab" * 20
    v2 = pkt(b"version 2\n") + pkt(b"ls-refs\n") + pkt(b"fetch=packfile-uris\n") + b"0000"
    with hostile.server(trap) as url:
        uri = url.replace("http:", "https:").encode()
        lure = pkt(b"packfile-uris\n") + pkt(uri + b" sha1 " + tip) + b"0000"
        refs = pkt(tip + b" refs/heads/main\n") + b"0000"
        with hostile.server(hostile.saying(v2 + refs + lure)) as near, GitStore.memory() as store:
            far = open_transport(near.replace("http:", "git:"))
            with pytest.raises(MargoError):
                far.fetch(store, {MAIN: tip.decode()})
    assert not elsewhere


def test_packing_refs_is_left_to_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """dulwich takes loose refs away before the packed file is in place: a full disk loses all."""
    path = tmp_path / "fleet.git"
    with GitStore.create(path) as store:
        tip = chain(store, 2, MAIN)[-1]

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("dulwich.refs.write_packed_refs", full)
        with pytest.raises(OSError, match="No space"):
            DiskRefsContainer(str(path)).pack_refs(all=True)
    assert DiskRefs(path).read(MAIN) is None  # the trap: the ref is gone
    with GitStore.open(path) as store:
        store.move(MAIN, tip, old=None)
    fsck(path)
    package = Path(margo_gitops.__file__).parent
    called = {
        node.func.attr
        for source in package.rglob("*.py")
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not called & {"pack_refs", "add_packed_refs"}

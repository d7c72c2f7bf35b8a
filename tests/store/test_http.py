from __future__ import annotations

import random
import socket
import threading
import time
import uuid
from contextlib import closing
from pathlib import Path

import pytest

from margo_gitops.errors import LostRace, Refused, Stalled, Unreachable
from margo_gitops.store.git import GitStore
from margo_gitops.store.http import HttpTransport
from margo_gitops.store.transport import Update
from tests.servers import GitServer
from tests.store import hostile
from tests.store.hostile import http, pkt
from tests.store.making import chain, commit, git
from tests.waiting import until

MAIN = "refs/heads/main"
SITE = "refs/heads/site/1"
V2 = http(
    pkt(b"# service=git-upload-pack\n") + b"0000" + pkt(b"version 2\n")
    + pkt(b"ls-refs\n") + pkt(b"fetch\n") + b"0000"
)  # fmt: skip
PACKS = "application/x-git-upload-pack-result"


def _repository(server: GitServer) -> tuple[str, Path]:
    name = f"{uuid.uuid4().hex}.git"
    return name, server.repository(name)


def _logged(server: GitServer, name: str, count: int) -> list[list[str]]:
    """The log's words on one repository; nginx writes a line after it has answered."""
    until(lambda: sum(name in line for line in server.requests()) >= count)
    return [line.split() for line in server.requests() if name in line]


@pytest.mark.git_http
def test_a_poll_is_one_small_request_on_a_kept_connection(server: GitServer) -> None:
    name, path = _repository(server)
    with GitStore.open(path) as store:
        id = commit(store)
        for number in range(300):
            store.move(f"refs/heads/site/{number:03}", id, old=None)
    git(path, "pack-refs", "--all")
    with closing(HttpTransport(server.url(name))) as far:
        for _ in range(5):
            assert far.refs(["refs/heads/site/042"]) == {"refs/heads/site/042": id}
    lines = _logged(server, name, 6)
    assert [line[1] for line in lines] == ["GET"] + ["POST"] * 5
    assert len({line[0] for line in lines}) == 1
    assert max(int(line[4]) for line in lines) < 1000


@pytest.mark.git_http
@pytest.mark.parametrize("door", ["basic", "token"])
def test_wrong_credentials_need_a_person_and_are_not_told(
    server: GitServer, monkeypatch: pytest.MonkeyPatch, door: str
) -> None:
    name, _ = _repository(server)
    monkeypatch.setenv("MARGO_GIT_USER", "somebody")
    monkeypatch.setenv("MARGO_GIT_PASSWORD", "hunter2")
    for userinfo in ("", "somebody:hunter2@"):
        with closing(HttpTransport(server.url(name, door=door, userinfo=userinfo))) as far:
            with pytest.raises(Stalled, match="answered 401") as stalled:
                far.refs([MAIN])
            assert "MARGO_GIT_TOKEN" in stalled.value.help
            assert "hunter2" not in str(stalled.value) + far.name + repr(far)


@pytest.mark.git_http
def test_what_is_no_git_server_needs_a_person(server: GitServer) -> None:
    name, path = _repository(server)
    git(path, "update-server-info")
    cases = {
        server.url("none.git"): "404",
        server.url(name).replace("/open/", "/files/"): "not as a git server",
        server.url(name).replace("/open/", "/away/"): "moved to http://elsewhere.invalid/",
    }
    for url, said in cases.items():
        with closing(HttpTransport(url)) as far, pytest.raises(Stalled, match=said):
            far.refs([MAIN])


@pytest.mark.git_http
def test_a_move_within_the_server_is_followed(server: GitServer) -> None:
    name, path = _repository(server)
    with GitStore.open(path) as store:
        store.move(MAIN, commit(store), old=None)
    moved = server.url(name).replace("/open/", "/moved/")
    with closing(HttpTransport(moved)) as far, GitStore.memory() as other:
        far.fetch(other, far.refs([MAIN]))


@pytest.mark.git_http
def test_an_unknown_authority_is_not_trusted(server: GitServer) -> None:
    name, _ = _repository(server)
    with closing(HttpTransport(server.url(name, tls=True))) as far:
        with pytest.raises(Stalled, match="certificate") as stalled:
            far.refs([MAIN])
        assert "GIT_SSL_CAINFO" in stalled.value.help


@pytest.mark.git_http
def test_an_overloaded_server_is_tried_again_then_waited_for(server: GitServer) -> None:
    name = f"busy-{uuid.uuid4().hex}"
    url = server.url(name).replace("/open/", "/busy/")
    with closing(HttpTransport(url)) as far, pytest.raises(Unreachable, match="answered 503"):
        far.refs([MAIN])
    assert len(_logged(server, name, 3)) == 3


@pytest.mark.git_http
def test_a_fetch_brings_no_more_than_is_taken(server: GitServer) -> None:
    name, path = _repository(server)
    noise = random.Random(1).randbytes(200_000)
    with GitStore.open(path) as store:
        id = commit(store, {"noise": noise})
        store.move(MAIN, id, old=None)
    url = server.url(name)
    with closing(HttpTransport(url, limit=20_000)) as far, GitStore.memory() as other:
        with pytest.raises(Refused) as refused:
            far.fetch(other, {MAIN: id})
        assert refused.value.rule == "too-large"
        assert not list(other.objects)


@pytest.mark.git_http
def test_a_remote_that_is_not_whole_is_refused(server: GitServer) -> None:
    name, path = _repository(server)
    with GitStore.open(path) as store:
        ids = chain(store, 2, MAIN)
        blob = store.paths(ids[0])["a/file"]
    (path / "objects" / blob[:2] / blob[2:]).unlink()
    with closing(HttpTransport(server.url(name))) as far, GitStore.memory() as other:
        with pytest.raises((Refused, Unreachable)):
            far.fetch(other, {MAIN: ids[1]})
        assert not list(other.objects)


@pytest.mark.git_http
def test_a_ref_to_a_blob_is_refused(server: GitServer) -> None:
    name, path = _repository(server)
    blob = git(path, "hash-object", "-w", "--stdin", input=b"no commit")
    git(path, "update-ref", "refs/margo/alive/1", blob)
    with closing(HttpTransport(server.url(name))) as far, GitStore.memory() as other:
        with pytest.raises(Refused) as refused:
            far.fetch(other, far.refs(["refs/margo/alive/1"]))
        assert refused.value.rule == "kind"


@pytest.mark.git_http
def test_a_server_that_declines_keeps_its_state(server: GitServer) -> None:
    name, path = _repository(server)
    with GitStore.memory() as store, closing(HttpTransport(server.url(name))) as far:
        ids = chain(store, 2)
        git(path, "config", "transfer.hideRefs", SITE)
        with pytest.raises(Refused) as refused:
            far.push(store, [Update(SITE, None, ids[0])])
        assert refused.value.rule == "remote"
        hook = path / "hooks" / "update"
        hook.write_text("#!/bin/sh\necho only on Sundays >&2\nexit 1\n")
        hook.chmod(0o755)
        with pytest.raises(Refused, match="hook declined"):
            far.push(store, [Update(MAIN, None, ids[0])])
        hook.unlink()
        (path / "refs" / "heads" / "main.lock").touch()
        with pytest.raises(LostRace):
            far.push(store, [Update(MAIN, None, ids[0])])
        git(path, "config", "http.receivepack", "false")
        with pytest.raises(Stalled, match="answered 403"):
            far.push(store, [Update(MAIN, None, ids[0])])
        assert far.refs(["refs/"]) == {}


@pytest.mark.git_http
def test_the_tips_of_others_are_not_sent_again(server: GitServer) -> None:
    name, path = _repository(server)
    with GitStore.memory() as store, closing(HttpTransport(server.url(name))) as far:
        ids = chain(store, 30)
        far.push(store, [Update(MAIN, None, ids[-1])])
        proposal = commit(store, {"a/file": b"0\n", "b": b"same\n", "c": b""}, ids[-5])
        before = len(git(path, "cat-file", "--batch-all-objects", "--batch-check").splitlines())
        far.push(store, [Update("refs/heads/proposal/1", None, proposal)])
        after = git(path, "count-objects", "-v").splitlines()
        total = len(git(path, "cat-file", "--batch-all-objects", "--batch-check").splitlines())
    assert total - before == 3
    loose = int(next(line.split()[1] for line in after if line.startswith("count")))
    assert loose < before + 10


@pytest.mark.parametrize(
    "talk",
    [
        hostile.silent,
        hostile.trickle(b""),
        hostile.trickle(b"HTTP/1.1 200 OK\r\nX: "),
        hostile.trickle(http(b"x" * 99999)[:120]),
        hostile.trickle(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: application/x-git-upload-pack-advertisement\r\n\r\n",
            b"0",
        ),
    ],
    ids=["silent", "status line", "header", "body", "chunk size"],
)
def test_a_server_that_never_finishes_is_left_in_time(talk: hostile.Talk) -> None:
    with hostile.server(talk) as url, closing(HttpTransport(url, timeout=0.5, total=1.0)) as far:
        start = time.monotonic()
        with pytest.raises(Unreachable):
            far.refs([MAIN])
        assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        http(b""),
        http(b"zzzz"),
        http(b"0003"),
        http(pkt(b"# service=git-upload-pack\n") + b"0000" + pkt(b"version 9\n")),
        http(pkt(b"# service=git-upload-pack\n") + b"0000" + pkt(b"nonsense")),
        http(pkt(b"# service=git-upload-pack\n") + b"0000" + pkt(b"\0\0\0")),
        http(pkt(b"ERR go away\x1b[2J")),
        http(b"ffff" + b"x" * 100),
        V2,
    ],
)
def test_nonsense_is_waited_out(response: bytes) -> None:
    with (
        hostile.server(hostile.answering(response)) as url,
        closing(HttpTransport(url, timeout=5)) as far,
        GitStore.memory() as store,
    ):
        for attempt in (
            lambda: far.refs([MAIN]),
            lambda: far.fetch(store, {MAIN: "ab" * 20}),
            lambda: far.push(store, [Update(MAIN, None, commit(store))]),
        ):
            with pytest.raises((Unreachable, Stalled)) as error:
                attempt()
            assert "\x1b" not in str(error.value)


def test_a_reset_connection_is_tried_again() -> None:
    seen: list[int] = []

    def talk(connection: socket.socket, over: threading.Event) -> None:
        seen.append(1)
        hostile.reset(connection, over)

    with (
        hostile.server(talk) as url,
        closing(HttpTransport(url, timeout=5)) as far,
        pytest.raises(Unreachable),
    ):
        far.refs([MAIN])
    assert len(seen) == 3


def test_a_server_cannot_send_us_elsewhere_for_a_pack() -> None:
    elsewhere: list[bytes] = []

    def other(connection: socket.socket, over: threading.Event) -> None:
        elsewhere.append(b"asked")

    with hostile.server(other) as trap:
        uri = trap.replace("http:", "https:").encode()
        lured = http(pkt(b"packfile-uris\n") + pkt(uri + b" sha1 " + b"ab" * 20) + b"0000", PACKS)

        def talk(connection: socket.socket, over: threading.Event) -> None:
            request = hostile.read_request(connection)
            answer = V2 if request.startswith(b"GET") else lured
            if b"ls-refs" in request:
                answer = http(pkt(b"ab" * 20 + b" refs/heads/main\n") + b"0000", PACKS)
            connection.sendall(answer.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"))

        with (
            hostile.server(talk) as url,
            closing(HttpTransport(url, timeout=5)) as far,
            GitStore.memory() as store,
            pytest.raises(Refused) as refused,
        ):
            far.fetch(store, {MAIN: "ab" * 20})
    assert refused.value.rule == "redirect"
    assert not elsewhere

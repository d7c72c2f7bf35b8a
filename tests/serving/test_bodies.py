"""Bodies and connections that mean to use up a served site."""

from __future__ import annotations

import gzip
import time
import zlib
from contextlib import ExitStack, suppress

import pytest

from margo_gitops.roles.pace import BURST
from margo_gitops.roles.serving.limits import PER_ADDRESS, PUSH_EVERY, Paces
from margo_gitops.store.pushed import MAX_PUSH
from tests.serving.asking import (
    ADVERT,
    FOREIGN,
    NODE,
    RECEIVE,
    REPORT,
    UPLOAD,
    ZERO,
    ask,
    dialled,
    memory,
    post,
    push_of,
    want_v2,
)
from tests.serving.world import Served
from tests.store.hostile import make_pack, pkt
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("undisturbed")


def test_a_body_that_is_too_large_is_not_read(site: Served) -> None:
    kind = {"Content-Type": f"application/x-{RECEIVE}-request", **site.bearer("n1")}
    path = f"/n1.git/{RECEIVE}"
    for length in (str(MAX_PUSH + 1), "9" * 12, "9" * 30):
        assert ask(site, "POST", path, {**kind, "Content-Length": length})[0] in {400, 413}
    for length in ("-1", "1e3", "0x10", "", " ", "1, 1"):
        assert ask(site, "POST", path, {**kind, "Content-Length": length})[0] in {400, 411}
    assert ask(site, "POST", path, kind)[0] == 411
    both = {**kind, "Content-Length": "4", "Transfer-Encoding": "chunked"}
    assert ask(site, "POST", path, both)[0] == 400


CHUNKS = {
    "many chunks": [b"10000\r\n" + b"x" * 65536 + b"\r\n"],
    "one endless size": [b"0" * 65536],
    "an endless extension": [b"1;" + b"x" * 65536],
    "a size of gigabytes": [b"7fffffff\r\n"],
    "no chunk": [b"\xff" * 65536],
}


@pytest.mark.parametrize("name", CHUNKS)
def test_a_body_without_an_end_is_ended(site: Served, name: str) -> None:
    before = memory(site)
    with dialled(site) as sock:
        head = f"POST /n1.git/{RECEIVE} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        head += f"Content-Type: application/x-{RECEIVE}-request\r\n"
        head += f"Authorization: {site.bearer('n1')['Authorization']}\r\n\r\n"
        sock.sendall(head.encode())
        opening = pkt(f"{ZERO} {'ab' * 20} {REPORT}\0".encode()) + b"0000"
        sock.sendall(b"%x\r\n" % len(opening) + opening + b"\r\n")
        sent = 0
        with suppress(OSError):
            while sent < 64 << 20:
                for block in CHUNKS[name]:
                    sock.sendall(block)
                    sent += len(block)
        assert sent < 32 << 20
    assert memory(site) - before < 64 << 20


@pytest.mark.parametrize("size", [1 << 20, 1 << 30])
def test_a_gzip_that_unpacks_to_much_is_refused(site: Served, size: int) -> None:
    before = memory(site)
    zip = zlib.compressobj(9, wbits=31)
    body = b"".join(zip.compress(bytes(1 << 20)) for _ in range(size >> 20)) + zip.compress(b"xx")
    body += zip.flush()
    status = post(site, "n1", UPLOAD, body, Content_Encoding="gzip")[0]
    assert status == 413
    assert memory(site) - before < 64 << 20
    right = gzip.compress(want_v2(site.tip("n1", NODE)))
    answer = post(site, "n1", UPLOAD, right, Content_Encoding="gzip", Git_Protocol="version=2")
    assert b"PACK" in answer[2]
    for bad in (right[:-3], b"\x1f\x8b", b"plain"):
        assert post(site, "n1", UPLOAD, bad, Content_Encoding="gzip")[0] == 400
    assert post(site, "n1", RECEIVE, gzip.compress(b"0000"), Content_Encoding="gzip")[0] == 415


def test_headers_reach_no_environment(site: Served) -> None:
    odd = {
        "Git-Protocol": "version=2:GIT_DIR=/etc",
        "Git-Dir": "/etc", "Git_Dir": "/etc", "Path-Info": "/n2.git/info/refs",
        "Remote-User": "n2", "Proxy": "http://elsewhere.invalid", "Git-Config-Count": "0",
        "Query-String": "service=git-upload-archive", "Git-Project-Root": "/",
    }  # fmt: skip
    status, _, body = ask(site, "GET", ADVERT, site.bearer("n1") | odd)
    assert status == 200
    assert site.tip("n1", NODE).encode() in body
    assert site.tip("n2", FOREIGN).encode() not in body


def test_one_node_holds_no_more_than_its_places(site: Served) -> None:
    kind = {"Content-Type": f"application/x-{UPLOAD}-request", **site.bearer("n1")}
    lines = "".join(f"{name}: {value}\r\n" for name, value in kind.items())
    head = f"POST /n1.git/{UPLOAD} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n{lines}\r\n"
    with ExitStack() as stack:
        for number in range(6):
            sock = stack.enter_context(dialled(site, source=f"127.0.1.{number + 1}"))
            sock.sendall(head.encode() + b"0")
        until(lambda: ask(site, "GET", ADVERT, site.bearer("n1"))[0] == 429)
        assert ask(site, "GET", ADVERT.replace("n1", "n2"), site.bearer("n2"))[0] == 200
    until(lambda: ask(site, "GET", ADVERT, site.bearer("n1"))[0] == 200, 60)


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nX: "])
def test_one_address_holds_no_more_than_its_connections(site: Served, said: bytes) -> None:
    with ExitStack() as stack:
        socks = [stack.enter_context(dialled(site, source="127.0.0.66")) for _ in range(300)]
        for sock in socks[:PER_ADDRESS]:
            sock.sendall(said)
        began = time.monotonic()
        for _ in range(10):
            assert ask(site, "GET", ADVERT, site.bearer("n1"))[0] == 200
        assert time.monotonic() - began < 5


def test_a_node_pushes_a_few_times_at_once_and_then_at_a_pace() -> None:
    now = [0.0]
    paces = Paces(lambda: now[0])
    assert [paces.may("n1") for _ in range(BURST + 5)] == [True] * BURST + [False] * 5
    assert paces.may("n2")
    now[0] += PUSH_EVERY
    assert [paces.may("n1") for _ in range(3)] == [True, False, False]


def test_a_push_that_comes_too_soon_is_told_to_wait(site: Served) -> None:
    request = push_of(make_pack([]), site.tip("n1", NODE), REPORT, "ab" * 20)  # git says no to each
    kind = {"Content-Type": f"application/x-{RECEIVE}-request", **site.bearer("n1")}
    path = f"/n1.git/{RECEIVE}"
    statuses = {ask(site, "POST", path, kind, request)[0] for _ in range(3 * BURST)}
    assert statuses <= {200, 429}
    assert 429 in statuses
    until(lambda: ask(site, "POST", path, kind, request)[0] == 200)

"""The server's own bounds, with its seconds made short: who stalls or goes is ended."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from margo_gitops.errors import Stalled, Usage
from margo_gitops.roles.serving import backend, server
from margo_gitops.roles.serving.repositories import repository
from margo_gitops.roles.serving.site import ServedSite
from margo_gitops.roles.serving.start import Address, parse_listen
from margo_gitops.roles.serving.tokens import make_token, read_token
from margo_gitops.store.git import GitStore
from tests.servers import make_certificate
from tests.serving.asking import ADVERT, UPLOAD
from tests.waiting import until


@dataclass
class Here:
    """A site served by this process, of one node and no LO."""

    state: Path
    port: int

    def dial(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def request(self, method: str, path: str, *lines: str) -> bytes:
        token = read_token(self.state, "n1")
        head = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}", *lines]
        return "\r\n".join([*head, "", ""]).encode()


@contextmanager
def here(state: Path, *, tls: bool = False) -> Iterator[Here]:
    make_token(state, "n1")
    GitStore.create(repository(state, "n1")).close()
    GitStore.create(state / "mirror.git").close()
    pair = (state / "server.pem", state / "server.key")
    if tls:
        make_certificate(state / "server", "DNS:localhost")
    app = ServedSite(state, state / "mirror.git", time.monotonic, server.entered)
    with server.listening("127.0.0.1", 0, app, pair if tls else None) as port:
        yield Here(state, port)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "STRANGER", 0.5)
    monkeypatch.setattr(server, "KNOWN", 1.5)


def ends(sock: socket.socket, drop: bytes, within: float) -> float:
    """Seconds until the server ends a connection on which a byte is said now and then."""
    began = time.monotonic()
    sock.settimeout(0.05)
    while time.monotonic() - began < within:
        try:
            if drop:
                sock.sendall(drop)
            if sock.recv(4096) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - began


@pytest.mark.parametrize("drop", [b"", b"x"])
@pytest.mark.parametrize("tls", [False, True])
def test_a_stranger_who_stalls_or_trickles_is_ended(
    short: None, tmp_path: Path, tls: bool, drop: bytes
) -> None:
    with here(tmp_path, tls=tls) as site, site.dial() as sock:
        if not tls:
            sock.sendall(b"GET / HTTP/1.1\r\nX: ")
        assert ends(sock, drop, 10) < 3


@pytest.mark.parametrize("drop", [b"", b"0"])
def test_a_node_that_stalls_or_trickles_is_ended(short: None, tmp_path: Path, drop: bytes) -> None:
    kind = f"Content-Type: application/x-{UPLOAD}-request"
    with here(tmp_path) as site, site.dial() as sock:
        sock.sendall(site.request("POST", f"/n1.git/{UPLOAD}", kind, "Content-Length: 1000"))
        assert 1 < ends(sock, drop, 10) < 4


def test_a_handshake_that_stalls_holds_nobody_up(tmp_path: Path) -> None:
    with here(tmp_path, tls=True) as site, site.dial(), site.dial():
        context = ssl.create_default_context(cafile=str(tmp_path / "server.pem"))
        began = time.monotonic()
        connection = http.client.HTTPSConnection("localhost", site.port, context=context, timeout=9)
        connection.request("GET", "/")
        assert connection.getresponse().status == 401
        connection.close()
        assert time.monotonic() - began < 3


def fake_git(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program called git, found first, that notes its pid; it stands for one that misbehaves."""
    program = folder / "bin" / "git"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho $$ > {folder}/pid\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return folder / "pid"


def lives(pid: Path) -> bool:
    with suppress(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
        return True
    return False


HEAD = r"printf 'Content-Type: text/plain\r\n\r\n'"


def test_git_is_ended_when_its_client_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = fake_git(tmp_path, f"{HEAD}; trap '' PIPE; while :; do echo x || :; done", monkeypatch)
    with here(tmp_path) as site:
        with site.dial() as sock:
            sock.sendall(site.request("GET", ADVERT))
            assert sock.recv(4096)
            assert lives(pid)
        until(lambda: not lives(pid), 10)


@pytest.mark.parametrize("said", ["", HEAD])
def test_git_that_hangs_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    pid = fake_git(tmp_path, f"{said or ':'}; sleep 100 & wait", monkeypatch)
    monkeypatch.setattr(backend, "TOTAL", 0.5)
    with here(tmp_path) as site, site.dial() as sock:
        sock.sendall(site.request("GET", ADVERT))
        assert sock.recv(4096)
        until(lambda: not lives(pid), 10)


def test_nothing_a_client_says_reaches_gits_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_git(tmp_path, f"env > {tmp_path}/env; {HEAD}", monkeypatch)
    monkeypatch.setenv("GIT_DIR", "/ours")
    monkeypatch.setenv("MARGO_GIT_TOKEN", "hostile-secret")
    names = ["Git-Protocol", "Git-Dir", "Git_Dir", "Path-Info", "Remote-User", "Proxy", "Range",
             "Git-Config-Count", "Query-String", "Content-Type", "Cookie"]  # fmt: skip
    with here(tmp_path) as site, site.dial() as sock:
        lines = [f"{name}: hostile version=2" for name in names]
        sock.sendall(site.request("GET", ADVERT, *lines, "Connection: close"))
        while sock.recv(4096):
            pass
    text = (tmp_path / "env").read_text()
    assert "hostile" not in text
    assert "GIT_DIR" not in text
    assert "\nHTTP_" not in text
    assert "GIT_PROTOCOL" not in text
    assert "PATH_INFO=/n1.git/info/refs\n" in text


def test_where_to_listen() -> None:
    assert parse_listen("127.0.0.1:8418") == Address("127.0.0.1", 8418)
    assert parse_listen("[::]:8418") == Address("::", 8418)
    loopback = {"127.0.0.1": True, "[::1]": True, "localhost": True, "0.0.0.0": False}  # noqa: S104
    for host, is_loopback in (loopback | {"[::]": False, "192.0.2.1": False}).items():
        assert parse_listen(f"{host}:1").is_loopback is is_loopback
    for wrong in ("", "8418", ":8418", "::1:8418", "host:", "host:x", "host:65536", "[host]:1"):
        with pytest.raises(Usage, match="expected"):
            parse_listen(wrong)


def test_a_port_that_is_taken_needs_a_person(tmp_path: Path) -> None:
    with here(tmp_path) as site, pytest.raises(Stalled, match="listened on"):  # noqa: SIM117
        with server.listening("127.0.0.1", site.port, lambda *_: None, None):
            pass


def test_a_certificate_that_cannot_be_read_needs_a_person(tmp_path: Path) -> None:
    missing = tmp_path / "none.pem"
    with pytest.raises(Stalled, match="--serve-cert"):  # noqa: SIM117
        with server.listening("127.0.0.1", 0, lambda *_: None, (missing, missing)):
            pass

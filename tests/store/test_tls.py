"""Certificates and proxies of `https://`: what is trusted, what is said, what is never sent."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
import uuid
from contextlib import closing
from pathlib import Path

import pytest

from margo_gitops.errors import MargoError, Stalled, Unreachable
from margo_gitops.store.http import HttpTransport
from tests.proxy import http_proxy
from tests.running import free_port
from tests.servers import GitServer, make_certificate
from tests.store import hostile

MAIN = "refs/heads/main"


@pytest.mark.git_http
def test_a_certificate_must_be_shown_where_it_is_asked_for(
    server: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_SSL_CAINFO", str(server.authority))
    name = f"{uuid.uuid4().hex}.git"
    server.repository(name)
    for stem in (None, "stranger"):
        if stem is not None:
            monkeypatch.setenv("GIT_SSL_CERT", str(server.root / f"{stem}.pem"))
            monkeypatch.setenv("GIT_SSL_KEY", str(server.root / f"{stem}.key"))
        error = _fault(server.strict_url(name))
        assert isinstance(error, Stalled)
        assert "wants a client certificate" in str(error)
        assert "GIT_SSL_KEY" in error.help


@pytest.mark.git_http
def test_a_certificate_that_cannot_be_used_is_named(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = tmp_path / "locked.key"
    _lock(server.root / "client.key", locked)
    pem, other = str(server.root / "client.pem"), str(server.root / "stranger.key")
    for certificate, key in [("none.pem", other), (pem, "none.key"), (pem, other), (pem, locked)]:
        monkeypatch.setenv("GIT_SSL_CERT", str(certificate))
        monkeypatch.setenv("GIT_SSL_KEY", str(key))
        with pytest.raises(Stalled, match="GIT_SSL_CERT and GIT_SSL_KEY"):
            HttpTransport("https://localhost/x")
    monkeypatch.setenv("GIT_SSL_CAINFO", "none.pem")
    with pytest.raises(Stalled, match="none.pem, which GIT_SSL_CAINFO names, cannot be used: No"):
        HttpTransport("https://localhost/x")


def _lock(key: Path, locked: Path) -> None:
    """The same key with a passphrase: nobody is there to type it."""
    words = ["openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", locked]
    subprocess.run(list(map(str, words)), check=True, capture_output=True)


@pytest.mark.parametrize(
    ("names", "said", "help"),
    [
        ("DNS:elsewhere.invalid", "is for another host name", "in the URL"),
        ("expired", "has expired", "clock"),
        ("early", "is not valid yet", "timedatectl"),
        ("unknown", "authority that is not known here", "GIT_SSL_CAINFO"),
    ],
)
def test_a_certificate_that_does_not_hold_needs_a_person(
    names: str, said: str, help: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stem = tmp_path / "server"
    make_certificate(stem, names if ":" in names else "DNS:localhost")
    if names in {"expired", "early"}:
        _date(stem, *(("20", "21") if names == "expired" else ("70", "71")))
    if names != "unknown":
        monkeypatch.setenv("GIT_SSL_CAINFO", f"{stem}.pem")
    with hostile.server(_tls(stem)) as url:
        error = _fault(url.replace("http://127.0.0.1", "https://user:hunter2@localhost"))
    assert isinstance(error, Stalled)
    assert said in str(error)
    assert help in error.help
    assert "hunter2" not in str(error)


def _date(stem: Path, begin: str, end: str) -> None:
    """Sign it again, valid in these years of the century."""
    folder = stem.parent
    (folder / "index").touch()
    (folder / "serial").write_text("01\n")
    (folder / "ca.conf").write_text(
        f"[ca]\ndefault_ca=d\n[d]\ndatabase={folder}/index\nserial={folder}/serial\n"
        f"new_certs_dir={folder}\ndefault_md=sha256\npolicy=p\nx509_extensions=x\n"
        "[p]\ncommonName=supplied\n[x]\nsubjectAltName=DNS:localhost\n"
        "[req]\ndistinguished_name=n\n[n]\n"
    )
    request = ["openssl", "req", "-new", "-key", f"{stem}.key", "-subj", "/CN=server",
               "-config", f"{folder}/ca.conf", "-out", f"{folder}/request"]  # fmt: skip
    sign = ["openssl", "ca", "-batch", "-selfsign", "-notext", "-config", f"{folder}/ca.conf",
            "-keyfile", f"{stem}.key", "-in", f"{folder}/request", "-out", f"{stem}.pem",
            "-startdate", f"20{begin}0101000000Z", "-enddate", f"20{end}0101000000Z"]  # fmt: skip
    for words in (request, sign):
        subprocess.run(words, check=True, capture_output=True)


def _tls(stem: Path) -> hostile.Talk:
    """A server that shows this certificate and says no more."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(f"{stem}.pem", f"{stem}.key")

    def talk(connection: socket.socket, over: threading.Event) -> None:
        with context.wrap_socket(connection, server_side=True) as encrypted:
            encrypted.recv(4096)

    return talk


@pytest.mark.parametrize(
    "talk",
    [hostile.saying(b"HTTP/1.1 400 No\r\n\r\n"), hostile.reset],
    ids=["no tls", "reset"],
)
def test_what_speaks_no_tls_is_waited_for(talk: hostile.Talk) -> None:
    with hostile.server(talk) as url:
        assert type(_fault(url.replace("http:", "https:"))) is not Stalled


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nX: "])
def test_a_proxy_that_never_finishes_is_left_in_time(
    start: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hostile.server(hostile.trickle(start)) as url:
        monkeypatch.setenv("https_proxy", url)
        far = HttpTransport("https://far.invalid/x", timeout=0.5, total=1.0)
        with closing(far), pytest.raises(Unreachable, match="far.invalid"):
            far.refs([MAIN])


def test_a_handshake_that_never_finishes_is_left_in_time() -> None:
    record = b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb"  # a hello of 16 KB, one byte at a time
    with hostile.server(hostile.trickle(record)) as url:
        far = HttpTransport(url.replace("http:", "https:"), timeout=0.5, total=1.0)
        start = time.monotonic()
        with closing(far), pytest.raises(Unreachable):
            far.refs([MAIN])
        assert time.monotonic() - start < 8


@pytest.mark.git_http
@pytest.mark.parametrize("tls", [False, True])
def test_a_proxy_that_wants_other_credentials_needs_a_person(
    server: GitServer, tls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with http_proxy("gate", "right") as proxy:
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://gate:hunter2@127.0.0.1:{proxy.port}")
        error = _fault(server.url("x.git", tls=tls))
    assert isinstance(error, Stalled)
    assert f"the proxy 127.0.0.1:{proxy.port}" in str(error)
    assert "407" in str(error)
    assert "hunter2" not in str(error)


def test_a_proxy_that_is_not_there_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", f"gate:hunter2@127.0.0.1:{free_port()}")
    error = _fault("https://far.invalid/x")
    assert isinstance(error, Unreachable)
    assert "through the proxy 127.0.0.1:" in str(error)
    assert "hunter2" not in str(error)


@pytest.mark.parametrize("proxy", ["socks5://u:hunter2@host:1", "http://"])
def test_a_proxy_of_another_kind_is_said(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(Stalled, match="expected http or https") as stalled:
        HttpTransport("https://far.invalid/x")
    assert "hunter2" not in str(stalled.value)


@pytest.mark.git_http
def test_a_host_that_needs_no_proxy_is_asked_directly(
    server: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{uuid.uuid4().hex}.git"
    server.repository(name)
    with http_proxy() as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        for listed in ("127.0.0.1", f"127.0.0.1:{server.port}", "*"):
            monkeypatch.setenv("no_proxy", listed)
            with closing(HttpTransport(server.url(name))) as far:
                assert far.refs([MAIN]) == {}
    assert not proxy.connections


@pytest.mark.git_http
def test_a_proxy_never_sees_the_servers_credentials(
    server: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARGO_GIT_TOKEN", "hunter2")
    monkeypatch.setenv("GIT_SSL_CAINFO", str(server.authority))
    with http_proxy() as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        _fault(server.url("x.git", door="token", tls=True))
    assert proxy.heads
    assert "hunter2" not in "".join(proxy.heads)
    assert "authorization" not in "".join(proxy.heads).lower()


def _fault(url: str) -> MargoError:
    with closing(HttpTransport(url, timeout=5)) as far, pytest.raises(MargoError) as error:
        far.refs([MAIN])
    return error.value

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from urllib.parse import quote

import pytest

from margo_gitops.errors import Usage
from margo_gitops.store.bundle import BundleTransport
from margo_gitops.store.daemon import DaemonTransport
from margo_gitops.store.git import GitStore
from margo_gitops.store.http import HttpTransport
from margo_gitops.store.local import StoreTransport
from margo_gitops.store.ssh import COMMANDS, SshTransport
from margo_gitops.store.tls import AUTHORITY, CERTIFICATE, KEY
from margo_gitops.store.transport import open_transport, redacted
from margo_gitops.store.wire import PASSWORD, TOKEN, USER
from tests import servers
from tests.contracts.transport import Remote, SharedTransportContract, TransportContract
from tests.gitdaemon import GitDaemon
from tests.proxy import http_proxy
from tests.servers import GitServer
from tests.sshd import SshServer
from tests.store.making import fsck, git


class TestMemory(TransportContract):
    @pytest.fixture
    def remote(self) -> Iterator[Remote]:
        with GitStore.memory() as other:
            yield Remote(lambda: nullcontext(StoreTransport(other)))


class TestPath(SharedTransportContract):
    @pytest.fixture
    def remote(self, tmp_path: Path) -> Iterator[Remote]:
        path = tmp_path / "remote.git"
        GitStore.create(path).close()
        yield Remote(lambda: nullcontext(open_transport(f"file://{path}")))
        fsck(path)

    def test_its_refs_can_be_watched(self, remote: Remote, tmp_path: Path) -> None:
        with remote.open() as far:
            assert far.watched() == tmp_path / "remote.git"


class TestBundle(SharedTransportContract):
    @pytest.fixture
    def remote(self, tmp_path: Path) -> Iterator[Remote]:
        path = tmp_path / "remote.bundle"
        yield Remote(lambda: nullcontext(open_transport(str(path))))
        assert {item.name for item in tmp_path.iterdir()} <= {"remote.bundle"}
        if path.exists():
            git(tmp_path, "clone", "-q", "--mirror", str(path), "copy.git")
            fsck(tmp_path / "copy.git")


@pytest.mark.git_http
class TestHttp(SharedTransportContract):
    @pytest.fixture(
        params=["plain", "tls", "basic", "token", "userinfo", "certificate", "proxy", "tls proxy"]
    )
    def remote(
        self, request: pytest.FixtureRequest, server: GitServer, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[Remote]:
        name = f"{uuid.uuid4().hex}.git"
        path = server.repository(name)
        url = _url(request.param, server, name, monkeypatch)
        with _on_the_way(request.param, monkeypatch):
            yield Remote(lambda: closing(HttpTransport(url, timeout=20)))
        fsck(path)


class TestGitDaemon(SharedTransportContract):
    @pytest.fixture
    def remote(self, daemon: GitDaemon) -> Iterator[Remote]:
        name = f"{uuid.uuid4().hex}.git"
        path = daemon.repository(name)
        yield Remote(lambda: nullcontext(open_transport(daemon.url(name), timeout=20)))
        fsck(path)


class TestSsh(SharedTransportContract):
    @pytest.fixture
    def remote(self, ssh: SshServer) -> Iterator[Remote]:
        name = f"it's {uuid.uuid4().hex}!.git"
        path = ssh.repository(name)
        yield Remote(lambda: nullcontext(open_transport(ssh.url(name), timeout=20)))
        fsck(path)


@contextmanager
def _on_the_way(kind: str, env: pytest.MonkeyPatch) -> Iterator[None]:
    """The proxy of the kinds that have one: asked for its password, and gone through each time."""
    if not kind.endswith("proxy"):
        yield
        return
    with http_proxy("gate", "p:ss/word") as proxy:
        scheme = "https" if kind.startswith("tls") else "http"
        env.setenv(f"{scheme}_proxy", f"http://gate:p%3Ass%2Fword@127.0.0.1:{proxy.port}")
        yield
        assert proxy.connections
        assert {head.split()[0] for head in proxy.heads} <= (
            {"CONNECT"} if scheme == "https" else {"GET", "POST"}
        )


def _url(kind: str, server: GitServer, name: str, env: pytest.MonkeyPatch) -> str:
    if kind in {"certificate", "tls", "tls proxy"}:
        env.setenv("GIT_SSL_CAINFO", str(server.authority))
        env.setenv("GIT_SSL_CERT", str(server.root / "client.pem") if kind == "certificate" else "")
        env.setenv("GIT_SSL_KEY", str(server.root / "client.key"))
        return server.strict_url(name) if kind == "certificate" else server.url(name, tls=True)
    if kind == "basic":
        env.setenv("MARGO_GIT_USER", servers.USER)
        env.setenv("MARGO_GIT_PASSWORD", servers.PASSWORD)
        return server.url(name, door="basic")
    if kind == "token":
        env.setenv("MARGO_GIT_TOKEN", servers.TOKEN)
        return server.url(name, door="token")
    if kind == "userinfo":
        pair = f"{quote(servers.USER, safe='')}:{quote(servers.PASSWORD, safe='')}@"
        return server.url(name, door="basic", userinfo=pair)
    if kind == "proxy":
        return server.url(name).replace("127.0.0.1", "server.invalid")
    return server.url(name)


def test_the_url_names_the_transport(tmp_path: Path) -> None:
    assert isinstance(open_transport(str(tmp_path)), StoreTransport)
    assert isinstance(open_transport("file:///a%20b/c.bundle"), BundleTransport)
    assert open_transport("file:///a%20b/c.bundle").name == "/a b/c.bundle"
    assert isinstance(open_transport("git://host/x"), DaemonTransport)
    assert isinstance(open_transport("git@host:x"), SshTransport)
    with closing(HttpTransport("https://user:secret@forge.invalid/fleet.git?x=y")) as far:
        assert far.name == "https://forge.invalid/fleet.git"
        assert far.watched() is None


@pytest.mark.parametrize("url", ["file://host/x", "ftp://u:secret@h/x", "svn+ssh://u:secret@h/x"])
def test_what_is_not_supported_is_said_without_secrets(url: str) -> None:
    with pytest.raises(Usage, match="expected a folder") as usage:
        open_transport(url)
    assert "secret" not in str(usage.value)


def test_a_message_never_holds_credentials() -> None:
    assert redacted("https://u:p@h:1/x?token=t#f") == "https://h:1/x"
    assert redacted("/a/b@c:d") == "/a/b@c:d"
    assert redacted("git@h:a/b@c") == "h:a/b@c"
    assert redacted("u:p@h:x/y") == "h:x/y"


def test_the_page_on_links_names_every_setting_that_is_read() -> None:
    page = (Path(__file__).parents[2] / "docs" / "links.md").read_text()
    named = {TOKEN, USER, PASSWORD, AUTHORITY, CERTIFICATE, KEY, *COMMANDS}
    assert {name for name in named if f"`{name}`" not in page} == set()

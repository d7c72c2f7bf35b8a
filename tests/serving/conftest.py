from __future__ import annotations

import shlex
import time
from collections.abc import Iterator

import pytest

from margo_gitops.model import layout
from margo_gitops.store.git import GitStore
from tests import sshd
from tests.engines import require
from tests.serving.asking import ADVERT, REPORT, ask, refs
from tests.serving.world import Served, margo, served
from tests.sshd import SshServer, ssh_server

pytest.register_assert_rewrite("tests.contracts.transport")


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A served site over http on loopback."""
    with served(tmp_path_factory.mktemp("served")) as site:
        yield site


@pytest.fixture(scope="session")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The same over https."""
    with served(tmp_path_factory.mktemp("served-tls"), tls=True) as site:
        yield site


@pytest.fixture
def site(plain: Served) -> Iterator[Served]:
    """The site over http; the nodes' reports are gone after each test."""
    yield plain
    forget_reports(plain)


@pytest.fixture(scope="session")
def shell_host(tmp_path_factory: pytest.TempPathFactory, plain: Served) -> Iterator[SshServer]:
    """OpenSSH with a key for each node: `n1` and `n2`, each forced into its `margo lo shell`."""
    require("sshd", sshd.problem())
    with ssh_server(tmp_path_factory.mktemp("shell")) as host:
        lines = []
        for node in ("n1", "n2"):
            sshd.make_key(host.root / node)
            words = margo("lo", "shell", "--node", node, "--state", str(plain.state))
            key = (host.root / f"{node}.pub").read_text()
            lines.append(f'restrict,command="{shlex.join(words)}" {key}')
        (host.root / "authorized").write_text("".join(lines))
        yield host


@pytest.fixture
def shell(shell_host: SshServer, site: Served, monkeypatch: pytest.MonkeyPatch) -> SshServer:
    """The same, with our side set up as node n1."""
    monkeypatch.setenv("GIT_SSH_COMMAND", shell_host.client(key="n1"))
    return shell_host


def forget_reports(site: Served) -> None:
    """Delete what the nodes reported, as the LO's technician can."""
    for node in ("n1", "n2"):
        ref = layout.report_ref(node)
        with GitStore.open(site.repository(node)) as store:
            if (tip := store.refs(layout.REPORTS).get(ref)) is not None:
                store.delete(ref, old=tip)


@pytest.fixture
def undisturbed(site: Served) -> Iterator[None]:
    """Whatever one node does, what the others see stays, and they are answered at once."""
    before = refs(site), refs(site, "n2")
    yield
    began = time.monotonic()
    status, _, body = ask(site, "GET", ADVERT.replace("n1", "n2"), site.bearer("n2"))
    assert status == 200, body
    assert time.monotonic() - began < 5
    assert {**refs(site), REPORT: ""} == {**before[0], REPORT: ""}
    assert refs(site, "n2") == before[1]

"""A served site keeps a transport's promises, for the one ref that a node may push."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, nullcontext

import pytest

from margo_gitops.errors import Missing, Refused, Stalled
from margo_gitops.model import layout
from margo_gitops.roles.artifacts import fetch_from_site, held_artifacts
from margo_gitops.store.git import GitStore
from margo_gitops.store.http import HttpTransport
from margo_gitops.store.transport import Blobs, Transport, Update, open_transport
from tests.contracts.transport import Remote, SharedOneRefContract
from tests.serving.conftest import forget_reports
from tests.serving.world import Served
from tests.sshd import SshServer
from tests.store.making import commit, fsck

REPORT = layout.report_ref("n1")


class TestHttp(SharedOneRefContract):
    ref = REPORT

    @pytest.fixture
    def remote(self, site: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
        monkeypatch.setenv("MARGO_GIT_TOKEN", site.token("n1"))
        yield Remote(lambda: closing(HttpTransport(f"{site.url}/n1.git", timeout=20)))
        fsck(site.repository("n1"))


class TestHttps(SharedOneRefContract):
    ref = REPORT

    @pytest.fixture
    def remote(self, secure: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
        monkeypatch.setenv("GIT_SSL_CAINFO", str(secure.authority))
        yield Remote(lambda: closing(HttpTransport(secure.basic("n1"), timeout=20)))
        fsck(secure.repository("n1"))
        forget_reports(secure)


class TestSsh(SharedOneRefContract):
    ref = REPORT

    @pytest.fixture
    def remote(self, site: Served, shell: SshServer) -> Iterator[Remote]:
        yield Remote(lambda: nullcontext(open_transport(shell.url("any/path.git"), timeout=20)))
        fsck(site.repository("n1"))


@pytest.fixture(params=["http", "ssh"])
def far(
    request: pytest.FixtureRequest, site: Served, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Transport]:
    if request.param == "ssh":
        yield open_transport(request.getfixturevalue("shell").url("n1"))
        return
    monkeypatch.setenv("MARGO_GIT_TOKEN", site.token("n1"))
    with closing(HttpTransport(f"{site.url}/n1.git")) as transport:
        yield transport


def test_an_artifact_comes_by_its_digest(far: Transport, site: Served) -> None:
    with GitStore.open(site.mirror) as mirror, GitStore.memory() as store:
        (digest,) = held_artifacts(mirror)
        size = len(mirror.read(mirror.resolve(layout.artifact_ref(digest)) or "", "blob") or b"")
        assert far.refs(["refs/margo/"]) == {}
        fetch_from_site(store, far, {digest: size})
        assert store.refs() == {layout.artifact_ref(digest): mirror.resolve(
            layout.artifact_ref(digest))}  # fmt: skip
        with pytest.raises(Refused) as refused:
            fetch_from_site(GitStore.memory(), far, {digest: size - 1})
        assert refused.value.rule in {"digest", "too-large"}


def test_an_artifact_that_the_site_lacks_is_waited_for(far: Transport) -> None:
    assert isinstance(far, Blobs)
    with pytest.raises(Missing), GitStore.memory() as store:
        fetch_from_site(store, far, {"sha256:" + "ab" * 32: 3})


def test_a_push_that_the_site_refuses_says_why(far: Transport, site: Served) -> None:
    with GitStore.memory() as store, pytest.raises(Refused, match="may push refs/heads/report/n1"):
        far.push(store, [Update(layout.report_ref("n2"), None, commit(store))])


def test_a_repository_that_is_full_takes_no_more_and_says_so(far: Transport, site: Served) -> None:
    stuffing = site.repository("n1") / "objects" / "pack" / "stuffing"
    stuffing.write_bytes(bytes(64 << 20))
    try:
        with GitStore.memory() as store, pytest.raises(Refused, match="is full"):
            far.push(store, [Update(REPORT, None, commit(store))])
    finally:
        stuffing.unlink()


def test_a_wrong_token_needs_a_person(site: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARGO_GIT_TOKEN", site.token("n1")[:-1] + "_")
    with closing(HttpTransport(f"{site.url}/n1.git")) as far, pytest.raises(Stalled, match="401"):
        far.refs([REPORT])

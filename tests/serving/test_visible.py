"""Who sees what of a served site: a node its own, a stranger nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from margo_gitops.store.git import GitStore
from tests.serving.asking import (
    ADVERT,
    FOREIGN,
    NODE,
    RECEIVE,
    REPORT,
    UPLOAD,
    ask,
    git,
    pack_of,
    post,
    push_of,
)
from tests.serving.world import Served, authorization
from tests.store.making import commit

pytestmark = pytest.mark.usefixtures("undisturbed")

PATHS = [
    ADVERT,
    f"/n1.git/info/refs?service={RECEIVE}",
    "/n1.git/info/refs",
    "/n1.git/HEAD",
    "/v2/",
    "/v2/x/blobs/sha256:" + "ab" * 32,
    "/",
    "/nowhere",
]


@pytest.mark.parametrize("path", PATHS)
def test_without_its_token_nobody_sees_anything(site: Served, path: str) -> None:
    token = site.token("n1")
    wrong = [token[:-1] + "_", "n1.", "n2" + token[2:], "x" * 10_000, ""]
    headers = [{}, *({"Authorization": f"Bearer {word}"} for word in wrong)]
    headers += [authorization("n1", word) for word in wrong]
    for header in headers:
        status, _, body = ask(site, "GET", path, header)
        assert status == 401
        assert token.encode() not in body


def test_a_token_opens_no_other_nodes_door(site: Served) -> None:
    for path in (f"/n2.git/info/refs?service={UPLOAD}", "/n2.git/HEAD", "/n3.git/info/refs"):
        assert ask(site, "GET", path, site.bearer("n1"))[0] == 404
    kind = {"Content-Type": f"application/x-{UPLOAD}-request"}
    for service in (UPLOAD, RECEIVE):
        path = f"/n2.git/{service}"
        assert ask(site, "POST", path, kind | site.bearer("n1"), b"0000")[0] == 404


def test_no_secret_is_printed(site: Served) -> None:
    for node in ("n1", "n2"):
        assert site.token(node) not in site.log()


@pytest.mark.parametrize("version", ["0", "1", "2"])
def test_exactly_the_two_refs_are_shown(site: Served, tmp_path: Path, version: str) -> None:
    with GitStore.memory() as store:
        tip = commit(store)
        assert (
            b"unpack ok" in post(site, "n1", RECEIVE, push_of(pack_of(store, tip), tip, REPORT))[2]
        )
    shown = git(site, tmp_path, "-c", f"protocol.version={version}", "ls-remote", site.basic("n1"))
    assert set(shown.stdout.split()) == {NODE, REPORT, site.tip("n1", NODE), tip}


PATHS_OUT = [
    "/n1.git/../n2.git/info/refs?service=git-upload-pack",
    "/n1.git/%2e%2e/n2.git/info/refs?service=git-upload-pack",
    "/n1.git/..%2fn2.git/info/refs?service=git-upload-pack",
    "//n2.git/info/refs?service=git-upload-pack",
    "/./n2.git/info/refs?service=git-upload-pack",
    "/n1.git%00/info/refs?service=git-upload-pack",
    "/n1.git//info/refs?service=git-upload-pack",
    "/../mirror.git/info/refs?service=git-upload-pack",
    "/mirror.git/info/refs?service=git-upload-pack",
    "/../tokens/n2",
    "/v2/../../tokens/n2",
    "/v2/x/blobs/../../../tokens/n2",
    "/v2/x/blobs/sha256:../../tokens/n2",
    "/n1.git/info/refs?service=git-upload-pack&x=y",
    "/n1.git/info/refs?service=git-upload-archive",
    "/N1.git/info/refs?service=git-upload-pack",
]


@pytest.mark.parametrize("path", PATHS_OUT)
def test_no_path_leads_elsewhere(site: Served, path: str) -> None:
    status, _, body = ask(site, "GET", path, site.bearer("n1"))
    assert status in {400, 404}
    assert site.tip("n2", FOREIGN).encode() not in body
    assert site.token("n2").encode() not in body


@pytest.mark.parametrize(
    "file",
    ["HEAD", "config", "info/refs", "packed-refs", "objects/info/packs", "objects/info/alternates",
     "refs/heads/node/n1", "description", "hooks/pre-receive"],
)  # fmt: skip
def test_no_file_is_given_as_a_file(site: Served, file: str) -> None:
    assert ask(site, "GET", f"/n1.git/{file}", site.bearer("n1"))[0] == 404


def test_other_methods_are_refused(site: Served) -> None:
    for method in ("PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "POST"):
        assert ask(site, method, ADVERT, site.bearer("n1"), b"")[0] in {400, 404, 405}
    for method in ("GET", "PUT"):
        assert ask(site, method, f"/n1.git/{RECEIVE}", site.bearer("n1"))[0] == 405

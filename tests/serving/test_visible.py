"""Who sees what of a served site: a node its own, a stranger nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from margo_gitops.roles.pace import BURST
from margo_gitops.roles.serving.limits import PER_ADDRESS, PER_NODE, PUSH_EVERY
from margo_gitops.roles.serving.repositories import MAX_BYTES, MAX_FILES, MAX_REPOSITORY
from margo_gitops.roles.serving.server import KNOWN, STRANGER, THREADS
from margo_gitops.store.git import GitStore
from margo_gitops.store.pushed import MAX_PUSH, MOST
from tests.faults.plant import ENVIRONMENT
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
from tests.serving.world import Served, authorization, margo
from tests.store.making import commit
from tests.waiting import until

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


def test_a_token_that_is_taken_back_is_void_and_another_is_made(site: Served) -> None:
    old = site.bearer("n1")
    (site.state / "tokens" / "n1").unlink()
    assert ask(site, "GET", ADVERT, old)[0] == 401
    until((site.state / "tokens" / "n1").exists)
    assert ask(site, "GET", ADVERT, old)[0] == 401
    assert ask(site, "GET", ADVERT, site.bearer("n1"))[0] == 200


def test_the_technician_reads_a_token_by_the_command(site: Served) -> None:
    words = margo("lo", "token", "--node", "n1", "--state", str(site.state))
    said = subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert said.stdout == site.token("n1") + "\n"
    words[words.index("n1")] = "n7"
    done = subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (4, "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--serve", "0.0.0.0:0"], "without encryption"),
        (["--serve", "[::]:0"], "--serve-plain"),
        (["--serve", "here"], "expected 127.0.0.1:8418"),
        (["--serve", "127.0.0.1:0", "--serve-cert", "x"], "expected both or none"),
        (["--serve", "127.0.0.1:0", "--once"], "one pass serves nobody"),
        (["--serve-plain"], "belong to --serve"),
    ],
)
def test_what_cannot_be_served_safely_is_refused(
    tmp_path: Path, options: list[str], words: str
) -> None:
    here = ["--site", "north", "--remote", str(tmp_path), "--state", str(tmp_path / "lo")]
    done = subprocess.run(
        margo("lo", "run", *here, *options), env=ENVIRONMENT, capture_output=True, text=True,
        timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert words in done.stderr


def test_the_page_says_the_bounds_that_hold() -> None:
    page = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
    for said in (
        f"| requests of one node at once | {PER_NODE} |",
        f"| connections of one address at once | {PER_ADDRESS} |",
        f"| {MAX_PUSH >> 20} MiB, {MOST.file >> 20} MiB, {MOST.inflated >> 20} MiB |",
        f"| {BURST} at once, then {1 / PUSH_EVERY:g} a second |",
        f"| a report | {MAX_FILES} files, {MAX_BYTES >> 20} MiB |",
        f"| a node's repository on the disk | {MAX_REPOSITORY >> 20} MiB |",
        f"one request of a node | {STRANGER:g} s, {KNOWN:g} s |",
        f"the {THREADS} threads",
    ):
        assert said in page

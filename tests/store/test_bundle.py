from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from margo_gitops.errors import LostRace, Missing, Refused
from margo_gitops.store import bundle
from margo_gitops.store.bundle import BundleTransport, read_header
from margo_gitops.store.disk import exclusive
from margo_gitops.store.git import GitStore
from margo_gitops.store.transport import Update
from tests.store.making import chain, commit, fsck, git

MAIN = "refs/heads/main"
SITE = "refs/heads/site/1"
ID = b"ab" * 20


def _work(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main", "work")
    work = tmp_path / "work"
    for number in range(3):
        (work / "text").write_text("".join(f"{line}\n" for line in range(900 + number)))
        git(work, "add", "-A")
        git(work, "commit", "-qm", f"{number}")
    return work


def test_gits_own_bundles_are_read_full_then_thin(tmp_path: Path, disk: GitStore) -> None:
    work = _work(tmp_path)
    git(work, "bundle", "create", "-q", "../full.bundle", "HEAD~1", "main~1", "HEAD")
    git(work, "branch", "site/1", "main~1")
    git(work, "bundle", "create", "-q", "../first.bundle", "site/1")
    git(work, "bundle", "create", "-q", "--version=3", "../next.bundle", "main", "^site/1")
    first, following = (BundleTransport(tmp_path / f"{name}.bundle") for name in ("first", "next"))
    tips = following.refs([MAIN])
    with pytest.raises(Missing, match=git(work, "rev-parse", "site/1")) as missing:
        following.fetch(disk, tips)
    assert "full one" in missing.value.help
    first.fetch(disk, first.refs([SITE]))
    disk.move(SITE, first.refs([SITE])[SITE], old=None)
    following.fetch(disk, tips)
    disk.move(MAIN, tips[MAIN], old=None)
    assert disk.read(tips[MAIN], "text") == (work / "text").read_bytes()
    assert disk.path is not None
    fsck(disk.path)
    with pytest.raises(Refused, match="can only be read"):
        following.push(disk, [Update(SITE, None, tips[MAIN])])


def test_git_takes_our_bundles_whole_and_incremental(tmp_path: Path, store: GitStore) -> None:
    ids = chain(store, 3, MAIN)
    for name, prerequisites in (("full", []), ("next", [ids[0]])):
        with (tmp_path / f"{name}.bundle").open("w+b") as file:
            bundle.pack(store, file, {MAIN: ids[2]}, prerequisites)
        again = io.BytesIO()
        bundle.pack(store, again, {MAIN: ids[2]}, prerequisites)
        assert again.getvalue() == (tmp_path / f"{name}.bundle").read_bytes()
    git(tmp_path, "clone", "-q", "full.bundle", "copy")
    git(tmp_path / "copy", "bundle", "verify", "-q", "../next.bundle")
    assert git(tmp_path / "copy", "fetch", "-q", "../next.bundle", "main") == ""
    full, following = ((tmp_path / f"{name}.bundle").stat().st_size for name in ("full", "next"))
    assert following < full
    fsck(tmp_path / "copy")


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\n",
        b"# v4 git bundle\n\n",
        b"# v2 git bundle\n",
        b"# v2 git bundle\n@object-format=sha1\n\n",
        b"# v3 git bundle\n@object-format=sha256\n\n",
        b"# v3 git bundle\n@filter=blob:none\n\n",
        b"# v2 git bundle\n" + ID + b" refs/tags/v1\n\n",
        b"# v2 git bundle\n" + ID + b" refs/heads/../../etc/passwd\n\n",
        b"# v2 git bundle\n" + ID + b" refs/heads/a.lock\n\n",
        b"# v2 git bundle\n" + ID + b" refs/heads/A B\n\n",
        b"# v2 git bundle\n" + ID + b" refs/heads/a\n" + b"cd" * 20 + b" refs/heads/a\n\n",
        b"# v2 git bundle\n" + b"x" * 5000 + b"\n\n",
        b"# v2 git bundle\n" + ID[:-1] + b" refs/heads/a\n\n",
    ],
)
def test_a_header_that_is_not_ours_is_refused(header: bytes) -> None:
    with pytest.raises(Refused) as refused:
        read_header(io.BytesIO(header + b"PACK"))
    assert refused.value.rule == "bundle"


@settings(max_examples=200)
@given(noise=st.binary(max_size=300))
def test_no_header_crashes_the_reader(noise: bytes) -> None:
    with pytest.raises(Refused):
        read_header(io.BytesIO(b"# v3 git bundle\n" + noise.lstrip(b"\n").replace(b"\n\n", b"\n")))


@pytest.mark.parametrize("kind", ["flip", "cut"])
def test_a_damaged_bundle_leaves_nothing(tmp_path: Path, disk: GitStore, kind: str) -> None:
    far = BundleTransport(tmp_path / "r.bundle")
    with GitStore.memory() as source:
        id = commit(source, {"a": os.urandom(500)})
        far.push(source, [Update(SITE, None, id)])
    good = (tmp_path / "r.bundle").read_bytes()
    bad = good[:-60] if kind == "cut" else good[:-200] + bytes([good[-200] ^ 4]) + good[-199:]
    (tmp_path / "r.bundle").write_bytes(bad)
    assert disk.path is not None
    before = sorted(disk.path.rglob("*"))
    with pytest.raises(Refused) as refused:
        far.fetch(disk, {SITE: id})
    assert refused.value.rule == "corrupt"
    assert sorted(disk.path.rglob("*")) == before


def test_a_bundle_that_another_process_writes_is_left_to_it(
    tmp_path: Path, store: GitStore
) -> None:
    far = BundleTransport(tmp_path / "r.bundle")
    update = Update(SITE, None, commit(store))
    with exclusive(tmp_path / "r.bundle.lock"), pytest.raises(LostRace, match=r"r\.bundle\.lock"):
        far.push(store, [update])
    (tmp_path / "r.bundle.lock").touch()
    far.push(store, [update])
    assert [item.name for item in tmp_path.iterdir() if item.is_file()] == ["r.bundle"]


def test_an_absent_bundle_holds_nothing(tmp_path: Path, store: GitStore) -> None:
    far = BundleTransport(tmp_path / "none.bundle")
    assert far.refs([MAIN]) == {}
    with pytest.raises(Missing):
        far.fetch(store, {MAIN: "ab" * 20})

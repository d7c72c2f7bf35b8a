"""Another node's objects, asked for by every way that git has; beside the wall that is none."""

from __future__ import annotations

import subprocess

import pytest

from margo_gitops.model import layout
from margo_gitops.store.git import GitStore
from margo_gitops.store.local import StoreTransport
from tests.serving.asking import (
    FOREIGN,
    NODE,
    RECEIVE,
    REPORT,
    UPLOAD,
    delta_pack,
    object_id,
    pack_of,
    post,
    push_of,
    refs,
    want_v0,
    want_v2,
)
from tests.serving.world import Served, home
from tests.store.hostile import entry
from tests.store.making import commit

pytestmark = pytest.mark.usefixtures("undisturbed")


def foreign(site: Served) -> tuple[str, str]:
    """The commit of another node's share, and a blob of it, as a spy may know them."""
    tip = site.tip("n2", FOREIGN)
    with GitStore.open(site.mirror) as store:
        return tip, store.paths(tip)[layout.PLACEMENT]


def hidden(site: Served, service: str, request: bytes, version: str = "0") -> bytes:
    """What git answers where all nodes share the mirror and `hideRefs` is the only wall."""
    env = {**home(), "GIT_PROTOCOL": f"version={version}"}
    hide = ["-c", "transfer.hideRefs=refs/", "-c", f"transfer.hideRefs=!{NODE}",
            "-c", f"transfer.hideRefs=!{REPORT}", "-c", "receive.fsckObjects=true"]  # fmt: skip
    words = [*hide, service.removeprefix("git-"), "--stateless-rpc", str(site.mirror)]
    done = subprocess.run(["git", *words], input=request, env=env, capture_output=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("version", ["0", "2"])
def test_another_nodes_object_is_not_given_by_its_id(site: Served, version: str) -> None:
    tip, blob = foreign(site)
    for id in (tip, blob):
        request = want_v2(id) if version == "2" else want_v0(id)
        body = post(site, "n1", UPLOAD, request, Git_Protocol=f"version={version}")[2]
        assert b"PACK" not in body
    if version == "2":  # the wall that is not one: why each node has a repository of its own
        assert b"PACK" in hidden(site, UPLOAD, want_v2(blob), "2")


def test_another_nodes_commit_is_no_parent(site: Served) -> None:
    tip, _ = foreign(site)
    with GitStore.open(site.mirror) as mirror, GitStore.memory() as store:
        StoreTransport(mirror).fetch(store, {FOREIGN: tip})
        spy = commit(store, {"a": b"b"}, tip)
        request = push_of(pack_of(store, spy, [tip]), spy, REPORT)
    answer = post(site, "n1", RECEIVE, request)[2]
    assert b"unpack ok" not in answer or b"ng " in answer
    assert REPORT not in refs(site)
    assert b"unpack ok" in hidden(site, RECEIVE, request)
    with GitStore.open(site.mirror) as mirror:  # it would have come in, with all of n2's share
        mirror.delete(REPORT, old=spy)


def test_another_nodes_blob_is_no_base_of_a_delta(site: Served) -> None:
    tip, blob = foreign(site)
    with GitStore.open(site.mirror) as mirror:
        whole = mirror.read(tip, layout.PLACEMENT) or b""
    part = whole[:-1]
    tree = b"100644 stolen\0" + bytes.fromhex(object_id("blob", part))
    who = b"M <m@e> 1 +0000"
    text = b"tree %s\nauthor %s\ncommitter %s\n\nx\n" % (object_id("tree", tree).encode(), who, who)
    spy = object_id("commit", text)
    more = [entry(2, len(tree), tree), entry(1, len(text), text)]
    request = push_of(delta_pack(blob, len(whole), len(part), more), spy, REPORT)
    assert b"unpack ok" not in post(site, "n1", RECEIVE, request)[2]
    assert REPORT not in refs(site)
    assert b"unpack ok" in hidden(site, RECEIVE, request)
    with GitStore.open(site.mirror) as mirror:
        assert mirror.read(spy, "stolen") == part
        mirror.delete(REPORT, old=spy)

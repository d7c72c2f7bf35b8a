"""A served site's artifacts: by digest, read only."""

from __future__ import annotations

import hashlib

import pytest

from margo_gitops.model import layout
from margo_gitops.store.git import GitStore
from tests.serving.asking import (
    ask,
)
from tests.serving.world import Served

pytestmark = pytest.mark.usefixtures("undisturbed")


def test_artifacts_are_only_read(site: Served) -> None:
    with GitStore.open(site.mirror) as mirror:
        (ref,) = mirror.refs(layout.ARTIFACTS)
        data = mirror.read(mirror.resolve(ref) or "", "blob") or b""
    path, mine = f"/v2/any/name/blobs/sha256:{ref.rpartition('/')[2]}", site.bearer("n1")
    status, headers, body = ask(site, "GET", path, mine)
    assert (status, body) == (200, data)
    assert headers["Docker-Content-Digest"] == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert ask(site, "HEAD", path, mine)[::2] == (200, b"")
    assert ask(site, "GET", path, mine | {"Range": "bytes=10-19"})[::2] == (206, data[10:20])
    assert ask(site, "GET", path, mine | {"Range": "bytes=10-"})[::2] == (206, data[10:])
    assert ask(site, "GET", path, mine | {"Range": f"bytes={len(data)}-"})[0] == 416
    assert ask(site, "GET", path, mine | {"Range": "bytes=1-2,4-5"})[0] == 200
    assert ask(site, "GET", "/v2/", mine)[::2] == (200, b"{}")
    for method in ("PUT", "POST", "PATCH", "DELETE"):
        assert ask(site, method, path, mine, b"x")[0] == 405
        assert ask(site, method, "/v2/x/blobs/uploads/", mine, b"x")[0] == 405
    unknown = [path[:-1] + ("0" if path[-1] != "0" else "1"), path.upper(), path + "/", path[:-2]]
    for other in (*unknown, "/v2/x/manifests/latest", "/v2/_catalog", "/v2/x/tags/list"):
        assert ask(site, "GET", other, mine)[0] == 404

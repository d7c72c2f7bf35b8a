"""What stock git is told when it serves one node its own repository, and nothing else it is told.

Settings come by `GIT_CONFIG_*` (git-config(1)): they outrank the repository's own, and neither this
host's nor any user's configuration is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from margo_gitops.model import layout
from margo_gitops.store.pushed import MAX_PUSH

VERSIONS = frozenset({"version=0", "version=1", "version=2"})
"""What a client may ask for as `GIT_PROTOCOL`."""

_SETTINGS = {
    "safe.directory": "*",
    "core.hooksPath": "/dev/null",
    "gc.auto": "0",
    "http.getanyfile": "false",
    "http.uploadpack": "true",
    "http.receivepack": "true",
    "lsrefs.unborn": "ignore",
    "pack.threads": "1",
    "pack.windowMemory": "16m",
    "receive.autogc": "false",
    "receive.denyDeletes": "true",
    "receive.denyNonFastForwards": "true",
    "receive.fsckObjects": "true",
    "receive.maxInputSize": str(MAX_PUSH),
    "receive.unpackLimit": "1",  # one pack for a push, however many objects are in it
    "uploadpack.allowAnySHA1InWant": "false",
    "uploadpack.allowReachableSHA1InWant": "false",
    "uploadpack.allowTipSHA1InWant": "false",
}


def environment(node: str, version: str) -> dict[str, str]:
    """The whole environment of a git that serves this node; `version` as the client asked."""
    settings = [*_SETTINGS.items(), *_shown(node)]
    found = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_COUNT": str(len(settings)),
    }
    if version in VERSIONS:
        found["GIT_PROTOCOL"] = version
    for number, (key, value) in enumerate(settings):
        found |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return found


def _shown(node: str) -> Iterator[tuple[str, str]]:
    """The two refs are shown, one may be pushed; of two patterns that fit, the later one counts."""
    yield "transfer.hideRefs", "refs/"
    yield "transfer.hideRefs", f"!{layout.report_ref(node)}"
    yield "uploadpack.hideRefs", f"!{layout.node_ref(node)}"

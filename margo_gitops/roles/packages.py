"""Margo packages out of git repositories (specification of 2024: the application registry)."""

from __future__ import annotations

from margo_gitops.artifacts.package import below
from margo_gitops.errors import Missing
from margo_gitops.model.layout import MAIN
from margo_gitops.store.git import GitStore
from margo_gitops.store.transport import open_transport


def from_git(address: str) -> dict[str, bytes]:
    """The package at `GIT-URL#PATH`, from the repository's main (else master) branch."""
    url, _, folder = address.partition("#")
    transport = open_transport(url)
    tips = transport.refs([MAIN, "refs/heads/master"])
    if not tips:
        raise Missing(f"{transport.name} has neither a main nor a master branch")
    ref = MAIN if MAIN in tips else "refs/heads/master"
    with GitStore.memory() as store:
        transport.fetch(store, {ref: tips[ref]})
        return below(store.files(tips[ref]), folder)

"""A quiet pass, and a check of a right document, import nothing that they have no use for.

What was won by importing late is lost by one import at the top of a module; here it is seen.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.host import MARGO, Host
from tests.bench.peers import environment
from tests.bench.world import remove_workloads, worlds
from tests.engines import require
from tests.servers import problem

EXAMPLE = Path(__file__).parents[2] / "examples" / "hello-world" / "margo.yaml"
NEVER = (
    "asyncio", "concurrent.futures", "cryptography", "jsonschema", "oras", "referencing",
    "requests", "rich", "tenacity", "wasmtime", "watchfiles", "margo_gitops.render",
    "margo_gitops.cli.deployments", "margo_gitops.cli.trust", "margo_gitops.roles.central",
)  # fmt: skip
"""What no light path needs in an open fleet."""

AGENTS = (
    *NEVER, "dulwich.client", "sqlite3", "margo_gitops.documents.check",
    "margo_gitops.roles.checking", "margo_gitops.roles.signing",
)  # fmt: skip
LO = (*AGENTS, "margo_gitops.roles.edge", "margo_gitops.plan.workloads")
EN = (*AGENTS, "http.client", "margo_gitops.roles.local", "margo_gitops.plan.placement")
FILE = (*NEVER, "dulwich", "http.client", "margo_gitops.roles.agents")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    require("git-http", problem())
    base = tmp_path_factory.mktemp("light")
    with worlds(base / "server", (2,)) as (world,):
        folder = base / "host"
        folder.mkdir()
        made = Host(world, folder)
        yield made
        remove_workloads(made.node)


@pytest.mark.git_http
def test_a_quiet_pass_of_an_lo(host: Host) -> None:
    assert _needless(host.words_lo(), LO, host.folder) == []


@pytest.mark.git_http
def test_a_quiet_pass_of_an_en(host: Host) -> None:
    assert _needless(host.words_en(), EN, host.folder) == []


def test_a_check_of_one_right_file(tmp_path: Path) -> None:
    assert _needless([*MARGO, "validate", str(EXAMPLE)], FILE, tmp_path) == []


def _needless(argv: list[str], heavy: tuple[str, ...], cwd: Path) -> list[str]:
    """Those of the heavy modules that the command imports; it says and does nothing."""
    told = [argv[0], "-X", "importtime", *argv[1:]]
    done = subprocess.run(
        told, cwd=cwd, env=environment(cwd), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    lines = done.stderr.splitlines()
    found = {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}
    assert "margo_gitops.cli.app" in found
    return sorted(found.intersection(heavy))

"""`margo site epoch`: asked for on `main`, pushed over the old history, adopted by the site."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.running import margo
from tests.store.making import git


def test_a_new_epoch_goes_from_a_persons_clone_to_the_site(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "remote.git")
    fleet, remote = tmp_path / "plant", tmp_path / "remote.git"
    _run(tmp_path, "init", "plant", "--open")
    _run(fleet, "site", "add", "north")
    git(fleet, "remote", "add", "origin", str(remote))
    _run(fleet, "push")
    agent = ("lo", "run", "--site", "north", "--remote", str(remote), "--once")
    _run(fleet, *agent, "--state", "../lo")
    text = (fleet / "sites" / "north.yaml").read_text()

    would = json.loads(_run(fleet, "site", "epoch", "north", "--dry-run", "--json"))
    assert would["changes"]["sites/north.yaml"] == text + "epoch: 2\n"
    assert git(remote, "rev-list", "--count", "site/north") == "1"
    assert "site/north: generation 2 (a new epoch)" in _run(fleet, "site", "epoch", "north")
    _run(fleet, "push")
    assert git(remote, "rev-list", "--count", "site/north") == "1"
    _run(fleet, *agent, "--state", "../lo")
    _run(fleet, "pull")
    (site,) = json.loads(_run(fleet, "status", "--json"))
    assert (site["adopted"], site["in_step"]) == (2, True)


def test_a_site_that_is_not_there_is_named(tmp_path: Path) -> None:
    _run(tmp_path, "init", "plant", "--open")
    done = margo("site", "epoch", "nowhere", cwd=tmp_path / "plant")
    assert done.returncode == 1
    assert "there is no site nowhere" in done.stderr


def _run(cwd: Path, *words: str) -> str:
    done = margo(*words, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout

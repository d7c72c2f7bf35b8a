"""`margo up` runs a person's own fleet in the foreground, and takes its workloads along."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import IDENTITY, margo
from tests.trust.keys import written
from tests.waiting import until

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("trust", ["--open", "--person=ada"])
def test_the_fleet_comes_up_and_goes_with_it(tmp_path: Path, trust: str) -> None:
    fleet = tmp_path / "plant"
    apps = tmp_path / "apps"
    _repository(apps)
    key = {"MARGO_KEY": str(written("ada", tmp_path / "key"))}
    for words in (
        ("init", "plant", trust, "--poll", "1s"),
        ("site", "add", "north"),
        ("device", "add", "north", "n1"),
        ("app", "add", f"{apps}#shelf/hello-wasm"),
        ("deploy", "hello-wasm", "--site", "north"),
    ):
        done = margo(*words, cwd=fleet if fleet.exists() else tmp_path, env=key)
        assert done.returncode == 0, done.stderr
    command = [sys.executable, "-m", "margo_gitops", "up", "--runtime", "wasm"]
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(
            command, cwd=fleet, env={**os.environ, **IDENTITY, **key}, stdout=log, stderr=log
        ) as up,
    ):
        try:
            until(lambda: _states(fleet) == ["installed"], 60)
        finally:
            up.send_signal(signal.SIGINT)
            up.wait(40)
    assert up.returncode == 0, (tmp_path / "log").read_text()
    assert "all workloads are removed" in (tmp_path / "log").read_text()
    assert list(fleet.glob(".git/margo-up/*/wasm/*/*/spec.json")) == []
    told = margo("doctor", "--json", cwd=fleet, env=key).stdout
    found = {check["name"]: check for check in json.loads(told)}
    assert found["trust"]["ok"] is (trust != "--open")
    if trust != "--open":
        assert found["trust"]["found"] == "root 1"
        assert "of ada: root, enrol, publish, approve" in found["key"]["found"]


def _states(fleet: Path) -> list[str]:
    views = json.loads(margo("status", "--json", cwd=fleet).stdout)
    return [item["state"] for view in views for item in view["deployments"]]


def _repository(folder: Path) -> None:
    """Somebody's git repository with a package in it."""
    package = folder / "shelf" / "hello-wasm"
    (package / "resources").mkdir(parents=True)
    for name in ("margo.yaml", "resources/hello.wasm"):
        (package / name).write_bytes((EXAMPLES / "hello-wasm" / name).read_bytes())
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "A package"]):
        subprocess.run(["git", *words], cwd=folder, env={**os.environ, **IDENTITY}, check=True)

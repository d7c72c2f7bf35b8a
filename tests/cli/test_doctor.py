"""`margo doctor` tells what the fleet asks of its remote, beside what a hosted forge recommends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.cli.running import margo
from tests.store.making import git


def test_a_fleet_within_the_limits_and_one_that_asks_too_often(tmp_path: Path) -> None:
    assert margo("init", "plant", "--open", cwd=tmp_path).returncode == 0
    fleet = tmp_path / "plant"
    for site in ("north", "south"):
        assert margo("site", "add", site, cwd=fleet).returncode == 0
    (load,) = _about(fleet, "load")
    assert load["ok"]
    assert load["found"].startswith("2 sites: 0.01 reads a second, 0.01 pushes a minute")
    assert _about(fleet, "hosted forge") == []
    with (fleet / "sites" / "north.yaml").open("a") as file:
        file.write("polling:\n  interval: 50ms\n  alive: 5s\n")
    git(fleet, "commit", "-qam", "Poll much")
    reads, pushes = _about(fleet, "hosted forge")
    assert not reads["ok"]
    assert "20 reads a second, at most 15" in reads["found"]
    assert "polling.interval" in reads["cure"]
    assert "12.01 pushes a minute, at most 6" in pushes["found"]
    assert "polling.alive" in pushes["cure"]
    assert not pushes["needed"]


def _about(fleet: Path, name: str) -> list[dict[str, Any]]:
    done = margo("doctor", "--json", cwd=fleet)
    return [check for check in json.loads(done.stdout) if check["name"] == name]

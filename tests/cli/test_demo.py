"""`margo demo` proves every step and leaves nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.running import margo


@pytest.mark.timeout(240)
def test_every_step_is_true_and_nothing_is_left(tmp_path: Path) -> None:
    done = margo("demo", "--json", cwd=tmp_path, env={"TMPDIR": str(tmp_path)}, timeout=230)
    steps = json.loads(done.stdout)["steps"]
    assert [step["name"] for step in steps if not step["ok"]] == [], done.stdout
    assert len(steps) == 8
    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []

"""A guide's commands, as somebody types them who follows it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from margo_gitops.roles.agents import drivers
from margo_gitops.runtime.base import Owner
from tests.cli.running import IDENTITY

ROOT = Path(__file__).parents[2]


def commands(guide: str) -> str:
    """All that stands in its `sh` blocks."""
    text = (ROOT / "docs" / guide).read_text(encoding="utf-8")
    return "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))


def followed(guide: str, tmp_path: Path, **more: str) -> str:
    """What a person who types the guide's commands sees."""
    return typed(commands(guide), tmp_path, {**with_margo(tmp_path), **more})


def with_margo(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who has `margo`, the examples, and a folder for agents."""
    bin = tmp_path / "bin"
    bin.mkdir(exist_ok=True)
    program = bin / "margo"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m margo_gitops "$@"\n')
    program.chmod(0o755)
    state = tmp_path / "state"
    state.mkdir(exist_ok=True)
    return {
        **os.environ,
        **IDENTITY,
        "PATH": f"{bin}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "EXAMPLES": str(ROOT / "examples"),
        "STATE": str(state),
    }


def typed(script: str, where: Path, env: Mapping[str, str]) -> str:
    """What it prints; it must end well."""
    done = subprocess.run(
        ["sh", "-c", f"set -eux\n{script}"],
        cwd=where,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def remove(state: Path) -> list[Path]:
    """End the workloads of a guide; those that it left."""
    left = []
    for where in sorted(state.glob("*/en-*")):
        spec = next(where.glob("wasm/*/*/spec.json"), None)
        if spec is not None:
            left.append(spec)
            owner = Owner(*json.loads(spec.read_text("utf-8"))["owner"].split("/"))
            for driver in drivers(where, owner, ("wasm",)).values():
                for found in driver.observe():
                    driver.remove(found.id)
    return left

"""The template as files: what must hold of them without running a step."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from margo_gitops import __version__
from tests.cli.running import margo
from tests.engines import require
from tests.template.reading import FILES, TEMPLATE, parsed, runs

WORKFLOWS = ("github", "forgejo")
SCHEMAS = {"github": "github-workflows", "forgejo": "github-workflows", "gitlab": "gitlab-ci"}
"""Forgejo publishes none; what its file uses is in both."""


def test_init_lays_down_every_file_and_they_are_valid_by_themselves(tmp_path: Path) -> None:
    made = margo("init", "plant", "--open", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    for file in filter(Path.is_file, TEMPLATE.rglob("*")):
        data = file.read_bytes().replace(b"@MARGO_VERSION@", __version__.encode())
        assert (tmp_path / "plant" / file.relative_to(TEMPLATE)).read_bytes() == data
    laid = tmp_path / "plant" / FILES["github"]
    assert f'MARGO_VERSION: "{__version__}"' in laid.read_text(encoding="utf-8")
    checked = margo("validate", "--layout", "fleet", ".", cwd=tmp_path / "plant")
    assert (checked.returncode, checked.stdout) == (0, "")


@pytest.mark.parametrize("forge", FILES)
def test_the_forge_has_a_schema_that_the_file_keeps(forge: str) -> None:
    package = find_spec("check_jsonschema")
    require("check-jsonschema", None if package else "its package is not installed")
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        f"vendor.{SCHEMAS[forge]}",
    ]
    done = subprocess.run(
        [*command, str(TEMPLATE / FILES[forge])], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("forge", WORKFLOWS)
def test_nothing_of_anybody_else_runs_and_requests_get_no_secret(forge: str) -> None:
    file = parsed(forge)
    assert set(file["on"]) <= {
        "pull_request",
        "merge_group",
        "push",
        "schedule",
        "workflow_dispatch",
    }  # never pull_request_target
    for name, job in file["jobs"].items():
        assert not any("uses" in step for step in job["steps"])
        assert name == "publish" or "secrets." not in json.dumps(job)
        for step in job["steps"]:
            assert "${{" not in step["run"]  # a branch's name would be a command
    assert file["concurrency"]["cancel-in-progress"] is False


def test_github_gives_no_right_but_to_the_job_that_publishes() -> None:
    file = parsed("github")
    assert file["permissions"] == {"contents": "read"}
    assert [name for name, job in file["jobs"].items() if "permissions" in job] == ["publish"]
    assert file["jobs"]["publish"]["environment"] == "margo"


@pytest.mark.parametrize("forge", WORKFLOWS)
def test_jobs_run_for_what_they_are_for(forge: str) -> None:
    request = {"event_name": "pull_request", "ref": "refs/pull/7/merge"}
    queue = {"event_name": "merge_group", "ref": "refs/heads/gh-readonly-queue/main/pr-7-1"}
    started = {
        "request": request,
        "push": {"event_name": "push", "ref": "refs/heads/main"},
        "schedule": {"event_name": "schedule", "ref": "refs/heads/main"},
        "by hand elsewhere": {"event_name": "workflow_dispatch", "ref": "refs/heads/other"},
        **({"queue": queue} if "merge_group" in parsed(forge)["on"] else {}),
    }
    found = {
        name: {job for job in parsed(forge)["jobs"] if runs(forge, job, {"github": github})}
        for name, github in started.items()
    }
    checks = {"validate", "proposal"}
    assert found.pop("queue", checks) == checks
    assert found == {
        "request": checks,
        "push": {"publish"},
        "schedule": {"publish"},
        "by hand elsewhere": set(),
    }


def test_github_s_required_checks_run_in_its_merge_queue() -> None:
    assert "merge_group" in parsed("github")["on"]


def test_gitlab_publishes_main_alone_and_one_at_a_time() -> None:
    file = parsed("gitlab")
    assert file["publish"]["rules"] == [{"if": '$CI_COMMIT_BRANCH == "main"'}]
    assert file["publish"]["resource_group"]
    assert file["default"]["interruptible"] is False
    secrets = re.compile("MARGO_PUBLISH_KEY|MARGO_ROOT")
    assert not secrets.search(json.dumps(file))  # they come as protected variables


def test_the_two_workflows_differ_only_in_what_their_forges_differ_in() -> None:
    def job(forge: str, name: str) -> Any:
        kept = parsed(forge)["jobs"][name]
        for word in ("if", "runs-on", "container", "environment", "permissions"):
            kept.pop(word, None)
        for step in kept["steps"]:
            for word in ("FORK", "FORGE", "FORGE_USER"):
                step.get("env", {}).pop(word, None)
        return kept

    for name in ("validate", "proposal", "publish"):
        assert job("github", name) == job("forgejo", name)


@pytest.mark.parametrize("forge", FILES)
def test_code_owners_lie_where_their_forge_looks_and_name_nobody_yet(forge: str) -> None:
    text = (TEMPLATE / f".{forge}" / "CODEOWNERS").read_text(encoding="utf-8")
    assert all(line.startswith("#") for line in text.splitlines())
    for before in ("CODEOWNERS", "docs/CODEOWNERS", ".gitea/CODEOWNERS"):
        assert not (TEMPLATE / before).exists()  # it would be found first


def test_the_script_is_one_that_bash_can_read() -> None:
    subprocess.run(["bash", "-n", str(TEMPLATE / ".margo" / "ci.sh")], check=True)

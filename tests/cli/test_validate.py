"""`margo validate` over a fleet, an application, loose files and an index."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.cli.running import IDENTITY, margo
from tests.documents.fleet_tree import fleet, package


def written(folder: Path, files: dict[str, bytes]) -> Path:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def git(folder: Path, *words: str) -> None:
    env = {**os.environ, **IDENTITY}
    subprocess.run(["git", *words], cwd=folder, env=env, check=True, capture_output=True)


def replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    """A committed fleet without a finding."""
    folder = written(tmp_path / "plant", fleet())
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    return folder


INTENT = "deployments/weigh.yaml"


def test_a_right_fleet_says_nothing(plant: Path) -> None:
    done = margo("validate", cwd=plant)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_errors_and_warnings_stand_one_on_a_line(plant: Path) -> None:
    replaced(plant / INTENT, "rate: 5", "rat: 5")
    (plant / "sites" / "notes.txt").write_text("x")
    done = margo("validate", cwd=plant)
    assert done.returncode == 1
    first, second = done.stdout.splitlines()
    assert first == (
        f"{INTENT}:13:3: scale 1.0.0 has no parameter rat; it has: rate, unit [unknown-parameter]"
    )
    assert second.startswith("sites/notes.txt:1:1: warning: nobody reads a file here")
    assert second.endswith("[place]")
    objects = json.loads(margo("validate", "--json", cwd=plant).stdout)
    assert objects[0] == {
        "path": INTENT,
        "line": 13,
        "column": 3,
        "message": "scale 1.0.0 has no parameter rat; it has: rate, unit",
        "rule": "unknown-parameter",
        "severity": "error",
    }
    assert [finding["severity"] for finding in objects] == ["error", "warning"]


def test_warnings_alone_do_not_fail(plant: Path) -> None:
    (plant / "sites" / "notes.txt").write_text("x")
    done = margo("validate", cwd=plant)
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)


def test_paths_are_those_of_where_the_person_stands(plant: Path) -> None:
    replaced(plant / INTENT, "n1", "n9")
    above = margo("validate", "plant", cwd=plant.parent)
    below = margo("validate", "weigh.yaml", cwd=plant / "deployments")
    assert above.stdout.startswith(f"plant/{INTENT}:11:9: ")
    assert below.stdout.startswith(f"../{INTENT}:11:9: ")


def test_a_file_by_name_tells_its_own_findings_and_what_its_change_breaks(plant: Path) -> None:
    replaced(plant / INTENT, "rate: 5", "rat: 5")
    written(plant, {"sites/west.yaml": b"id: ["})
    device = "devices/north/n1.yaml"
    assert margo("validate", device, cwd=plant).stdout == ""
    (plant / device).rename(plant / "devices/north/n2.yaml")
    told = margo("validate", "devices", cwd=plant).stdout
    assert "[file-name]" in told
    assert "sites/west" not in told
    git(plant, "checkout", "-q", INTENT)
    assert "[dangling-node]" in margo("validate", "devices", cwd=plant).stdout


def test_the_index_is_checked_and_not_the_disk(plant: Path) -> None:
    replaced(plant / INTENT, "n1", "n9")
    assert margo("validate", "--index", cwd=plant).stdout == ""
    git(plant, "add", "-A")
    replaced(plant / INTENT, "n9", "n1")
    done = margo("validate", "--index", cwd=plant)
    assert (done.returncode, "[dangling-node]" in done.stdout) == (1, True)


def test_a_staged_deletion_tells_what_it_breaks(plant: Path) -> None:
    git(plant, "rm", "-rq", "apps", "locks")
    done = margo("validate", "--index", cwd=plant)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{INTENT}:5:7: ")


def test_what_was_wrong_before_is_not_this_commits_fault(plant: Path) -> None:
    replaced(plant / INTENT, "n1", "n9")
    git(plant, "commit", "-qam", "wrong")
    written(plant, {"sites/west.yaml": fleet()["sites/north.yaml"].replace(b"north", b"west")})
    git(plant, "add", "-A")
    assert margo("validate", "--index", cwd=plant).returncode == 0
    assert margo("validate", "--index", INTENT, cwd=plant).returncode == 1
    assert margo("validate", cwd=plant).returncode == 1


def test_between_two_commits_as_pre_commit_asks_in_ci(plant: Path) -> None:
    replaced(plant / INTENT, "n1", "n9")
    git(plant, "commit", "-qam", "wrong")
    git(plant, "rm", "-rq", "--cached", "apps")
    refs = {"PRE_COMMIT_FROM_REF": "HEAD~1", "PRE_COMMIT_TO_REF": "HEAD"}
    done = margo("validate", "--index", cwd=plant, env=refs)
    assert [line.rpartition(" ")[2] for line in done.stdout.splitlines()] == ["[dangling-node]"]
    refs = {"PRE_COMMIT_FROM_REF": "HEAD", "PRE_COMMIT_TO_REF": "HEAD"}
    assert margo("validate", "--index", cwd=plant, env=refs).returncode == 0


def test_the_first_commit_is_checked_whole(tmp_path: Path) -> None:
    folder = written(tmp_path, {**fleet(), INTENT: b"id: ["})
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    assert margo("validate", "--index", cwd=folder).returncode == 1


def test_an_applications_own_repository(tmp_path: Path) -> None:
    app = {p.removeprefix("apps/scale/1.0.0/"): d for p, d in package().items() if "locks" not in p}
    folder = written(tmp_path / "scale", app)
    assert margo("validate", cwd=folder).stdout == ""
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    git(folder, "tag", "v1.0.0")
    assert "[tag-version]" in margo("validate", cwd=folder).stdout
    (folder / "resources" / "icon.png").unlink()
    done = margo("validate", cwd=folder)
    assert (done.returncode, "[package-file]" in done.stdout) == (1, True)


def test_loose_files_are_checked_one_by_one(tmp_path: Path) -> None:
    folder = written(tmp_path, {"a/x.yaml": fleet()[INTENT], "a/y.yaml": b"kind: 3"})
    done = margo("validate", cwd=folder)
    assert (done.returncode, done.stdout[:9]) == (1, "a/y.yaml:")
    assert margo("validate", "a/x.yaml", cwd=folder).returncode == 0


@pytest.mark.parametrize("layout", ["fleet", "app", "none"])
def test_the_layout_can_be_said(plant: Path, layout: str) -> None:
    replaced(plant / INTENT, "n1", "n9")
    done = margo("validate", "--layout", layout, cwd=plant)
    assert ("[dangling-node]" in done.stdout) == (layout == "fleet")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("ghost.yaml",), 1, "there is no file ghost.yaml"),
        (("--index",), 2, "needs a git repository"),
        (("--dialect", "Q"), 2, "dialect 'Q'"),
        (("--layout", "moon"), 2, "moon"),
        (("--explain", "dangling-nod"), 2, "dangling-node"),
    ],
)
def test_wrong_calls(tmp_path: Path, words: tuple[str, ...], code: int, told: str) -> None:
    done = margo("validate", *words, cwd=tmp_path)
    assert (done.returncode, told in done.stderr) == (code, True), done.stderr


def test_a_rule_is_explained(tmp_path: Path) -> None:
    done = margo("validate", "--explain", "dangling-node", cwd=tmp_path)
    assert done.stdout.startswith("dangling-node (error)\nA node that a deployment names")
    listed = margo("validate", "--explain", "all", "--json", cwd=tmp_path)
    assert {"dangling-node", "symlink", "package-file"} <= set(json.loads(listed.stdout))


def hostile(folder: Path) -> None:
    (folder / "sites" / "link.yaml").symlink_to("/etc/hostname")
    os.mkfifo(folder / "sites" / "pipe.yaml")
    (folder / "deployments" / "folder.yaml").mkdir()
    with (folder / "sites" / "large.yaml").open("wb") as file:
        file.truncate(100 << 20)
    (folder / "sites" / "noise.yaml").write_bytes(bytes(range(256)))
    (folder / "devices" / "out").symlink_to("/")


@pytest.mark.parametrize("in_git", [True, False])
def test_bad_input_is_findings_and_never_a_traceback(tmp_path: Path, in_git: bool) -> None:
    folder = written(tmp_path / "plant", fleet())
    hostile(folder)
    if in_git:
        git(folder, "init", "-q", "-b", "main")
    done = margo("validate", cwd=folder)
    assert (done.returncode, done.stderr) == (1, "")
    for path, rule in {
        "sites/link.yaml": "symlink",
        "devices/out": "symlink",
        "sites/large.yaml": "too-large",
        "sites/noise.yaml": "encoding",
        **(
            {}
            if in_git
            else {"sites/pipe.yaml": "unreadable", "deployments/folder.yaml": "unreadable"}
        ),
    }.items():
        told = [line for line in done.stdout.splitlines() if line.startswith(f"{path}:")]
        assert any(line.endswith(f"[{rule}]") for line in told), done.stdout


def test_hostile_files_by_name(tmp_path: Path) -> None:
    folder = written(tmp_path / "plant", fleet())
    hostile(folder)
    for name in ("link", "pipe", "large", "noise"):
        done = margo("validate", f"plant/sites/{name}.yaml", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (1, ""), name
        assert done.stdout.startswith(f"plant/sites/{name}.yaml:"), done.stdout


def test_a_damaged_cache_changes_nothing(plant: Path) -> None:
    replaced(plant / INTENT, "n1", "n9")
    told = margo("validate", cwd=plant).stdout
    (plant / ".git" / "margo" / "verdicts.sqlite").write_bytes(b"noise")
    assert margo("validate", cwd=plant).stdout == told

"""Each exit code, by a command that gives it."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cli.running import margo
from tests.documents.bases import DESCRIPTION_D


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    assert margo("init", "plant", "--open", cwd=tmp_path).returncode == 0
    return tmp_path / "plant"


def test_0_and_the_commit_that_it_made(fleet: Path) -> None:
    done = margo("site", "add", "north", "--json", cwd=fleet)
    assert done.returncode == 0
    assert json.loads(done.stdout)["rendered"][0]["site"] == "north"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("site", "show", "west"), 1, "there is no site west"),
        (("undeploy", "ghost"), 1, "there is no deployment ghost"),
        (("deploy", "ghost"), 2, "where to?"),
        (("deploy", "ghost", "--site", "north"), 1, "the App Store has no ghost"),
        (("site", "add", "../evil"), 2, "is no site id"),
        (("site", "add", "a/b"), 2, "is no site id"),
        (("push",), 5, "no remote"),
        (("init", "other", "--key", "nowhere"), 5, "there is no key to sign with"),
    ],
)
def test_the_code_and_the_words(fleet: Path, words: tuple[str, ...], code: int, told: str) -> None:
    done = margo(*words, cwd=fleet)
    assert (done.returncode, told in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
    as_json = margo(*words, "--json", cwd=fleet)
    assert json.loads(as_json.stderr)["error"]["code"] == code


def test_4_a_remote_that_does_not_answer(tmp_path: Path) -> None:
    words = ("lo", "run", "--site", "north", "--remote", "http://127.0.0.1:9/x", "--once")
    done = margo(*words, "--state", str(tmp_path / "state"), cwd=tmp_path)
    assert done.returncode == 4, done.stdout + done.stderr


def test_5_no_fleet_here(tmp_path: Path) -> None:
    done = margo("status", cwd=tmp_path)
    assert done.returncode == 5
    assert "margo" in done.stderr


def test_5_uncommitted_work_is_never_overwritten(fleet: Path) -> None:
    assert margo("site", "add", "north", cwd=fleet).returncode == 0
    (fleet / "sites" / "south.yaml").write_text("mine\n")
    done = margo("site", "add", "south", cwd=fleet)
    assert done.returncode == 5
    assert (fleet / "sites" / "south.yaml").read_text() == "mine\n"


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    heavy = ["pydantic", "dulwich", "rich", "ruamel", "jsonschema", "wasmtime", "watchfiles"]
    code = (
        "import sys\nimport margo_gitops.cli.app\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_two_commands_at_once_lose_nothing(fleet: Path) -> None:
    """Each commits or says that it waits; who waited tries again."""
    with ThreadPoolExecutor(2) as pool:
        sites = ("north", "south")
        done = list(pool.map(lambda site: margo("site", "add", site, cwd=fleet), sites))
    assert {0} <= {d.returncode for d in done} <= {0, 4}, [d.stderr for d in done]
    for site, first in zip(sites, done, strict=True):
        if first.returncode == 4:
            assert margo("site", "add", site, cwd=fleet).returncode in {0, 1}
    assert margo("render", cwd=fleet).returncode == 0
    listed = json.loads(margo("site", "list", "--json", cwd=fleet).stdout)
    assert {site["id"] for site in listed} == set(sites)
    assert margo("render", "--check", "--exit-code", cwd=fleet).returncode == 0


def test_an_application_with_an_error_never_reaches_main(fleet: Path, tmp_path: Path) -> None:
    """Also where only a rule, and no schema, sees it."""
    package = tmp_path / "scale"
    package.mkdir()
    text = DESCRIPTION_D.replace("schema: sampleCount", "schema: nobody")
    (package / "margo.yaml").write_text(text)
    before = _head(fleet)
    done = margo("app", "add", str(package), cwd=fleet)
    assert (done.returncode, "dangling-schema" in done.stderr) == (1, True)
    assert "margo.yaml:64:" in done.stderr
    assert _head(fleet) == before


def _head(fleet: Path) -> str:
    words = ["git", "rev-parse", "main"]
    return subprocess.run(words, cwd=fleet, capture_output=True, text=True, check=True).stdout

"""The drill is green; and each of its cases is red once its one defence is switched off."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from margo_gitops.roles.drill.casebook import Case
from margo_gitops.roles.drill.running import CASES, judged
from margo_gitops.roles.drill.scene import Scene
from tests.cli.running import margo
from tests.drill import page
from tests.drill.offs import OFFS
from tests.drill.playing import begun, copied


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return begun(tmp_path_factory.mktemp("drill") / "template")


@pytest.fixture
def scene(template: Scene, tmp_path: Path) -> Iterator[Scene]:
    made = copied(template, tmp_path / "scene")
    yield made
    made.end()


@pytest.mark.timeout(1200)
def test_every_case_ends_where_it_should_and_nothing_is_left(tmp_path: Path) -> None:
    done = margo("drill", "--json", cwd=tmp_path, env={"TMPDIR": str(tmp_path)}, timeout=1190)
    cases = json.loads(done.stdout)["cases"]
    assert [case for case in cases if not case["ok"]] == [], done.stderr
    assert [case["name"] for case in cases] == [case.name for case in CASES]
    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_without_its_defence_it_does_not(
    case: Case, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    off, shows = OFFS[case.name]
    off(monkeypatch)
    verdict = judged(scene, case)
    assert not verdict.ok, verdict.found
    assert shows in verdict.found.ended


def test_every_case_has_a_defence() -> None:
    assert list(OFFS) == [case.name for case in CASES]


def test_the_readme_has_these_cases_and_all_are_green() -> None:
    found = page.rows(page.PAGE.read_text(encoding="utf-8"))
    assert found == [(case.name, case.tries, "yes") for case in CASES], "python -m tests.drill.page"

"""The `overview` branch: what its pages say, whatever sites say, and when it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margo_gitops.model import layout
from margo_gitops.roles import pages as writing
from margo_gitops.roles.central import Central
from margo_gitops.status.pages import LONGEST, SHOWN, Fleet, code, pages
from margo_gitops.status.view import DeploymentView, SiteView
from margo_gitops.store.git import GitStore
from margo_gitops.store.local import StoreTransport
from tests.cli.running import margo
from tests.scale import ADA, large_fleet, names, report_all
from tests.store.making import git

HELLO = DeploymentView("hello", "id", "hello-wasm", "1.0.0", "n1", "installed", "as wanted", {})
NORTH = SiteView("north", 3, 3, 1_700_000_000, (HELLO,), ())
PLANT = Fleet("plant", writing._date)
HOUR = 3600

EVIL = (
    "`` <img src=x onerror=1> | [x](https://evil.invalid) \\| \\` $`x`$ @everybody !1 #2\n# Hi\n"
    "\N{RIGHT-TO-LEFT OVERRIDE}txt\x00\x1b[31m"
)


def page(fleet: Fleet, view: SiteView) -> str:
    return pages(fleet, [view])[f"sites/{view.site}.md"].decode()


def test_the_pages_say_what_runs_where_who_approved_and_what_waits() -> None:
    view = replace(NORTH, deployments=(replace(HELLO, statement="s"),), refusals=("x [fork]: y",))
    fleet = replace(PLANT, approvals={"s": "by ada, approved by bob"}, waiting={"north": ["w"]})
    told = page(fleet, view)
    assert "| `hello` | `n1` | `hello-wasm` | `1.0.0` | `installed` | `as wanted` |" in told
    assert "`by ada, approved by bob`" in told
    assert "## Waits\n\n- `w`" in told
    assert "## Refused by the site\n\n- `x [fork]: y`" in told
    first = pages(fleet, [view])["README.md"].decode()
    row = "| [north](sites/north.md) | not in step | 3 / 3 | 2023-11-14 22:13 UTC | 1 |"
    assert row in first
    assert "0 of 1 sites run what is published" in first


def test_an_open_fleet_and_a_site_never_heard_are_called_so() -> None:
    silent = SiteView("south", None, None, None, (), ())
    first = pages(PLANT, [silent, NORTH])["README.md"].decode()
    assert "| [south](sites/south.md) | nothing published | - / - | never | - |" in first
    assert "nobody: the fleet is open" in page(PLANT, NORTH)
    assert "was not looked for" in first


def test_sites_out_of_step_come_first_and_the_rest_is_counted() -> None:
    views = [replace(NORTH, site=f"s{n:04}") for n in range(SHOWN + 3)]
    views[-1] = replace(views[-1], adopted=2)
    first = pages(PLANT, views)["README.md"].decode()
    rows = re.findall(r"^\| \[(s\d+)\]", first, re.MULTILINE)
    assert (rows[0], len(rows)) == (views[-1].site, SHOWN)
    assert "And 3 more" in first


@given(st.text(min_size=1).map(lambda text: text + EVIL) | st.text())
def test_a_word_of_a_stranger_is_one_piece_of_code(text: str) -> None:
    shown = code(text)
    assert shown == "-" or re.fullmatch(r"`[^`|]+`", shown)
    assert len(shown) <= LONGEST + 2
    assert shown.isprintable()
    shown.encode()


def test_a_hostile_status_changes_no_line_of_the_page() -> None:
    plain = page(PLANT, replace(NORTH, refusals=("x",)))
    item = replace(HELLO, name=EVIL, node=EVIL, version=EVIL, state=EVIL, why=EVIL)
    hostile = page(PLANT, replace(NORTH, deployments=(item,), refusals=(EVIL,)))

    def outside(text: str) -> str:
        """What Markdown reads: without the pieces of code."""
        return re.sub(r"`[^`\n]*`", "`x`", text)

    assert outside(hostile).replace("not in step", "") == outside(plain).replace("not in step", "")


@pytest.mark.parametrize("moment", [-5, 0, 253_402_300_799, 10**15])
def test_a_clock_that_is_wrong_has_a_date_all_the_same(moment: int) -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", writing._date(moment))


@pytest.fixture
def co(tmp_path: Path) -> Iterator[Central]:
    with GitStore.create(tmp_path / "fleet.git") as store:
        made = large_fleet(store, 3)
        made.render()
        report_all(store, names(3))
        yield made


def write(co: Central, at: float) -> writing.Written:
    files = writing.fleet_pages(co, co.statuses(co.sites()))
    return writing.write_overview(co.store, files, max_age=HOUR, clock=lambda: at)


def test_it_is_written_where_it_differs_and_at_most_hourly(co: Central) -> None:
    now = ADA.time + 10 * HOUR
    first = write(co, now)
    assert first.kept is None
    assert co.store.commit(first.commit).parents == ()
    assert write(co, now + 2 * HOUR).kept == "it says the same"
    report_all(co.store, names(3)[:1], time=now)
    assert write(co, now + 60).kept == "it was written 60 s ago"
    second = write(co, now + HOUR)
    assert second.kept is None
    assert co.store.commit(second.commit).parents == ()
    assert co.store.resolve(layout.OVERVIEW) == second.commit
    assert write(co, now - HOUR).kept == "it says the same"  # a clock that went back


def test_a_remote_s_overview_is_replaced_and_a_lost_race_is_one(
    co: Central, tmp_path: Path
) -> None:
    with GitStore.create(tmp_path / "remote.git") as remote:
        transport = StoreTransport(remote)
        first = write(co, ADA.time)
        assert writing.push_overview(co.store, transport)
        assert not writing.push_overview(co.store, transport)
        other = remote.write({"x": b"y"}, parents=[], author=ADA, message="by hand")
        remote.move(layout.OVERVIEW, other, old=first.commit)
        writing.bring_overview(co.store, transport)
        assert co.store.resolve(layout.OVERVIEW) == other
        assert write(co, ADA.time + HOUR).kept is None
        assert writing.push_overview(co.store, transport)
        assert remote.resolve(layout.OVERVIEW) == co.store.resolve(layout.OVERVIEW)


def test_a_branch_with_what_no_margo_writes_is_replaced(co: Central) -> None:
    path = co.store.path or Path()
    blob = git(path, "hash-object", "-w", "--stdin", input=b"/etc/passwd")
    tree = git(path, "mktree", input=f"120000 blob {blob}\tREADME.md\n".encode())
    link = git(path, "commit-tree", tree, "-m", "x", input=b"")
    co.store.move(layout.OVERVIEW, link, old=None)
    time = co.store.commit(link).time
    assert write(co, time + 2 * HOUR).kept is None


def test_the_verb_writes_it_once(co: Central) -> None:
    path = co.store.path or Path()
    done = margo("overview", cwd=path)
    assert (done.returncode, done.stdout[:11]) == (0, "overview at"), done.stderr
    assert "kept: it was written" in margo("overview", cwd=path).stdout
    assert "Fleet test" in git(path, "show", "overview:README.md")
    bad = margo("overview", "--max-age", "soon", cwd=path)
    assert (bad.returncode, "expected a length of time" in bad.stderr) == (1, True)
    assert margo("overview", "--push", cwd=path).returncode == 5

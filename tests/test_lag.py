"""How far `main` is rendered (`render: ci`), as `margo status` tells it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from margo_gitops.documents import own
from margo_gitops.errors import Stalled
from margo_gitops.model import layout
from margo_gitops.model.fleet import Fleet
from margo_gitops.roles.central import Central
from margo_gitops.roles.lag import Lag, lag
from margo_gitops.store.git import GitStore
from margo_gitops.store.local import StoreTransport
from margo_gitops.store.sync import fetch_branches, push_main, push_rendered, push_sites
from tests.cli.running import margo
from tests.fleet import FLEET_ID
from tests.scale import ADA, intent, large_fleet
from tests.store.making import git


def by(who: str) -> bytes:
    return own.write(Fleet.model_validate({"id": FLEET_ID, "name": "test", "render": who}))


@pytest.fixture
def co(tmp_path: Path) -> Iterator[Central]:
    """Three sites that CI renders; nothing is rendered yet."""
    with GitStore.create(tmp_path / "fleet.git") as store:
        made = large_fleet(store, 3)
        made.branch.commit({layout.FLEET: by("ci")}, "CI renders")
        yield made


def behind(co: Central) -> Lag | None:
    return lag(co.store, co.head())


def say(co: Central, greeting: str) -> str:
    return co.branch.commit({layout.intent_path("hello"): intent(greeting)}, greeting)


def test_what_is_not_rendered_is_counted_with_the_oldest_s_time(co: Central) -> None:
    assert behind(co) == Lag(2, ADA.time, ever=False)
    co.render()
    assert behind(co) is None
    say(co, "Moin")
    say(co, "Hej")
    assert behind(co) == Lag(2, ADA.time, ever=True)
    co.render()
    assert behind(co) is None


def test_a_commit_that_changes_no_site_is_rendered_once_somebody_rendered(co: Central) -> None:
    co.render()
    co.branch.commit({"README.md": b"Ours.\n"}, "Words")
    assert behind(co) == Lag(1, ADA.time, ever=True)
    assert co.render() == []
    assert behind(co) is None


def test_a_merge_counts_once_however_many_commits_it_brings(co: Central) -> None:
    co.render()
    base = co.head()
    tip = base
    for text in (b"a", b"b", b"c"):
        tip = co.store.amend(tip, {"note.md": text}, author=ADA, message="note")
    say(co, "Moin")
    path, head = co.store.path or Path(), co.head()
    tree = git(path, "merge-tree", "--write-tree", head, tip)
    merged = co.store.join(tree, parents=[head, tip], author=ADA, message="Merge proposal/notes")
    co.store.move(layout.MAIN, merged, old=head)
    assert behind(co) == Lag(2, ADA.time, ever=True)


def test_where_people_render_nothing_is_said_and_no_ref_is_written(co: Central) -> None:
    co.branch.commit({layout.FLEET: by("here")}, "We render")
    assert behind(co) is None
    co.render()
    say(co, "Moin")
    assert behind(co) is None
    assert co.store.resolve(layout.RENDERED_MAIN) is None


def test_a_rendering_that_stops_is_not_noted(co: Central) -> None:
    co.render()
    noted = co.store.resolve(layout.RENDERED_MAIN)
    rewritten = co.store.write(
        {**co.store.files(co.head()), "x": b""}, parents=[], author=ADA, message="rewritten"
    )
    co.store.move(layout.MAIN, rewritten, old=co.head())
    with pytest.raises(Stalled, match="main was rewritten"):
        co.render()
    assert co.store.resolve(layout.RENDERED_MAIN) == noted


def test_one_who_noted_more_meanwhile_is_right(co: Central) -> None:
    co.render()
    older = co.head()
    newer = co.branch.commit({"README.md": b"Ours.\n"}, "Words")
    co.render()
    co.store.move(layout.MAIN, older, old=newer)
    with GitStore.open(co.store.path or Path()) as store:
        Central(store, co.branch).render()
    assert co.store.resolve(layout.RENDERED_MAIN) == newer


@pytest.mark.parametrize("what", ["a blob", "nothing that is here"])
def test_a_hostile_ref_says_nothing_and_ends_nothing(co: Central, what: str) -> None:
    co.render()
    path = co.store.path or Path()
    blob = git(path, "hash-object", "-w", "--stdin", input=b"x")
    target = path / layout.RENDERED_MAIN
    target.write_text((blob if what == "a blob" else "ab" * 20) + "\n")
    assert behind(co) == Lag(2, ADA.time, ever=False)


def test_it_goes_out_after_the_sites_and_comes_in_with_them(co: Central, tmp_path: Path) -> None:
    with GitStore.create(tmp_path / "remote.git") as remote, GitStore.memory() as other:
        transport = StoreTransport(remote)
        co.render()
        push_main(co.store, transport)
        push_sites(co.store, transport)
        assert remote.resolve(layout.RENDERED_MAIN) is None
        assert [update.ref for update in push_rendered(co.store, transport)] == [
            layout.RENDERED_MAIN
        ]
        assert push_rendered(co.store, transport) == []
        fetch_branches(other, transport)
        assert other.resolve(layout.RENDERED_MAIN) == co.head()


def test_status_tells_it_in_words_and_in_json(co: Central) -> None:
    path = co.store.path or Path()
    told = margo("status", cwd=path)
    assert "main has 2 commits that CI rendered nothing of, the oldest " in told.stdout
    assert margo("render", cwd=path).returncode == 0
    assert "main " not in margo("status", cwd=path).stdout
    say(co, "Moin")
    told = margo("status", cwd=path)
    assert "main is 1 commit ahead of what sites were rendered from, the oldest " in told.stdout
    sites = json.loads(margo("status", "--json", cwd=path).stdout)
    assert {json.dumps(site["unrendered"]) for site in sites} == {
        json.dumps({"commits": 1, "oldest": ADA.time})
    }


def test_a_fleet_that_is_not_rendered_is_not_in_step(tmp_path: Path) -> None:
    with GitStore.create(tmp_path / "fleet.git") as store:
        first = store.write({layout.FLEET: by("ci")}, parents=[], author=ADA, message="CI renders")
        store.move(layout.MAIN, first, old=None)
    for verb, code in (("status", 1), ("render", 0), ("status", 0)):
        words = ["--exit-code"] if verb == "status" else []
        assert margo(verb, *words, cwd=tmp_path / "fleet.git").returncode == code


def test_people_s_verbs_write_main_alone_and_say_so(co: Central) -> None:
    path = co.store.path or Path()
    before = co.store.refs("refs/heads/")
    done = margo("set", "hello", "--param", "greeting=Moin", "--yes", cwd=path)
    assert (done.returncode, "CI renders the sites" in done.stdout) == (0, True), done.stderr
    moved = {ref for ref, id in co.store.refs("refs/heads/").items() if before.get(ref) != id}
    assert moved == {layout.MAIN}


def test_a_shallow_clone_renders_nothing_and_names_what_mends_it(
    co: Central, tmp_path: Path
) -> None:
    say(co, "Moin")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{co.store.path}", str(shallow))
    for verb in ("render", "diff"):
        done = margo(verb, cwd=shallow)
        assert (done.returncode, "git fetch --unshallow" in done.stderr) == (5, True), done.stderr
    assert git(shallow, "for-each-ref", "refs/heads/site") == ""
    git(shallow, "fetch", "-q", "--unshallow", "origin")
    assert margo("render", cwd=shallow).returncode == 0
    shutil.rmtree(shallow)

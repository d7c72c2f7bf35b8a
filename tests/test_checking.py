"""The control behind the hooks: nothing wrong is rendered, and no site adopts what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from margo_gitops.documents.dialects import Dialect
from margo_gitops.documents.findings import InvalidDocument
from margo_gitops.documents.fleet import Files, Layout
from margo_gitops.documents.margo import write_deployment
from margo_gitops.errors import Refused
from margo_gitops.model import layout
from margo_gitops.model.deployment import ApplicationDeployment
from margo_gitops.render import records
from margo_gitops.roles.checking import (
    Checker,
    check_main,
    check_site,
    require_valid_edit,
    require_valid_site,
)
from margo_gitops.roles.local import LocalOrchestrator
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.store.verdicts import Verdicts
from tests.documents.fleet_tree import fleet as right_fleet
from tests.fleet import SimulatedFleet

ADA = Authorship("Ada", "ada@example.invalid", 1_700_000_000)
INTENT = "deployments/hello.yaml"


@pytest.fixture
def fleet() -> SimulatedFleet:
    made = SimulatedFleet({"north": ["n1"]})
    made.deploy()
    return made


def change(fleet: SimulatedFleet, path: str, old: bytes, new: bytes) -> str:
    """A commit on `main` past every verb and hook."""
    head = fleet.co.head()
    data = fleet.remote.read(head, path)
    assert data is not None
    assert old in data
    return fleet.co.branch.commit({path: data.replace(old, new)}, "past the hook")


def test_a_right_main_has_no_error(fleet: SimulatedFleet) -> None:
    findings = check_main(fleet.remote, fleet.co.head())
    assert [finding for finding in findings if finding.severity == "error"] == []


def test_nothing_is_published_while_main_has_an_error(fleet: SimulatedFleet) -> None:
    commit = change(fleet, INTENT, b"name: hello", b"name: hallo")
    published = fleet.remote.refs(layout.SITES)
    with pytest.raises(InvalidDocument, match=f"{INTENT}:4:7: .*file-name"):
        fleet.co.render()
    assert fleet.remote.refs(layout.SITES) == published
    assert {f.rule for f in check_main(fleet.remote, commit) if f.severity == "error"} == {
        "file-name"
    }


def test_the_control_finds_what_the_hook_finds(fleet: SimulatedFleet) -> None:
    tree = right_fleet()
    tree["deployments/weigh.yaml"] = tree["deployments/weigh.yaml"].replace(b"n1", b"n9")
    commit = fleet.remote.write(tree, parents=[], author=ADA, message="x")
    assert [finding.rule for finding in check_main(fleet.remote, commit)] == ["dangling-node"]


def rendered(fleet: SimulatedFleet) -> dict[str, bytes]:
    tip = fleet.remote.resolve(layout.site_ref("north"))
    assert tip is not None
    return fleet.remote.files(tip)


def test_a_rendered_site_passes_its_own_check(fleet: SimulatedFleet) -> None:
    assert check_site(rendered(fleet)) == []


def test_a_site_refuses_a_tree_with_an_invalid_document(fleet: SimulatedFleet) -> None:
    files = rendered(fleet)
    files[INTENT] = files[INTENT].replace(b"deviceId", b"device")
    with pytest.raises(Refused) as refused:
        require_valid_site("north", "0" * 40, files)
    assert (refused.value.rule, refused.value.exit_code) == ("document", 3)
    assert INTENT in refused.value.problem


def test_a_refused_document_leaves_the_old_state_whole(
    fleet: SimulatedFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A renderer with a fault: its tree accounts for itself, and its document is wrong."""
    fleet.settle()
    held = fleet.sites["north"].mirror.resolve(layout.site_ref("north"))

    def wrong(deployment: ApplicationDeployment, dialect: Dialect) -> bytes:
        document = write_deployment(deployment, dialect)
        return document.replace(b"name: hello\n", b"name: [hello]\n", 1)

    monkeypatch.setattr(records, "_same", lambda *_: False)
    monkeypatch.setattr("margo_gitops.documents.margo.write_deployment", wrong)
    fleet.set(greeting="Wrong")
    monkeypatch.undo()
    agent: LocalOrchestrator = fleet.sites["north"].agent
    with pytest.raises(Refused) as refused:
        agent.sync()
    assert refused.value.rule == "document"
    assert fleet.sites["north"].mirror.resolve(layout.site_ref("north")) == held
    fleet.settle()
    assert fleet.running() == {"n1": {"hello": "Hello"}}


@dataclass(frozen=True, slots=True)
class Counted(Files):
    """Files that remember which of them were read."""

    reads: list[str] = field(default_factory=list)

    def read(self, path: str) -> bytes | None:
        self.reads.append(path)
        return Files.read(self, path)


def checked(cache: Path, tree: Mapping[str, bytes]) -> tuple[list[str], list[str]]:
    """The rules that a new process finds broken, and what it read."""
    view = Counted(tree)
    findings = Checker(Verdicts(cache)).check(view, Layout.FLEET)
    return [finding.rule for finding in findings], view.reads


def test_a_second_check_reads_only_what_changed(tmp_path: Path) -> None:
    cache, tree = tmp_path / "verdicts.sqlite", right_fleet()
    documents = sorted(path for path in tree if path.endswith((".yaml", ".json")))
    assert checked(cache, tree) == ([], documents)
    assert checked(cache, tree) == ([], [])
    tree["sites/north.yaml"] += b"region: x\n"
    assert checked(cache, tree) == ([], ["sites/north.yaml"])


def test_a_kept_verdict_tells_the_same(tmp_path: Path) -> None:
    tree = right_fleet()
    tree["deployments/weigh.yaml"] = tree["deployments/weigh.yaml"].replace(b"rate: 6", b"rate: 60")
    tree["sites/south.yaml"] += b"colour: red\n"
    runs = [Checker(Verdicts(tmp_path / "v")).check(Files(tree), Layout.FLEET) for _ in range(2)]
    assert runs[0] == runs[1]
    assert {finding.rule for finding in runs[0]} >= {"parameter-value", "unknown-field"}


@pytest.fixture
def committed() -> Iterator[tuple[GitStore, str]]:
    with GitStore.memory() as store:
        yield store, store.write(right_fleet(), parents=[], author=ADA, message="x")


def test_an_edit_is_judged_by_what_it_breaks_elsewhere(committed: tuple[GitStore, str]) -> None:
    store, commit = committed
    site = next(path for path in right_fleet() if path.startswith("sites/"))
    with pytest.raises(InvalidDocument, match=r"deployments/weigh\.yaml:.*dangling-site"):
        require_valid_edit(store, commit, {site: None})


def test_a_published_version_never_changes(committed: tuple[GitStore, str]) -> None:
    store, commit = committed
    path = next(path for path in right_fleet() if path.endswith("margo.yaml"))
    with pytest.raises(InvalidDocument, match="version-changed"):
        require_valid_edit(store, commit, {path: right_fleet()[path] + b"# more\n"})


def test_an_edit_is_not_blamed_for_what_was_wrong_before(
    committed: tuple[GitStore, str],
) -> None:
    store, _ = committed
    tree = right_fleet()
    tree["deployments/weigh.yaml"] = tree["deployments/weigh.yaml"].replace(b"n1", b"n9")
    wrong = store.write(tree, parents=[], author=ADA, message="x")
    site = next(path for path in tree if path.startswith("sites/"))
    assert [finding.rule for finding in check_main(store, wrong)] == ["dangling-node"]
    require_valid_edit(store, wrong, {site: tree[site] + b"# a remark\n"})

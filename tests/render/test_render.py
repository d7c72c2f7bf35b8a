"""Rendering is pure: the same main, the same commit, whoever renders."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from margo_gitops.documents import canonical, margo
from margo_gitops.errors import Invalid, Stalled
from margo_gitops.model import layout
from margo_gitops.model.record import LockedImage, Manifest, RecordEntry
from margo_gitops.render import edits
from margo_gitops.render.site import render
from margo_gitops.roles.central import BareMain, Central
from margo_gitops.store.git import Authorship, GitStore
from margo_gitops.store.local import StoreTransport
from tests.fleet import SimulatedFleet


def one_site() -> SimulatedFleet:
    return SimulatedFleet({"north": ("n1",)})


def twin(fleet: SimulatedFleet) -> Central:
    """Another person's clone of the same fleet."""
    store = GitStore.memory()
    other = StoreTransport(fleet.remote)
    tips = other.refs(["refs/heads/"])
    other.fetch(store, tips)
    for ref, tip in tips.items():
        store.move(ref, tip, old=None)
    return Central(store, BareMain(store, lambda: Authorship("Bob", "bob@example.invalid", 5)))


@settings(max_examples=10, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=50))
def test_two_renderers_of_one_main_make_one_commit(greeting: str) -> None:
    fleet = one_site()
    fleet.deploy()
    change = edits.Settings(parameters={"greeting": greeting})
    fleet.co.apply(edits.change(fleet.co.main(), "hello", change))
    other = twin(fleet)
    ours, theirs = fleet.co.render(), other.render()
    assert [item.commit for item in ours] == [item.commit for item in theirs]
    assert len(ours) == 1
    assert fleet.co.render() == []


def test_a_published_tree_accounts_for_itself() -> None:
    fleet = one_site()
    fleet.deploy()
    tree = fleet.co.published("north")
    assert tree is not None
    manifest = canonical.load(tree.files[layout.MANIFEST], Manifest, "manifest.json")
    assert manifest.manifest_version == tree.change.generation == 2
    (entry,) = manifest.deployments
    document = tree.files["deployments/hello.yaml"]
    assert entry.digest == canonical.digest(document)
    deployment, _ = margo.read_deployment(document, "hello")
    assert (
        deployment.id
        == entry.deployment_id
        == layout.deployment_id(tree.change.fleet, "north", "hello")
    )
    assert deployment.values_for("hello") == {"GREETING": "Hello", "ADDRESSEE": "World"}


def test_what_did_not_change_keeps_its_record() -> None:
    fleet = one_site()
    fleet.deploy("one", sites=("north",))
    fleet.deploy("two", sites=("north",))
    before = {e.record.name: e.record for e in _records(fleet)}
    fleet.set("one", greeting="Moin")
    after = {e.record.name: e.record for e in _records(fleet)}
    assert after["two"] == before["two"]
    assert after["one"].revision == before["one"].revision + 1
    assert after["one"].replaces == canonical.digest(canonical.dump(before["one"]))


def test_a_tombstone_stays_and_a_return_follows_it() -> None:
    fleet = one_site()
    fleet.deploy()
    fleet.undeploy()
    (gone,) = [e.record for e in _records(fleet) if e.record.name == "hello"]
    assert (gone.action, gone.revision, gone.document) == ("remove", 2, None)
    fleet.deploy()
    (back,) = [e.record for e in _records(fleet) if e.record.name == "hello"]
    assert (back.action, back.revision) == ("set", 3)
    assert back.replaces == canonical.digest(canonical.dump(gone))


def test_a_rewritten_main_publishes_nothing() -> None:
    fleet = one_site()
    fleet.deploy()
    head = fleet.co.head()
    author = Authorship("Eve", "eve@example.invalid", 9)
    orphan = fleet.remote.write(
        fleet.remote.files(head), parents=[], author=author, message="rewritten"
    )
    fleet.remote.move(layout.MAIN, orphan, old=head)
    with pytest.raises(Stalled, match="main was rewritten"):
        fleet.co.render()


def test_an_unknown_parameter_is_refused_before_anything_is_written() -> None:
    fleet = one_site()
    fleet.deploy()
    before = fleet.remote.refs(layout.SITES)
    with pytest.raises(Invalid, match="has no parameter wrong"):
        fleet.set(wrong="x")
    assert fleet.remote.refs(layout.SITES) == before


def _records(fleet: SimulatedFleet) -> tuple[RecordEntry, ...]:
    tree = fleet.co.published("north")
    assert tree is not None
    return tree.change.records


def test_an_image_that_a_lock_pins_stands_in_the_record_by_the_name_that_its_component_uses() -> (
    None
):
    fleet = one_site()
    fleet.deploy()
    main = fleet.co.main()
    ((key, application),) = main.applications.items()
    pinned = LockedImage(reference="db:1", digest=f"sha256:{'1' * 64}", size=7, media_type="m/i")
    (component,) = application.lock.components
    components = (component.model_copy(update={"images": (pinned,)}),)
    lock = application.lock.model_copy(update={"components": components})
    with_image = replace(main, applications={key: replace(application, lock=lock)})
    tree = render(with_image, "north", None)
    assert tree is not None
    (record,) = (e.record for e in tree.change.records if e.record.application is not None)
    own, image = record.artifacts
    assert (own.image, own.component) == (None, image.component)
    assert (image.image, image.digest, image.size) == ("db:1", pinned.digest, 7)

"""Whatever is done to a signed branch: it is taken as it was, or refused; never anything else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from margo_gitops.documents import canonical
from margo_gitops.errors import Invalid, Refused
from margo_gitops.model import layout
from margo_gitops.model.record import Change, Content
from margo_gitops.trust.adoption import adopt
from margo_gitops.trust.chain import follow
from margo_gitops.trust.offer import Desired, Offer
from margo_gitops.trust.share import Shared
from margo_gitops.trust.sharing import adopt_share
from margo_gitops.trust.sshsig import Namespace
from tests.trust.golden import FOLDER
from tests.trust.keys import key

PINNED = (FOLDER / "pinned.txt").read_text().strip()
Files = Mapping[str, bytes]


@cache
def files_of(folder: str) -> Files:
    root = FOLDER / folder
    found = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(found)}


def site_takes(files: Files) -> Desired:
    trust = follow(PINNED, "north", files, None)
    return adopt(Offer("north", "0" * 40, files, descends=True, trust=trust), None)


def node_takes(files: Files) -> object:
    return adopt_share(Shared("n1", "0" * 40, files, follow(PINNED, "north", files, None)), None)


@pytest.mark.parametrize(("folder", "takes"), [("site-north", site_takes), ("node-n1", node_takes)])
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_changed_bytes_are_refused(
    folder: str, takes: Callable[[Files], object], data: st.DataObject
) -> None:
    files = dict(files_of(folder))
    path = data.draw(st.sampled_from(sorted(files)))
    held = files[path]
    at = data.draw(st.integers(0, len(held)))
    cut = data.draw(st.integers(0, 40))
    files[path] = held[:at] + data.draw(st.binary(max_size=40)) + held[at + cut :]
    if files[path] == held:
        return
    try:
        takes(files)
    except (Refused, Invalid):
        return
    assert path.endswith(".sig"), "a further signature may be worthless, where others are enough"


def values(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The place of every value in a JSON document."""
    inside = tree.items() if isinstance(tree, dict) else enumerate(tree)
    found = []
    for step, value in inside:
        found.append((*path, step))
        if isinstance(value, dict | list):
            found += values(value, (*path, step))
    return found


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_a_change_that_a_publisher_signed_is_still_held_to_every_other_rule(
    data: st.DataObject,
) -> None:
    files = dict(files_of("site-north"))
    change = json.loads(files["change.json"])
    place = data.draw(st.sampled_from(values(change)))
    inside = change
    for step in place[:-1]:
        inside = inside[step]
    new: object = data.draw(
        st.none() | st.integers(-1, 2**53) | st.text(max_size=5) | st.just([]) | st.just({})
    )
    if inside[place[-1]] == new:
        return
    inside[place[-1]] = new
    try:
        files["change.json"] = canonical.dumps(change)
    except ValueError:
        return
    files["change.json.sig"] = key("alice").sign(files["change.json"], Namespace.PUBLISH)
    try:
        desired = site_takes(files)
    except (Refused, Invalid):
        return
    before = canonical.load(files_of("site-north")["change.json"], Change, "change")
    assert desired.change.records == before.records, "no record is another one"


def signed(**update: object) -> Files:
    """The golden site with another change, signed by its publisher."""
    files = dict(files_of("site-north"))
    held = canonical.load(files["change.json"], Change, "change")
    files["change.json"] = canonical.dump(held.model_copy(update=update))
    files["change.json.sig"] = key("alice").sign(files["change.json"], Namespace.PUBLISH)
    return files


def with_file(path: str, field: str, new: object) -> Files:
    """The golden site with another value in one of its own files, accounted for."""
    files = dict(files_of("site-north"))
    value = json.loads(files[path])
    value[field] = new
    data = canonical.dumps(value)
    name = {"manifest.json": "manifest", "artifacts.json": "artifacts"}[path]
    update = {name: Content(digest=canonical.digest(data), size=len(data))}
    return {**signed(**update), path: data}


def dangling() -> Files:
    held = canonical.load(files_of("site-north")["change.json"], Change, "change")
    entries = tuple(
        e.model_copy(update={"record": e.record.model_copy(update={"action": "remove"})})
        for e in held.records
    )
    return signed(records=entries)


def twice() -> Files:
    held = canonical.load(files_of("site-north")["change.json"], Change, "change")
    return signed(records=(*held.records, held.records[0]))


WRONG: dict[str, tuple[Callable[[], Files], str, str]] = {
    "a manifest of another generation": (
        lambda: with_file("manifest.json", "manifestVersion", 77),
        "manifest",
        "manifestVersion 77",
    ),
    "a manifest without a deployment": (
        lambda: with_file("manifest.json", "deployments", []),
        "manifest",
        "differ in 1 deployments",
    ),
    "artifacts that nobody needs": (
        lambda: with_file("artifacts.json", "artifacts", []),
        "artifacts",
        "does not list exactly",
    ),
    "a removal with a document": (dangling, "tree", "says remove and means another"),
    "one record twice": (twice, "records", "two records have one id"),
    "a missing document": (
        lambda: {p: d for p, d in files_of("site-north").items() if "deployments/" not in p},
        "tree",
        "deployments/hello.yaml is missing",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_site_that_is_wrong_in_one_thing_is_refused_by_its_rule(name: str) -> None:
    made, rule, says = WRONG[name]
    with pytest.raises(Refused, match=says) as refused:
        site_takes(made())
    assert refused.value.rule == rule


def test_a_site_that_was_never_enrolled_takes_nothing_signed() -> None:
    files = files_of("site-north")
    with pytest.raises(Refused, match="this site was not enrolled"):
        adopt(Offer("north", "0" * 40, files, descends=True), None)
    assert layout.CHANGE in files

"""Every clause of a node's rule, by a golden share that is right but for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from margo_gitops.documents import canonical
from margo_gitops.errors import Refused
from margo_gitops.model import layout
from margo_gitops.model.record import Change, Placement
from margo_gitops.trust.chain import Trust, follow
from margo_gitops.trust.share import Share, Shared
from margo_gitops.trust.sharing import adopt_share, reread_share
from margo_gitops.trust.sshsig import Namespace
from tests.trust.golden import FOLDER
from tests.trust.keys import key

PINNED = (FOLDER / "pinned.txt").read_text().strip()


def files_of(folder: str = "node-n1") -> dict[str, bytes]:
    root = FOLDER / folder
    found = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


def offer(files: dict[str, bytes], **update: object) -> Shared:
    trust = follow(PINNED, "north", files, None)
    return replace(Shared("n1", "0" * 40, files, trust), **update)  # type: ignore[arg-type]


def placed(files: dict[str, bytes], **update: object) -> dict[str, bytes]:
    """The share with a changed placement, signed by the site."""
    held = canonical.load(files[layout.PLACEMENT], Placement, "placement")
    data = canonical.dump(held.model_copy(update=update))
    signature = key("north/").sign(data, Namespace.PLACE)
    return {**files, layout.PLACEMENT: data, f"{layout.PLACEMENT}.sig": signature}


def published(files: dict[str, bytes], **update: object) -> dict[str, bytes]:
    """The share with a changed change, signed by its publisher, and a placement that follows it."""
    held = canonical.load(files[layout.CHANGE], Change, "change")
    data = canonical.dump(held.model_copy(update=update))
    signature = key("alice").sign(data, Namespace.PUBLISH)
    after = {**files, layout.CHANGE: data, f"{layout.CHANGE}.sig": signature}
    return placed(after, change=canonical.digest(data))


def held_share() -> Share:
    return adopt_share(offer(files_of()), None)


def test_the_golden_share_is_taken_whole() -> None:
    share = held_share()
    assert share.adopted == frozenset(
        canonical.digest(canonical.dump(entry.record)) for entry in share.entries
    )
    assert reread_share("n1", share.commit, share.files) == share


WRONG: dict[str, tuple[Callable[[], Shared], str, str]] = {
    "a signed share for a node that was never enrolled": (
        lambda: offer(files_of(), trust=None),
        "enrolment",
        "this node was not enrolled",
    ),
    "an open share for a node that was": (
        lambda: offer(published(placed(files_of(), enrolment=None), root=None, enrolment=None)),
        "enrolment",
        "it is unsigned",
    ),
    "no enrolment": (
        lambda: offer(files_of(), trust=replace(trusted(), enrolment=None)),
        "enrolment",
        "no enrolment of the site came with it",
    ),
    "an unsigned change": (
        lambda: offer({p: d for p, d in files_of().items() if p != "change.json.sig"}),
        "signature",
        "change.json is unsigned",
    ),
    "an unsigned placement": (
        lambda: offer({p: d for p, d in files_of().items() if p != "placement.json.sig"}),
        "placement",
        "it is unsigned",
    ),
    "another node": (lambda: offer(placed(files_of(), node="n2")), "node", "it is for n2"),
    "another site": (
        lambda: offer(placed(files_of(), site="south")),
        "site",
        "name different sites",
    ),
    "another enrolment": (
        lambda: offer(placed(files_of(), enrolment=7)),
        "trust",
        "name different enrolments",
    ),
    "an older root": (
        lambda: offer(published(files_of(), root=1)),
        "trust",
        "it was published under root 1, in force is 2",
    ),
    "another change": (
        lambda: offer(placed(files_of(), change=canonical.digest(b""))),
        "change",
        "names another change.json",
    ),
    "a file of nobody's": (
        lambda: offer({**files_of(), "more": b""}),
        "tree",
        "more is in no record",
    ),
    "a missing statement": (
        lambda: offer({p: d for p, d in files_of().items() if not p.startswith("statements/")}),
        "approval",
        "is missing, or is another statement",
    ),
    "before what was adopted": (
        lambda: offer(files_of(), since=(9, 1)),
        "sequence",
        "before it lost its state",
    ),
}


def trusted() -> Trust:
    return follow(PINNED, "north", files_of(), None)


@pytest.mark.parametrize("name", WRONG)
def test_a_share_that_is_wrong_in_one_thing_is_refused_by_its_rule(name: str) -> None:
    made, rule, says = WRONG[name]
    with pytest.raises(Refused, match=says) as refused:
        adopt_share(made(), None)
    assert refused.value.rule == rule


def test_what_is_held_is_not_gone_back_from() -> None:
    held = held_share()
    with pytest.raises(Refused, match="does not follow"):
        adopt_share(offer(files_of()), held)
    placement = held.placement.model_copy(update={"site": "elsewhere"})
    with pytest.raises(Refused, match="expected elsewhere"):
        adopt_share(offer(files_of()), replace(held, placement=placement))
    later = held.change.model_copy(update={"generation": held.change.generation + 1})
    next_one = placed(files_of(), sequence=held.placement.sequence + 1)
    with pytest.raises(Refused, match="is older than"):
        adopt_share(offer(next_one), replace(held, change=later))
    further = tuple(
        entry.model_copy(update={"record": entry.record.model_copy(update={"revision": 9})})
        for entry in held.change.records
    )
    ahead = replace(held, change=held.change.model_copy(update={"records": further}))
    with pytest.raises(Refused, match="does not follow 9"):
        adopt_share(offer(next_one), ahead)
    assert adopt_share(offer(next_one), held).placement.sequence == held.placement.sequence + 1


def test_what_the_node_adopted_before_needs_no_approval_again() -> None:
    bare = {
        path: data
        for path, data in files_of().items()
        if not path.startswith(("statements/", "proofs/", "approvals/"))
    }
    known = held_share().adopted
    assert adopt_share(offer(bare, known=known), None).adopted == known
    with pytest.raises(Refused):
        adopt_share(offer(bare), None)

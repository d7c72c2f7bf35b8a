"""A stolen publish key puts together whatever was once approved; nothing else is ever adopted."""

from __future__ import annotations

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from margo_gitops.documents import canonical
from margo_gitops.model.approval import Policy
from margo_gitops.model.record import Record, RecordEntry
from tests.attacks.forge import Forge, Forged, altered, content, running
from tests.trust.world import SignedFleet

GREETINGS = ("Moin", "Tach", "Servus")


@cache
def history() -> tuple[SignedFleet, tuple[Forged, ...], frozenset[str]]:
    """Three approved changes of one deployment, the last two not adopted; what was ever approved.

    The site stays at the first: what the thief offers is later than that.
    """
    fleet = running(Policy(approvals=1))
    fleet.propose(fleet.change(greeting="Never"))
    forge = Forge(fleet)
    drafts = [forge.draft()]
    for greeting in GREETINGS:
        fleet.approved(fleet.change(greeting=greeting))
        drafts.append(forge.draft())
    records = [entry.record for draft in drafts for entry in draft.entries]
    return fleet, tuple(drafts), frozenset(map(_digest, records))


def _digest(record: Record) -> str:
    return canonical.digest(canonical.dump(record))


PARTS = st.fixed_dictionaries(
    {
        "hello": st.sampled_from(["held", 0, 1, 2, 3, "altered", "document", "gone"]),
        "settings": st.sampled_from(["held", "altered"]),
        "statement": st.sampled_from(["own", "other", "none"]),
        "proofs": st.sampled_from(["all", "own", "none"]),
        "generation": st.sampled_from([1, 2, 5, 99_000]),
    }
)


@settings(max_examples=150, deadline=None)
@given(PARTS)
def test_no_unapproved_document_is_ever_adopted(parts: dict[str, object]) -> None:
    fleet, drafts, approved = history()
    draft = _mixture(drafts, parts)
    fleet.sites["north"].poll()
    tip = Forge(fleet).tip()
    commit = Forge(fleet).put(draft.files())
    try:
        fleet.sites["north"].poll()
        held = fleet.sites["north"].agent.read()
        assert held is not None
        for record in held.records.values():
            assert _digest(record) in approved
        if record_bytes := [r for r in held.deployments if r.document is not None]:
            for record in record_bytes:
                document = held.files[f"deployments/{record.name}.yaml"]
                assert record.document == content(document)
    finally:
        fleet.remote.move("refs/heads/site/north", tip, old=commit)


def _mixture(drafts: tuple[Forged, ...], parts: dict[str, object]) -> Forged:
    base = drafts[0]
    draft = Forged(list(base.entries), dict(base.documents), base.change)
    for each in drafts:
        draft.proofs |= each.proofs
    step = {"generation": base.change.generation + int(str(parts["generation"]))}
    draft.change = base.change.model_copy(update=step)
    _choose(draft, drafts, parts["hello"])
    if parts["settings"] == "altered":
        altered(draft, "settings", statement=None)
    hello = next((e for e in draft.entries if e.record.name == "hello"), None)
    statements = [e.statement for d in drafts for e in d.entries if e.record.name == "hello"]
    if hello is not None and parts["statement"] != "own":
        other = None if parts["statement"] == "none" else statements[-1]
        swapped = RecordEntry(record=hello.record, statement=other)
        draft.entries = [swapped if e is hello else e for e in draft.entries]
    if parts["proofs"] == "none":
        draft.proofs = {p: d for p, d in draft.proofs.items() if not p.startswith("proofs/")}
    return draft


def _choose(draft: Forged, drafts: tuple[Forged, ...], chosen: object) -> None:
    hello = next(e for e in draft.entries if e.record.name == "hello")
    if chosen == "gone":
        draft.entries = [e for e in draft.entries if e is not hello]
    elif chosen == "altered":
        altered(draft)
    elif chosen == "document":
        document = drafts[-1].documents[hello.record.id]
        altered(draft, document=content(document))
        draft.documents[hello.record.id] = document
    elif isinstance(chosen, int):
        source = drafts[chosen]
        entry = next(e for e in source.entries if e.record.name == "hello")
        draft.entries = [entry if e is hello else e for e in draft.entries]
        draft.documents[hello.record.id] = source.documents[hello.record.id]

"""Every step of the chain of trust that must not be taken, by a branch that is right but for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import pytest

from margo_gitops.documents import canonical
from margo_gitops.errors import Refused
from margo_gitops.model import layout
from margo_gitops.model.trust import Enrolment, TrustRoot
from margo_gitops.trust import chain
from margo_gitops.trust.chain import follow, restore
from margo_gitops.trust.sshsig import Namespace
from tests.trust.golden import FOLDER
from tests.trust.keys import key

Files = dict[str, bytes]


@cache
def golden() -> Mapping[str, bytes]:
    """The chain of the golden site: two roots, the second enrolment."""
    root = FOLDER / "site-north"
    paths = (path for path in (root / "trust").rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


PINNED = (FOLDER / "pinned.txt").read_text().strip()


def put_root(files: Files, at: int, **update: object) -> None:
    """Put a changed root into the files, signed."""
    path = layout.root_path(at)
    base = canonical.load(files.get(path, files[layout.root_path(2)]), TrustRoot, path)
    data, own = canonical.dump(base.model_copy(update=update)), key("alice")
    files[path] = data
    files[layout.signed_by(path, own.key.id)] = own.sign(data, Namespace.ROOT)


def put_enrolment(files: Files, version: int, **update: object) -> None:
    """The same for the enrolment."""
    path = layout.enrolment_path(version)
    base = canonical.load(files[layout.enrolment_path(2)], Enrolment, path)
    data = canonical.dump(base.model_copy(update={"version": version, **update}))
    files[path] = data
    files[layout.signed_by(path, key("alice").key.id)] = key("alice").sign(data, Namespace.ENROL)


def third(**update: object) -> Callable[[Files], None]:
    """A third root that is right but for this."""

    def spoil(files: Files) -> None:
        previous = canonical.digest(files[layout.root_path(2)])
        put_root(files, 3, **{"version": 3, "previous": previous, **update})

    return spoil


def no_root_key(files: Files) -> None:
    held = canonical.load(files[layout.root_path(2)], TrustRoot, "root")
    alone = {"alice": held.persons["alice"].model_copy(update={"roles": ("publish",)})}
    third(persons=alone)(files)


OTHER = "00000000-0000-0000-0000-000000000000"
SPOILT: dict[str, tuple[Callable[[Files], object], str]] = {
    "a strange file": (lambda f: f.update({"trust/root/x": b""}), "is no file of the chain"),
    "no first root": (lambda f: f.pop("trust/root/1.json"), "nothing here leads to the pinned"),
    "another fleet": (third(fleet=OTHER), f"is version 3 of the fleet {OTHER}"),
    "another number": (third(version=4), "is version 4 of the fleet"),
    "no link": (third(previous=canonical.digest(b"")), "does not follow the root 2 held"),
    "nobody can go on": (no_root_key, "asks for 1 persons with the role root and has 0"),
    "too large": (
        lambda f: f.update({"trust/root/3.json": b"[" * (chain.LONGEST + 1)}),
        "bytes, expected at most",
    ),
    "no root at all": (lambda f: f.update({"trust/root/3.json": b"{}"}), "is no TrustRoot"),
    "an enrolment of another site": (
        lambda f: put_enrolment(f, 3, site="south"),
        "for the site south of the fleet",
    ),
    "an enrolment of another number": (
        lambda f: f.update({"trust/enrolment/3.json": f["trust/enrolment/2.json"]}),
        "is version 2 for the site north",
    ),
    "an unsigned enrolment": (
        lambda f: [f.pop(p) for p in list(f) if p.startswith("trust/enrolment/2.") and "sig" in p],
        "0 of 1 persons with the role enrol",
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_one_wrong_step_and_nothing_is_believed(name: str) -> None:
    files = dict(golden())
    spoil, says = SPOILT[name]
    spoil(files)
    with pytest.raises(Refused, match=says) as refused:
        follow(PINNED, "north", files, None)
    assert refused.value.rule in {"root", "enrolment", "format"}


def test_the_chain_as_it_is_is_believed() -> None:
    trust = follow(PINNED, "north", golden(), None)
    assert trust.root.version == 2
    assert trust.enrolment is not None
    assert trust.enrolment.version == 2
    assert restore(PINNED, trust.files) == trust
    assert restore(PINNED, {}) is None
    assert restore(canonical.digest(b""), trust.files) is None


def test_a_version_that_is_held_does_not_come_again_with_other_bytes() -> None:
    trust = follow(PINNED, "north", golden(), None)
    files = dict(golden())
    put_root(files, 2, thresholds=trust.root.thresholds.model_copy(update={"root": 2}))
    with pytest.raises(Refused, match="held already with other bytes: a fork"):
        follow(PINNED, "north", files, trust)


def test_the_next_enrolment_must_follow_the_one_held() -> None:
    trust = follow(PINNED, "north", golden(), None)
    files = dict(golden())
    put_enrolment(files, 3, previous=canonical.digest(b""))
    with pytest.raises(Refused, match="does not follow the enrolment held"):
        follow(PINNED, "north", files, trust)
    put_enrolment(files, 3, previous=canonical.digest(files["trust/enrolment/2.json"]))
    assert follow(PINNED, "north", files, trust).enrolment != trust.enrolment


def test_an_enrolment_that_was_held_before_needs_no_key_again() -> None:
    files = dict(golden())
    for path in [p for p in files if p.startswith("trust/enrolment/") and p.endswith(".sig")]:
        del files[path]
    vouched = canonical.digest(files["trust/enrolment/2.json"])
    trust = follow(PINNED, "north", files, None, vouched=vouched)
    assert trust.enrolment is not None


def test_an_enrolment_whose_root_is_gone_counts_by_the_one_in_force() -> None:
    files = dict(golden())
    put_enrolment(files, 3, root=9)
    trust = follow(PINNED, "north", files, None, as_signed=True)
    assert trust.enrolment is not None
    assert trust.enrolment.root == 9


def test_a_first_root_is_the_first() -> None:
    files = dict(golden())
    put_root(files, 1, version=2)
    with pytest.raises(Refused, match="is version 2"):
        follow(canonical.digest(files["trust/root/1.json"]), "north", files, None)

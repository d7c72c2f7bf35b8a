"""The chain of roots and the site's enrolment: followed before anything else is believed.

Trust may advance alone: a site refuses a change and still learns that a key was revoked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from margo_gitops.documents import canonical
from margo_gitops.errors import Refused
from margo_gitops.model import layout
from margo_gitops.model.trust import Enrolment, Role, TrustRoot
from margo_gitops.trust.signers import Persons, able, owners_of
from margo_gitops.trust.sshsig import Namespace

LONGEST = 262_144
"""Bytes of a root or an enrolment."""

_FILE = re.compile(
    r"trust/(?:root|enrolment)/[1-9][0-9]{0,6}(?:\.json|\.[0-9a-f]{64}\.sig)", re.ASCII
)
_ROOT = re.compile(r"trust/root/([1-9][0-9]{0,6})\.json", re.ASCII)
_MODEL = TypeVar("_MODEL", TrustRoot, Enrolment)


@dataclass(frozen=True, slots=True)
class Trust:
    """What a site or a node believes: the root in force and the enrolment, with their bytes.

    `pinned` is the digest of the first root, which came by another way. `files` are those of the
    chain, by path.
    """

    pinned: str
    root: TrustRoot
    enrolment: Enrolment | None
    files: Mapping[str, bytes]

    @property
    def persons(self) -> Persons:
        """Those whose signatures count now."""
        return Persons(self.root)


def follow(
    pinned: str,
    site: str,
    files: Mapping[str, bytes],
    held: Trust | None,
    *,
    vouched: str | None = None,
    as_signed: bool = False,
) -> Trust:
    """Go from what is held to the newest root and enrolment among the files, step by step.

    `files` are those of a site branch below `trust/`. An enrolment needs active keys, or to be the
    one `vouched` for: the digest of what a box held before it lost its store. With `as_signed` it
    counts as it did under the root that it names, without keys that were revoked since: enough to
    publish for a site that holds it, not to believe it anew. Raises `Refused` (rule `root` or
    `enrolment`) at the first step that is not signed by enough persons; nothing is then believed.
    """
    ours = {path: data for path, data in files.items() if path.startswith(layout.CHAIN)}
    if strange := sorted(path for path in ours if not _FILE.fullmatch(path)):
        raise Refused(f"{strange[0]} is no file of the chain of trust", rule="root")
    trust = _first(pinned, ours) if held is None else held
    _require_same(ours, trust.files)
    for version, data in _after(ours, trust.root.version):
        trust = _next_root(trust, version, data, ours)
    newest = 0 if trust.enrolment is None else trust.enrolment.version
    for version, data in _newest(ours, newest):
        trust = _next_enrolment(trust, site, version, data, ours)
        if canonical.digest(data) != vouched:
            _require_enrolled(trust, _at_its_root(trust) if as_signed else trust.root)
    return trust


def restore(pinned: str, files: Mapping[str, bytes]) -> Trust | None:
    """What was followed before, read again from where it was kept; None where nothing was.

    Nor is it believed where it began with another root than the one that is pinned now.

    No signature is looked at: one that has been revoked since voids nothing that is held.
    """
    newest = max((int(m[1]) for path in files if (m := _ROOT.fullmatch(path))), default=0)
    if not newest or not pinned_is(pinned, files.get(layout.root_path(1), b"")):
        return None
    data = files[layout.root_path(newest)]
    trust = Trust(pinned, canonical.load(data, TrustRoot, "root"), None, dict(files))
    for version, found in _newest(files, 0):
        enrolment = canonical.load(found, Enrolment, layout.enrolment_path(version))
        trust = replace(trust, enrolment=enrolment)
    return trust


def require_root(root: TrustRoot) -> None:
    """`Refused` (rule `root`) where nobody could ever sign what comes after it."""
    owners_of(root.persons)
    needs: tuple[tuple[Role, int], ...] = (
        ("root", root.thresholds.root),
        ("enrol", root.thresholds.enrol),
    )
    for role, needed in needs:
        found = len(able(root, role))
        if found < needed:
            raise Refused(
                f"root {root.version} asks for {needed} persons with the role {role} and has"
                f" {found}",
                rule="root",
            )


def signatures(files: Mapping[str, bytes], path: str) -> list[bytes]:
    """The signature files of a document that several sign, in the order of their keys."""
    begins = path.removesuffix(".json") + "."
    found = (p for p in files if p.startswith(begins) and p.endswith(".sig"))
    return [files[path] for path in sorted(found)]


def _first(pinned: str, files: Mapping[str, bytes]) -> Trust:
    path = layout.root_path(1)
    data = files.get(path)
    if data is None:
        raise Refused(f"{path} is missing: nothing here leads to the pinned root", rule="root")
    if not pinned_is(pinned, data):
        raise Refused(
            f"{path} has the digest {canonical.digest(data)[:23]}…, pinned is {pinned[:23]}…:"
            " it is the root of another fleet",
            rule="root",
        )
    root = _loaded(data, TrustRoot, path)
    if root.version != 1 or root.previous is not None:
        raise Refused(f"{path} is version {root.version}", rule="root")
    require_root(root)
    _require_signed(root, root, data, signatures(files, path))
    return Trust(pinned, root, None, _kept(files, path))


def pinned_is(pinned: str, data: bytes) -> bool:
    """Whether a first root is the one that people compared."""
    return canonical.digest(data) == pinned


def _next_root(held: Trust, version: int, data: bytes, files: Mapping[str, bytes]) -> Trust:
    path = layout.root_path(version)
    root = _loaded(data, TrustRoot, path)
    before = held.files[layout.root_path(held.root.version)]
    if (root.version, root.fleet) != (version, held.root.fleet):
        raise Refused(f"{path} is version {root.version} of the fleet {root.fleet}", rule="root")
    if root.previous != canonical.digest(before):
        raise Refused(f"{path} does not follow the root {held.root.version} held", rule="root")
    require_root(root)
    signed = signatures(files, path)
    _require_signed(held.root, root, data, signed)
    _require_signed(root, root, data, signed)
    return replace(held, root=root, files={**held.files, **_kept(files, path)})


def _require_signed(by: TrustRoot, root: TrustRoot, data: bytes, signed: list[bytes]) -> None:
    signers = Persons(by).signed(data, Namespace.ROOT, signed, "root")
    if problem := signers.missing("root", by.thresholds.root):
        raise Refused(
            f"root {root.version}: by the persons of root {by.version}, {problem}", rule="root"
        )


def _next_enrolment(
    held: Trust, site: str, version: int, data: bytes, files: Mapping[str, bytes]
) -> Trust:
    path = layout.enrolment_path(version)
    enrolment = _loaded(data, Enrolment, path)
    if (enrolment.fleet, enrolment.site, enrolment.version) != (held.root.fleet, site, version):
        raise Refused(
            f"{path} is version {enrolment.version} for the site {enrolment.site} of the fleet"
            f" {enrolment.fleet}, expected {site}",
            rule="enrolment",
        )
    before = held.enrolment
    if before is not None and version == before.version + 1:
        digest = canonical.digest(held.files[layout.enrolment_path(before.version)])
        if enrolment.previous != digest:
            raise Refused(f"{path} does not follow the enrolment held", rule="enrolment")
    roots = {p: d for p, d in held.files.items() if p.startswith(layout.ROOTS)}
    return replace(held, enrolment=enrolment, files={**roots, **_kept(files, path)})


def _require_enrolled(trust: Trust, root: TrustRoot) -> None:
    enrolment = trust.enrolment
    if enrolment is None:
        return
    path = layout.enrolment_path(enrolment.version)
    signed = signatures(trust.files, path)
    signers = Persons(root).signed(trust.files[path], Namespace.ENROL, signed, "enrol")
    if problem := signers.missing("enrol", root.thresholds.enrol):
        raise Refused(
            f"enrolment {enrolment.version} of {enrolment.site}: {problem}", rule="enrolment"
        )


def _at_its_root(trust: Trust) -> TrustRoot:
    """The root that an enrolment was signed under, with the keys revoked since as revoked."""
    enrolment = trust.enrolment
    data = trust.files.get(layout.root_path(0 if enrolment is None else enrolment.root))
    if data is None:
        return trust.root
    lost = {
        line for line, (_, state) in owners_of(trust.root.persons).items() if state == "revoked"
    }
    root = canonical.load(data, TrustRoot, "root")
    persons = {
        name: person.model_copy(
            update={
                "keys": tuple(
                    key.model_copy(update={"state": "revoked"}) if key.key in lost else key
                    for key in person.keys
                )
            }
        )
        for name, person in root.persons.items()
    }
    return root.model_copy(update={"persons": persons})


def _require_same(files: Mapping[str, bytes], held: Mapping[str, bytes]) -> None:
    """A version that is held already may not come again with other bytes."""
    for path, data in held.items():
        if path.endswith(".json") and files.get(path, data) != data:
            raise Refused(f"{path} is held already with other bytes: a fork", rule=_rule(path))


def _after(files: Mapping[str, bytes], version: int) -> Iterator[tuple[int, bytes]]:
    """Every later version, one after the other without a gap."""
    while (data := files.get(layout.root_path(version + 1))) is not None:
        version += 1
        yield version, data


def _newest(files: Mapping[str, bytes], held: int) -> Iterator[tuple[int, bytes]]:
    """The newest enrolment alone: each stands for itself."""
    begins = f"{layout.ENROLMENTS}/"
    found = (p for p in files if p.startswith(begins) and p.endswith(".json"))
    versions = [int(path[len(begins) : -len(".json")]) for path in found]
    newest = max(versions, default=0)
    if newest > held:
        yield newest, files[layout.enrolment_path(newest)]


def _loaded(data: bytes, model: type[_MODEL], path: str) -> _MODEL:
    if len(data) > LONGEST:
        raise Refused(f"{path} has {len(data)} bytes, expected at most {LONGEST}", rule=_rule(path))
    return canonical.load(data, model, path)


def _rule(path: str) -> str:
    return "root" if path.startswith(layout.ROOTS) else "enrolment"


def _kept(files: Mapping[str, bytes], path: str) -> dict[str, bytes]:
    begins = path.removesuffix(".json") + "."
    return {p: d for p, d in files.items() if p.startswith(begins)}

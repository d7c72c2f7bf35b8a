"""Golden files for other implementations: `python -m tests.trust.golden` writes them.

Keys are made from names (the seed is the sha256 of the name), so every run writes the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from margo_gitops.documents import canonical
from margo_gitops.model import layout
from margo_gitops.model.approval import Policy
from margo_gitops.trust.sshsig import Namespace
from tests.trust.keys import Token, key, line
from tests.trust.world import SignedFleet

FOLDER = Path(__file__).parent / "golden"
MESSAGE = canonical.dumps({"fleet": "6f0e9b1c-6a55-4a57-9a06-2f3f3d0d9a11", "word": "Grüße"})


@dataclass(frozen=True)
class Case:
    """A signature over a message for a purpose, by a key, and what a verifier must say of it."""

    name: str
    signature: bytes
    namespace: Namespace
    public: str
    good: bool
    why: str


def cases() -> Iterator[Case]:
    """Signatures that must be taken, and near ones that must not."""
    ada = key("ada")
    good = ada.sign(MESSAGE, Namespace.ROOT)
    root = Namespace.ROOT
    yield Case("plain", good, root, line("ada"), good=True, why="ssh-ed25519")
    touched = Token("ada")
    made = touched.sign(MESSAGE, root)
    yield Case("token", made, root, str(touched.key), good=True, why="sk-ssh-ed25519, touched")
    cold = Token("ada", flags=0).sign(MESSAGE, root)
    yield Case("untouched", cold, root, str(touched.key), good=False, why="nobody touched it")
    yield Case("other-key", good, root, line("bob"), good=False, why="not this key's")
    other = Namespace.PUBLISH
    yield Case("other-purpose", good, other, line("ada"), good=False, why="made for a root")
    late = key("ada").sign(MESSAGE + b" ", root)
    yield Case("other-bytes", late, root, line("ada"), good=False, why="over other bytes")
    for name, data, why in (
        ("junk-before", b"\n" + good, "bytes before the armour"),
        ("junk-after", good + b"\n", "bytes after the armour"),
        ("carriage-returns", good.replace(b"\n", b"\r\n"), "lines that end otherwise"),
        (
            "wide",
            b"".join([good[:30], good[30:-28].replace(b"\n", b""), b"\n", good[-28:]]),
            "lines of another width",
        ),
        ("cut", good[:-60] + good[-28:], "base64 that ends too early"),
    ):
        yield Case(name, data, root, line("ada"), good=False, why=why)


def site() -> Mapping[str, bytes]:
    """A site branch with its chain, two statements and their proofs."""
    fleet = SignedFleet({"north": ("n1",), "south": ("s1",)}, policy=Policy(approvals=1))
    id = fleet.propose(fleet.intent(), again=True)
    fleet.approve(id, "bob", "carol")
    fleet.merge(id)
    fleet.settle()
    tip = fleet.remote.resolve(layout.site_ref("north"))
    share = fleet.sites["north"].mirror.resolve(layout.node_ref("n1"))
    status = fleet.remote.resolve(layout.status_ref("north"))
    assert tip is not None
    assert share is not None
    assert status is not None
    mirror = fleet.sites["north"].mirror
    return {
        **{f"site-north/{path}": data for path, data in fleet.remote.files(tip).items()},
        **{f"node-n1/{path}": data for path, data in mirror.files(share).items()},
        **{f"status-north/{path}": data for path, data in fleet.remote.files(status).items()},
        "pinned.txt": f"{fleet.pinned}\n".encode(),
    }


def every() -> dict[str, bytes]:
    """Path to bytes of every golden file."""
    files = {"signatures/message.json": MESSAGE}
    told = []
    for case in cases():
        files[f"signatures/{case.name}.sig"] = case.signature
        told.append(
            {
                "signature": f"{case.name}.sig",
                "message": "message.json",
                "namespace": case.namespace,
                "key": case.public,
                "good": case.good,
                "why": case.why,
            }
        )
    files["signatures/cases.json"] = (json.dumps(told, indent=2) + "\n").encode()
    files.update(site())
    return files


def main() -> None:
    """Write them all, and remove what is left over."""
    made = {FOLDER / name: data for name, data in every().items()}
    for path, data in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for path in {found for found in FOLDER.rglob("*") if found.is_file()} - made.keys():
        path.unlink()


if __name__ == "__main__":
    main()

"""The golden files are what we write, what we take, and what ssh-keygen says."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from margo_gitops.documents import canonical
from margo_gitops.errors import Refused
from margo_gitops.model.record import Placement
from margo_gitops.trust import sshsig
from margo_gitops.trust.adoption import adopt
from margo_gitops.trust.chain import follow
from margo_gitops.trust.offer import Offer
from margo_gitops.trust.share import Shared
from margo_gitops.trust.sharing import adopt_share
from margo_gitops.trust.sshsig import Namespace
from tests.trust.golden import FOLDER, MESSAGE, every
from tests.trust.keys import line

CASES = json.loads((FOLDER / "signatures" / "cases.json").read_bytes())
OPENSSH_IS_LAXER = {"junk-before", "junk-after", "carriage-returns", "wide"}


def _tree(folder: str) -> dict[str, bytes]:
    root = FOLDER / folder
    found = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


def test_the_golden_files_are_what_is_written_today() -> None:
    found = {str(p.relative_to(FOLDER)): p.read_bytes() for p in FOLDER.rglob("*") if p.is_file()}
    assert found == every(), "python -m tests.trust.golden, and say in CHANGELOG.md what changed"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["signature"])
def test_each_signature_is_judged_as_its_case_says(case: dict[str, object]) -> None:
    data = (FOLDER / "signatures" / str(case["signature"])).read_bytes()
    try:
        by = sshsig.verify(data, MESSAGE, Namespace(str(case["namespace"])))
    except Refused:
        assert not case["good"]
    else:
        assert (str(by) == case["key"]) is case["good"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["signature"])
def test_ssh_keygen_says_the_same_where_it_is_as_strict(
    case: dict[str, object], tmp_path: Path
) -> None:
    (tmp_path / "allowed").write_text(f"ada {case['key']}\n")
    signature = FOLDER / "signatures" / str(case["signature"])
    words = ["ssh-keygen", "-Y", "verify", "-f", str(tmp_path / "allowed"), "-I", "ada"]
    words += ["-n", str(case["namespace"]), "-s", str(signature)]
    done = subprocess.run(words, input=MESSAGE, capture_output=True, check=False)
    if signature.stem in OPENSSH_IS_LAXER or signature.stem == "untouched":
        return
    assert (done.returncode == 0) is case["good"], done.stderr


SIGNED = {
    "site-north/change.json": Namespace.PUBLISH,
    "node-n1/placement.json": Namespace.PLACE,
    "status-north/site.json": Namespace.STATUS,
}


@pytest.mark.parametrize("path", SIGNED)
def test_ssh_keygen_takes_the_signature_files_of_a_site(path: str, tmp_path: Path) -> None:
    who = {"site-north": "alice"}.get(path.partition("/")[0], "north/")
    (tmp_path / "allowed").write_text(f"somebody {line(who)}\n")
    words = ["ssh-keygen", "-Y", "verify", "-f", str(tmp_path / "allowed"), "-I", "somebody"]
    words += ["-n", SIGNED[path], "-s", str(FOLDER / f"{path}.sig")]
    message = (FOLDER / path).read_bytes()
    assert subprocess.run(words, input=message, check=False).returncode == 0
    assert subprocess.run(words, input=message + b" ", check=False).returncode != 0


def test_the_golden_site_is_adopted_by_whoever_pinned_its_root() -> None:
    files, pinned = _tree("site-north"), (FOLDER / "pinned.txt").read_text().strip()
    trust = follow(pinned, "north", files, None)
    desired = adopt(Offer("north", "0" * 40, files, descends=True, trust=trust), None)
    assert [record.name for record in desired.deployments] == ["hello"]
    with pytest.raises(Refused, match="another fleet"):
        follow(canonical.digest(b""), "north", files, None)


def test_the_golden_share_is_adopted_by_its_node() -> None:
    files, pinned = _tree("node-n1"), (FOLDER / "pinned.txt").read_text().strip()
    trust = follow(pinned, "north", files, None)
    share = adopt_share(Shared("n1", "0" * 40, files, trust), None)
    placement = canonical.load(files["placement.json"], Placement, "placement.json")
    assert share.placement == placement

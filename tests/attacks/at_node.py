"""Attacks by a compromised site, or another node of it, on what a node runs and is said to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from margo_gitops.documents import canonical
from margo_gitops.model import layout
from margo_gitops.model.record import Change, PlacedDeployment, Placement
from margo_gitops.model.trust import Hold
from margo_gitops.roles import nodes
from margo_gitops.roles.ceremony import with_person
from margo_gitops.roles.holding import Holding
from margo_gitops.trust import sharing
from margo_gitops.trust.accounting import evidence_paths
from margo_gitops.trust.share import entries_of
from margo_gitops.trust.sshsig import Namespace
from tests.attacks.forge import WHO, content, running
from tests.attacks.table import Tried, attack, instead, without
from tests.trust.keys import key, line
from tests.trust.world import SignedFleet

SITE = "a compromised site: its LO's key and its mirror"
Alter = Callable[[dict[str, bytes], Placement], Placement]


def _placed_by(fleet: SignedFleet, node: str, alter: Alter, *, signer: str = "north/") -> Tried:
    """Hand the node an altered share, with the next sequence, signed by the site's own key."""
    mirror, ref = fleet.sites["north"].mirror, layout.node_ref(node)
    tip = mirror.resolve(ref)
    assert tip is not None
    files = mirror.files(tip)
    before = canonical.load(files[layout.PLACEMENT], Placement, layout.PLACEMENT)
    later = before.model_copy(update={"sequence": before.sequence + 1})
    files[layout.PLACEMENT] = canonical.dump(alter(files, later))
    signature = key(signer).sign(files[layout.PLACEMENT], Namespace.PLACE)
    files[layout.signature_path(layout.PLACEMENT)] = signature
    made = mirror.write(files, parents=[tip], author=WHO, message="forged\n")
    mirror.move(ref, made, old=tip)
    outcome = fleet.nodes[node].poll()
    held = fleet.nodes[node].agent.read()
    return Tried.by(outcome, held is not None and held.commit == made)


def _host(fleet: SignedFleet) -> tuple[str, str]:
    """The node of north that runs hello, and the other one."""
    (name,) = [node for node in ("n1", "n2") if fleet.running()[node]]
    return name, "n2" if name == "n1" else "n1"


@attack(
    who="whoever can write the site's mirror",
    stops="placement.json needs the signature of the site's enrolled key",
    rule="placement",
    says="expected SHA256:",
    off=without("placement"),
)
def _a_placement_that_the_site_did_not_sign() -> Tried:
    fleet = running()
    return _placed_by(fleet, _host(fleet)[0], lambda _, placement: placement, signer="mallory")


@attack(
    who=SITE,
    stops="a node runs only records of the change that the publisher signed",
    rule="records",
    says="is no deployment of this generation",
    off=without("records", "tree", "approval"),
)
def _a_site_that_invents_a_deployment() -> Tried:
    def invent(files: dict[str, bytes], placement: Placement) -> Placement:
        document = files["deployments/hello.yaml"].replace(b"Hello", b"Pwned")
        files["deployments/hello.yaml"] = document
        (placed,) = placement.deployments
        other = placed.model_copy(update={"document": content(document)})
        return placement.model_copy(update={"deployments": (other,)})

    fleet = running()
    return _placed_by(fleet, _host(fleet)[0], invent)


@attack(
    who=SITE,
    stops="the document must have the digest that is in the approved record",
    rule="tree",
    says="deployments/hello.yaml has the digest",
    off=without("tree"),
)
def _a_site_that_alters_a_deployment() -> Tried:
    def alter(files: dict[str, bytes], placement: Placement) -> Placement:
        document = files["deployments/hello.yaml"]
        files["deployments/hello.yaml"] = document.replace(b"Hello", b"Pwned")
        return placement

    fleet = running()
    return _placed_by(fleet, _host(fleet)[0], alter)


@attack(
    who=SITE,
    stops="a record that names a node is for that node alone",
    rule="records",
    says="not for",
    remains="a record that leaves the choice to the site may be placed twice: it chooses where",
    off=without("records"),
)
def _a_site_that_duplicates_a_deployment() -> Tried:
    fleet = running()
    fleet.approved(fleet.intent("mine", sites=("north",), node="n1"))
    fleet.settle()
    there = fleet.sites["north"].mirror
    tip = there.resolve(layout.node_ref("n1"))
    assert tip is not None
    source = there.files(tip)
    whole = canonical.load(source[layout.PLACEMENT], Placement, layout.PLACEMENT)
    (mine,) = [placed for placed in whole.deployments if placed.name == "mine"]

    def duplicate(files: dict[str, bytes], placement: Placement) -> Placement:
        wanted = placement.model_copy(update={"deployments": (*placement.deployments, mine)})
        change = canonical.load(files[layout.CHANGE], Change, layout.CHANGE)
        path = _path(mine, source)
        proofs = evidence_paths(source, entries_of(wanted, change, source))
        files |= {path: source[path], **{name: source[name] for name in proofs}}
        return wanted

    return _placed_by(fleet, "n2", duplicate)


def _path(placed: PlacedDeployment, files: dict[str, bytes]) -> str:
    return next(
        path for path, data in files.items() if canonical.digest(data) == placed.document.digest
    )


@attack(
    who=SITE,
    stops="sequences of one enrolment only grow",
    rule="sequence",
    says="does not follow",
    off=without("sequence", "change", "revisions"),
)
def _a_site_that_replays_a_placement() -> Tried:
    fleet = running()
    node, _ = _host(fleet)
    before = fleet.sites["north"].mirror.resolve(layout.node_ref(node))
    assert before is not None
    old = fleet.sites["north"].mirror.files(before)
    fleet.approved(fleet.change(greeting="Moin"))
    fleet.settle()
    mirror, ref = fleet.sites["north"].mirror, layout.node_ref(node)
    tip = mirror.resolve(ref)
    assert tip is not None
    made = mirror.write(old, parents=[tip], author=WHO, message="again\n")
    mirror.move(ref, made, old=tip)
    outcome = fleet.nodes[node].poll()
    held = fleet.nodes[node].agent.read()
    return Tried.by(outcome, held is not None and held.commit == made)


@attack(
    who="another node of the site",
    stops="a report needs the signature of the node's enrolled key",
    rule="signature",
    says="it is signed by",
    off=instead(nodes, "require_report", lambda *_: None),
)
def _a_node_that_reports_for_another() -> Tried:
    """n2's report, renamed, signed by n2."""
    fleet = running()
    mirror = fleet.sites["north"].mirror
    tip = mirror.resolve(layout.report_ref("n1"))
    assert tip is not None
    files = mirror.files(tip)
    files["node.json"] = files["node.json"].replace(b'"instance":"en-n1"', b'"instance":"evil"')
    files["node.json.sig"] = key("north/n2").sign(files["node.json"], Namespace.REPORT)
    made = mirror.write(files, parents=[tip], author=WHO, message="forged\n")
    mirror.move(layout.report_ref("n1"), made, old=tip)
    outcome = fleet.sites["north"].poll()
    status = fleet.sites["north"].agent.branch.files()["site.json"]
    return Tried.by(outcome, f'"report":"{made}"'.encode() in status)


@attack(
    who="another node, or the network between",
    stops="a signed report accounts for every file beside it",
    rule="signature",
    says="does not account for its files",
    off=instead(nodes, "require_report", lambda *_: None),
)
def _a_report_whose_files_were_swapped() -> Tried:
    fleet = running()
    node, _ = _host(fleet)
    mirror, ref = fleet.sites["north"].mirror, layout.report_ref(node)
    tip = mirror.resolve(ref)
    assert tip is not None
    files = mirror.files(tip)
    path = layout.status_path("hello", node)
    files[path] = files[path].replace(b'"installed"', b'"failed"')
    made = mirror.write(files, parents=[tip], author=WHO, message="forged\n")
    mirror.move(ref, made, old=tip)
    outcome = fleet.sites["north"].poll()
    status = fleet.sites["north"].agent.branch.files().get(path, b"")
    return Tried.by(outcome, b'"failed"' in status)


@attack(
    who=SITE,
    stops="holds of a deployment are numbered, and none comes back after a later one",
    rule="hold",
    says="was followed by an earlier one",
    off=without("hold"),
)
def _a_hold_that_is_played_again() -> Tried:
    """After its people let go, a compromised site puts the deployment back once more."""
    fleet = running()
    grant(fleet)
    node, _ = _host(fleet)
    site = fleet.sites["north"]
    holding = Holding("north", site.mirror, lambda: 1_790_000_000)
    trust = site.agent._trust()
    assert trust is not None
    holding.keep(trust, "hello", key("olga"), reason="audit")
    fleet.approved(fleet.change(greeting="Moin"))
    fleet.settle()
    ref = layout.node_ref(node)
    old = site.mirror.files(site.mirror.resolve(ref) or "")
    holding.let_go(trust, "hello", key("olga"), reason="audit is over")
    fleet.settle()
    assert fleet.running()[node] == {"hello": "Moin"}

    def again(files: dict[str, bytes], placement: Placement) -> Placement:
        for path in [p for p in files if p.startswith(("statements/", "proofs/", "approvals/"))]:
            del files[path]
        files |= {p: d for p, d in old.items() if not p.startswith(("change", "placement"))}
        before = canonical.load(old[layout.PLACEMENT], Placement, layout.PLACEMENT)
        return placement.model_copy(update={"deployments": before.deployments})

    return _placed_by(fleet, node, again)


def _unsigned_hold(files: Mapping[str, bytes], deployment: str, _: object) -> Hold | None:
    data = files.get(layout.hold_path(deployment))
    return None if data is None else canonical.load(data, Hold, "hold")


@attack(
    who=SITE,
    stops="a hold needs the signature of a person with the role site-operator",
    rule="hold",
    says="is nobody's key",
    off=instead(sharing, "hold_in", _unsigned_hold),
)
def _a_hold_that_no_operator_signed() -> Tried:
    fleet = running()
    grant(fleet)
    node, _ = _host(fleet)
    ref = layout.node_ref(node)
    mirror = fleet.sites["north"].mirror
    old = mirror.files(mirror.resolve(ref) or "")
    change = canonical.load(old[layout.CHANGE], Change, layout.CHANGE)
    (entry,) = [e for e in change.records if e.record.name == "hello"]
    before = canonical.load(old[layout.PLACEMENT], Placement, layout.PLACEMENT)
    fleet.approved(fleet.change(greeting="Moin"))
    fleet.settle()

    def back(files: dict[str, bytes], placement: Placement) -> Placement:
        hold = Hold(
            fleet=placement.fleet,
            site="north",
            id=entry.record.id,
            number=1,
            record=canonical.digest(canonical.dump(entry.record)),
            by="olga",
            reason="because",
        )
        for path in [p for p in files if p.startswith(("statements/", "proofs/", "approvals/"))]:
            del files[path]
        path, data = layout.hold_path(hold.id), canonical.dump(hold)
        files |= {p: d for p, d in old.items() if not p.startswith(("change", "placement"))}
        files |= {path: data, layout.kept_path(hold.id): canonical.dump(entry)}
        files[layout.signature_path(path)] = key("mallory").sign(data, Namespace.HOLD)
        return placement.model_copy(update={"deployments": before.deployments})

    return _placed_by(fleet, node, back)


def grant(fleet: SignedFleet) -> None:
    """Olga works at the site: she may hold what runs there."""
    root = with_person(fleet.trust.roots.root, "olga", line("olga"), ("site-operator",))
    fleet.change_root(root)
    fleet.settle()

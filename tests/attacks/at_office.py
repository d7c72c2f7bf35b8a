"""Attacks on the office: what people are shown, and what their own tool would publish."""

from __future__ import annotations

from collections.abc import Callable

from margo_gitops.errors import MargoError, Refused
from margo_gitops.model import layout
from margo_gitops.roles import artifacts, central, fleettrust, overview
from margo_gitops.roles.enrolment import request_of
from margo_gitops.store.git import GitStore
from margo_gitops.store.local import StoreTransport
from margo_gitops.trust import enrolment
from margo_gitops.trust.lineage import MAX_JUMP
from margo_gitops.trust.sshsig import Namespace
from tests.attacks.forge import WHO, Forge, deployment, running
from tests.attacks.table import FORGE, Tried, attack, instead
from tests.trust.keys import key


@attack(
    who=FORGE,
    stops="a status is shown only with the signature of the site's enrolled key",
    rule="signature",
    says="the status is not the site's own",
    remains="the forge can show an older status of the same site: its age is shown",
    off=instead(overview, "unbelievable", lambda *_: None),
)
def _a_status_forged_by_the_forge() -> Tried:
    fleet = running()
    ref = layout.status_ref("north")
    tip = fleet.remote.resolve(ref)
    assert tip is not None
    files = fleet.remote.files(tip)
    (path,) = [p for p in files if p.startswith("deployments/hello/")]
    files[path] = files[path].replace(b'"installed"', b'"failed"')
    files["site.json"] = files["site.json"].replace(b'"version":"0"', b'"version":"9"')
    made = fleet.remote.write(files, parents=[tip], author=WHO, message="forged\n")
    fleet.remote.move(ref, made, old=tip)
    view = fleet.co.status("north")
    shown = any(item.state == "failed" for item in view.deployments)
    told = [Refused(words, rule="signature") for words in view.refusals if "signature" in words]
    return Tried(shown, told[0] if told else None)


@attack(
    who=FORGE,
    stops="a status accounts for the files beside it",
    rule="signature",
    says="the status does not account for its deployments",
    off=instead(overview, "unbelievable", lambda *_: None),
)
def _a_report_for_another_commit() -> Tried:
    """The site's own word of now, with what its nodes said of an earlier generation."""
    fleet = running()
    ref = layout.status_ref("north")
    fleet.approved(fleet.change(greeting="Moin"))
    fleet.settle()
    now = fleet.remote.resolve(ref)
    assert now is not None
    files = fleet.remote.files(now)
    (path,) = [p for p in files if p.startswith("deployments/hello/")]
    earlier = next(
        data
        for commit in fleet.remote.history(now)
        if (data := fleet.remote.read(commit.id, path)) not in {None, files[path]}
    )
    files[path] = earlier or b""
    made = fleet.remote.write(files, parents=[now], author=WHO, message="forged\n")
    fleet.remote.move(ref, made, old=now)
    view = fleet.co.status("north")
    shown = any(item.state == "stale" for item in view.deployments)
    told = [Refused(words, rule="signature") for words in view.refusals if "signature" in words]
    return Tried(shown, told[0] if told else None)


@attack(
    who="a clone that was asleep, or a forge that hides commits of main",
    stops="what is rendered next must come from a main that holds the one before",
    rule="-",
    says="main was rewritten",
    code=5,
    off=instead(central.Central, "_require_lineage", lambda *_: None),
)
def _a_stale_renderer() -> Tried:
    fleet = running()
    old = fleet.remote.resolve(layout.MAIN)
    fleet.approved(fleet.change(greeting="Moin"))
    new = fleet.remote.resolve(layout.MAIN)
    assert old is not None
    assert new is not None
    fleet.remote.move(layout.MAIN, old, old=new)
    fleet.co.apply(fleet.intent("late", sites=("north",)))
    return _asked(lambda: [fleet.co.render()])


@attack(
    who=FORGE,
    stops="a publisher builds only on states that a publisher signed",
    rule="signature",
    says="change.json is unsigned",
    off=instead(fleettrust.FleetTrust, "published", lambda *_: True),
)
def _a_generation_planted_for_the_publisher_to_build_on() -> Tried:
    """What comes after it would be too far for every site, for ever."""
    fleet = running()
    draft = Forge(fleet).draft()
    far = draft.change.generation + 2 * MAX_JUMP
    draft.change = draft.change.model_copy(update={"generation": far})
    draft.signer = None
    Forge(fleet).put(draft.files())
    met = Tried.by(fleet.sites["north"].poll(), succeeded=False)
    fleet.approved(fleet.intent("late", sites=("north",)))
    fleet.settle()
    held = fleet.sites["north"].agent.read()
    assert held is not None
    if "late" not in {record.name for record in held.deployments}:
        return Tried(succeeded=True)
    return met


@attack(
    who=FORGE,
    stops="a request for a place is signed by the key that it asks for",
    rule="request",
    says="it is signed by",
    off=instead(enrolment, "by_key", lambda *_: None),
)
def _a_request_for_somebody_elses_key() -> Tried:
    fleet = running()
    data, _ = enrolment.ask(fleet.trust.roots.root.fleet, fleet.pinned, "north", None, key("box"))
    other = key("mallory").sign(data, Namespace.REQUEST)
    files = {"request.json": data, "request.json.sig": other}
    made = fleet.remote.write(files, parents=[], author=WHO, message="asks\n")
    fleet.remote.move(layout.request_ref("north", None), made, old=None)
    return _asked(lambda: request_of(fleet.co, "north", None, None))


@attack(
    who=FORGE,
    stops="an artifact that travels in git is hashed where it arrives",
    rule="digest",
    says="expected sha256:",
    off=instead(artifacts, "_require", lambda *_: None),
)
def _an_artifact_swapped_in_git() -> Tried:
    fleet = running()
    (ref,) = fleet.remote.refs(layout.ARTIFACTS)
    old = fleet.remote.resolve(ref)
    files = {layout.ARTIFACT_BLOB: b"\0asm evil"}
    made = fleet.remote.write(files, parents=[], author=WHO, message="evil\n")
    fleet.remote.move(ref, made, old=old)
    box, far = GitStore.memory(), StoreTransport(fleet.remote)
    (digest,) = {artifact.digest for artifact in deployment(Forge(fleet).draft()).record.artifacts}

    def fetch() -> object:
        artifacts.fetch_artifacts(box, far, {digest: 100})
        return box.refs(layout.ARTIFACTS)

    return _asked(fetch)


def _asked(ask: Callable[[], object]) -> Tried:
    try:
        return Tried(bool(ask()))
    except MargoError as error:
        return Tried(succeeded=False, said=error)

"""Large fleets, made quickly: thousands of sites of one application, and what they report."""

from __future__ import annotations

from collections.abc import Iterable

from margo_gitops.artifacts.lock import resolve
from margo_gitops.documents import canonical, margo, own
from margo_gitops.model import layout
from margo_gitops.model.fleet import ApplicationRef, Device, Fleet, Intent, Site, Targets
from margo_gitops.roles.central import BareMain, Central
from margo_gitops.store.batch import Batch
from margo_gitops.store.git import Authorship, GitStore
from tests.fleet import EXAMPLE, FLEET_ID, SimulatedFleet

ADA = Authorship("Ada", "ada@example.invalid", 1_700_000_000)


def large_fleet(store: GitStore, sites: int) -> Central:
    """A fleet of sites with one node each, which one intent selects all; nothing is rendered."""
    files = {layout.FLEET: own.write(Fleet(id=FLEET_ID, name="test"))}
    for name in names(sites):
        files[layout.site_path(name)] = own.write(Site(id=name, labels={"kind": "shop"}))
        device = Device(id="n1", site=name, device_id=f"{name}/n1")
        files[layout.device_path(name, "n1")] = own.write(device)
    files |= _application() | {layout.intent_path("hello"): intent("Hello")}
    commit = store.write(files, parents=[], author=ADA, message="A large fleet")
    store.move(layout.MAIN, commit, old=None)
    return Central(store, BareMain(store, lambda: ADA))


def names(sites: int) -> list[str]:
    """The sites of such a fleet."""
    return [f"s{number:05d}" for number in range(sites)]


def intent(greeting: str) -> bytes:
    """The one intent, with a parameter."""
    return own.write(
        Intent(
            name="hello",
            application=ApplicationRef(id="hello-wasm", version="1.0.0"),
            profile="wasm",
            targets=Targets(selector={"kind": "shop"}),
            parameters={"greeting": greeting},
        )
    )


def report_all(store: GitStore, sites: Iterable[str], *, time: int = 1_700_000_000) -> None:
    """Give each site the status that one small site really writes, under its own name."""
    model = SimulatedFleet({"north": ("n1",)})
    model.settle()
    model.deploy()
    model.settle()
    tip = model.remote.resolve(layout.status_ref("north"))
    assert tip is not None
    files = model.remote.files(tip)
    id = layout.deployment_id(FLEET_ID, "north", "hello")
    adopted = model.remote.resolve(layout.site_ref("north")) or ""
    batch = Batch(store)
    for site in sites:
        mine = layout.deployment_id(FLEET_ID, site, "hello")
        swaps = {b"north": site.encode(), id.encode(): mine.encode()}
        if published := store.resolve(layout.site_ref(site)):
            swaps[adopted.encode()] = published.encode()
        batch.commit(
            layout.status_ref(site),
            {path: _swapped(data, swaps) for path, data in files.items()},
            old=store.resolve(layout.status_ref(site)),
            author=Authorship("lo", "lo@example.invalid", time),
            message="status\n",
        )
    batch.publish()


def _swapped(data: bytes, swaps: dict[bytes, bytes]) -> bytes:
    for old, new in swaps.items():
        data = data.replace(old, new)
    return data


def _application() -> dict[str, bytes]:
    text = (EXAMPLE / "margo.yaml").read_bytes()
    module = (EXAMPLE / "resources" / "hello.wasm").read_bytes()
    package = {"margo.yaml": text, "resources/hello.wasm": module}
    description, _ = margo.read_description(text, "margo.yaml")
    folder = layout.app_folder(description.id, description.version)
    files = {f"{folder}/{path}": data for path, data in package.items()}
    lock = layout.lock_path(description.id, description.version)
    return files | {lock: canonical.dump(resolve(description, text, package))}

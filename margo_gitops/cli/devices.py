"""`margo device`: the Device Store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from margo_gitops.cli.options import HERE, FleetOption, JsonOption, central, pairs
from margo_gitops.cli.output import emit, table

app = typer.Typer(no_args_is_help=True)


@app.command()
def add(
    site: Annotated[str, typer.Argument(help="The site that it belongs to.")],
    node: Annotated[str, typer.Argument(help="The node's id: a-z, 0-9 and -.")],
    device_id: Annotated[str | None, typer.Option(help="Its Margo id; default SITE/NODE.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="K=V, repeatable.")] = None,
    capabilities: Annotated[
        Path | None, typer.Option(help="Its DeviceCapabilitiesManifest, kept untouched.")
    ] = None,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Add a node to a site.

    Example: margo device add north n1 --label gpu=yes
    """
    from margo_gitops.cli.committing import commit  # noqa: PLC0415
    from margo_gitops.documents import margo  # noqa: PLC0415
    from margo_gitops.model.fleet import Device  # noqa: PLC0415
    from margo_gitops.model.layout import flat  # noqa: PLC0415
    from margo_gitops.render.edits import add_device  # noqa: PLC0415

    document = None
    if capabilities is not None:
        data = capabilities.read_bytes()
        margo.read_capabilities(data, str(capabilities))
        document = ("json" if data.lstrip().startswith(b"{") else "yaml", data)
    labels = {key: str(value) for key, value in pairs(label or [], "--label").items()}
    wanted = Device(
        id=flat(node, "node id"),
        site=flat(site, "site id"),
        device_id=device_id or f"{site}/{node}",
        labels=labels,
    )
    with central(fleet) as co:
        commit(co, add_device(co.main(), wanted, document), as_json=as_json)


@app.command("list")
def list_(fleet: FleetOption = HERE, as_json: JsonOption = False) -> None:
    """List the nodes and what each offers, as far as it is known."""
    from margo_gitops.roles.reading import read_capabilities  # noqa: PLC0415

    with central(fleet) as co:
        main = co.main()
        rows = []
        for site, devices in main.devices.items():
            known = read_capabilities(co.store, main.commit, site)
            for device in devices:
                offer = known.get(device.id)
                types = "unknown" if offer is None else " ".join(sorted(offer.deployment_types))
                rows.append((site, device.id, device.device_id, types))
    if as_json:
        keys = ("site", "node", "deviceId", "offers")
        emit([dict(zip(keys, row, strict=True)) for row in rows], as_json=True)
    else:
        table("Devices", ("site", "node", "device id", "offers"), rows)


@app.command()
def show(
    site: Annotated[str, typer.Argument(help="The site.")],
    node: Annotated[str, typer.Argument(help="The node.")],
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Show one node: our side of it and its capabilities."""
    from margo_gitops.errors import Invalid  # noqa: PLC0415
    from margo_gitops.roles.reading import read_capabilities  # noqa: PLC0415

    with central(fleet) as co:
        main = co.main()
        found = next((d for d in main.devices.get(site, ()) if d.id == node), None)
        offer = read_capabilities(co.store, main.commit, site).get(node)
    if found is None:
        raise Invalid(f"the site {site} has no node {node}", help="margo device list")
    value = {
        "device": found.model_dump(mode="json"),
        "capabilities": None if offer is None else offer.model_dump(mode="json"),
    }
    import json  # noqa: PLC0415

    emit(value, as_json=as_json, text=json.dumps(value, indent=2))

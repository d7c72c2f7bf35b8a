"""`margo site` and `margo device`: the two stores of places, with their verbs of enrolment."""

from __future__ import annotations

import typer

from margo_gitops.cli import devices, enrolling, sites


def register(app: typer.Typer) -> None:
    """Add both nouns."""
    enrolling.register(sites.app, devices.app)
    app.add_typer(sites.app, name="site", help="The sites of the fleet.")
    app.add_typer(devices.app, name="device", help="The Device Store.")

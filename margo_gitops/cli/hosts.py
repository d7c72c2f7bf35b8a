"""`margo lo` and `margo en`: the agents, with what else is done on their hosts."""

from __future__ import annotations

import typer

from margo_gitops.cli import agents, holding, joining, serving


def register(app: typer.Typer) -> None:
    """Add both nouns."""
    serving.register(agents.lo)
    holding.register(agents.lo)
    joining.register(agents.lo, agents.en)
    app.add_typer(agents.lo, name="lo", help="The Local Orchestrator of one site.")
    app.add_typer(agents.en, name="en", help="The Edge Node agent of one host.")

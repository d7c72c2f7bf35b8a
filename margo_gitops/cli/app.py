"""The `margo` command: the tree of verbs, and the one place that ends the process."""

from __future__ import annotations

import json
import sys

import typer

from margo_gitops import __version__
from margo_gitops.cli import (
    agents,
    app_store,
    convert,
    demo,
    deployments,
    devices,
    doctor,
    enrolling,
    fleet,
    holding,
    joining,
    locking,
    proposals,
    publish,
    serving,
    sites,
    status,
    suspending,
    trip,
    trust,
    validate,
)
from margo_gitops.errors import MargoError

EPILOG = (
    "Exit codes: 0 done or nothing to do · 1 the answer is no · 2 usage · 3 refused ·"
    " 4 waiting, nothing lost · 5 a person must act · 70 a bug"
)

app = typer.Typer(
    name="margo",
    help="One git repository runs a fleet of Margo edge sites.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def root(
    version: bool = typer.Option(False, "--version", help="Print the version."),
) -> None:
    """One git repository runs a fleet of Margo edge sites."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


for part in (demo, fleet, deployments, suspending, publish, status, validate, convert, doctor):
    part.register(app)
app.add_typer(sites.app, name="site", help="The sites of the fleet.")
app.add_typer(devices.app, name="device", help="The Device Store.")
locking.register(app_store.app)
app.add_typer(app_store.app, name="app", help="The App Store.")
serving.register(agents.lo)
holding.register(agents.lo)
enrolling.register(sites.app, devices.app)
joining.register(agents.lo, agents.en)
app.add_typer(trust.app, name="trust", help="The persons of the fleet and their keys.")
app.add_typer(proposals.app, name="pr", help="Proposals and their approvals.")
app.add_typer(trip.app, name="trip", help="What people carry to sites without a network.")
app.add_typer(trip.app, name="bundle", hidden=True)
app.add_typer(agents.lo, name="lo", help="The Local Orchestrator of one site.")
app.add_typer(agents.en, name="en", help="The Edge Node agent of one host.")


def main() -> None:
    """Run the command; every error becomes one message and one exit code."""
    try:
        app()
    except MargoError as error:
        _tell(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # noqa: BLE001  # the boundary: what is no MargoError is a bug
        sys.exit(_bug(error))


def _tell(error: MargoError) -> None:
    if "--json" in sys.argv:
        told = {"problem": error.problem, "then": error.then, "help": error.help}
        code = {"code": error.exit_code, "kind": type(error).__name__}
        sys.stderr.write(json.dumps({"error": {**told, **code}}, ensure_ascii=False) + "\n")
    else:
        sys.stderr.write(f"margo: {error}\n")


def _bug(error: Exception) -> int:
    """A bug is told in one line; what a maintainer needs goes to a file of its own."""
    import tempfile  # noqa: PLC0415
    import traceback  # noqa: PLC0415

    with tempfile.NamedTemporaryFile(
        "w", prefix="margo-bug-", suffix=".log", delete=False, encoding="utf-8"
    ) as log:
        log.write(f"margo {__version__} {' '.join(sys.argv[1:2])}\n")
        traceback.print_exception(error, file=log)
    sys.stderr.write(
        f"margo: this is a bug ({type(error).__name__}). Nothing was left half done."
        f" Please report it with {log.name}\n"
    )
    return 70

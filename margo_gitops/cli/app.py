"""The `margo` command: the tree of verbs, and the one place that ends the process."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from importlib import import_module

import typer

from margo_gitops import __version__
from margo_gitops.errors import MargoError

EPILOG = (
    "Exit codes: 0 done or nothing to do · 1 the answer is no · 2 usage · 3 refused ·"
    " 4 waiting, nothing lost · 5 a person must act · 70 a bug"
)

PARTS: Mapping[str, tuple[str, ...]] = {
    "demo": ("demo",),
    "drill": ("drill",),
    "fleet": ("init", "clone", "up"),
    "deployments": ("deploy", "set", "undeploy", "rollback"),
    "suspending": ("suspend", "resume"),
    "publish": ("render", "diff", "push", "pull"),
    "status": ("status", "why"),
    "overview": ("overview",),
    "validate": ("validate",),
    "convert": ("convert",),
    "doctor": ("doctor",),
    "places": ("site", "device"),
    "app_store": ("app",),
    "trust": ("trust",),
    "proposals": ("pr",),
    "trip": ("trip", "bundle"),
    "hosts": ("lo", "en"),
}
"""The modules of this package that add verbs, in the order of `--help`, each with its verbs."""


def command(first: str = "") -> typer.Typer:
    """The command with the part alone whose verb is `first`; with all parts for any other word.

    To describe all sixty verbs to typer takes longer than most of them do.
    """
    app = typer.Typer(
        name="margo",
        help="One git repository runs a fleet of Margo edge sites.",
        epilog=EPILOG,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(root)
    for part in [part for part, verbs in PARTS.items() if first in verbs] or PARTS:
        import_module(f"margo_gitops.cli.{part}").register(app)
    return app


def root(
    version: bool = typer.Option(False, "--version", help="Print the version."),
) -> None:
    """One git repository runs a fleet of Margo edge sites."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command; every error becomes one message and one exit code."""
    try:
        command(*sys.argv[1:2])()
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

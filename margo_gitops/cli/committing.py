"""From an edit to commits: shown, asked, committed to `main`, and rendered where sites follow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import typer

from margo_gitops.cli.output import emit
from margo_gitops.cli.progress import progress
from margo_gitops.cli.values import group_lines, groups
from margo_gitops.errors import MargoError, Usage
from margo_gitops.render.edits import Edit
from margo_gitops.render.values import Alike
from margo_gitops.roles.central import Central, Published, Rendered
from margo_gitops.roles.checking import require_valid_edit

ASK_ABOVE = 20


def commit(
    co: Central,
    edit: Edit,
    *,
    as_json: bool,
    dry_run: bool = False,
    notes: Iterable[str] = (),
    values: Sequence[Alike] = (),
    verb: str = "commit",
) -> None:
    """Commit an edit to `main`; with `render: here`, the site branches follow at once.

    Raises `InvalidDocument` with the errors that it would have, or cause in other files. A dry run
    shows the files instead, and the effective values where they are given.
    """
    require_valid_edit(co.store, co.head(), edit.changes)
    if dry_run:
        lines = [f"would {verb}: {edit.message.splitlines()[0]}"]
        for path, data in sorted(edit.changes.items()):
            lines += [f"{'delete' if data is None else 'write'} {path}"]
            if data is not None and path.endswith((".yaml", ".json")):
                lines.append(data.decode())
        lines += group_lines(values)
        emit({**_edit(edit), "values": groups(values)}, as_json=as_json, text=lines)
        return
    made = co.apply(edit)
    rendered = follow(co)
    notes = [*notes, *held_back(co), *later(co)]
    value = {"commit": made, "rendered": [summary(item) for item in rendered], "notes": notes}
    text = [f"{made[:12]} {edit.message.splitlines()[0]}", *lines_of(rendered), *notes]
    emit(value, as_json=as_json, text=text)


def held_back(co: Central) -> list[str]:
    """What the rendering just done left out, the first ten of it."""
    trust = co.trust()
    late = {} if trust is None else trust.late
    lines = [f"{site}: {name} is merged and waits: {why}" for (site, name), why in late.items()]
    more = [f"and {len(lines) - 10} more wait"] if len(lines) > 10 else []
    return [*lines[:10], *more]


def later(co: Central) -> list[str]:
    """That sites follow only once CI rendered, where it does."""
    by_ci = co.main().fleet.render == "ci"
    return ["only main has it: CI renders the sites once it is pushed"] if by_ci else []


def follow(co: Central) -> list[Published]:
    """Render where people's verbs do (`render: here`); in CI's hands nothing."""
    return publish(co) if co.main().fleet.render == "here" else []


def publish(co: Central) -> list[Published]:
    """Render every site that changed, with a bar where it takes long."""
    with progress("rendering", len(co.main().sites)) as advance:
        rendered = co.render(progress=advance)
    look_ahead(co)
    return rendered


def look_ahead(co: Central) -> None:
    """Read what the next `margo status` shows, where branches moved; never a reason to fail."""
    with suppress(MargoError):
        sites = co.sites()
        with progress("reading", len(sites)) as advance:
            co.statuses(sites, progress=advance)


def confirm(sites: int, *, yes: bool) -> None:
    """Ask before many sites are touched; in a pipe nobody can answer, so `--yes` must be given."""
    if sites <= ASK_ABOVE or yes:
        return
    import sys  # noqa: PLC0415

    if not sys.stdin.isatty():
        raise Usage(f"this touches {sites} sites and nobody is there to ask", help="--yes")
    typer.confirm(f"This touches {sites} sites. Go on?", abort=True)


def summary(item: Rendered | Published) -> dict[str, Any]:
    """One rendered site for `--json`."""
    return {
        "site": item.site,
        "generation": item.generation,
        "commit": item.commit,
        "deployments": list(item.deployments),
    }


def lines_of(rendered: Sequence[Rendered | Published]) -> list[str]:
    """One line a site, the first ten of them."""
    shown = [
        f"site/{item.site}: generation {item.generation} ({', '.join(item.news) or 'healed'})"
        for item in rendered[:10]
    ]
    more = len(rendered) - len(shown)
    return [*shown, f"and {more} more sites"] if more > 0 else shown


def _edit(edit: Edit) -> dict[str, Any]:
    changes = {
        path: None if data is None else data.decode("utf-8", "replace")
        for path, data in edit.changes.items()
    }
    return {"dryRun": True, "message": edit.message, "changes": changes}

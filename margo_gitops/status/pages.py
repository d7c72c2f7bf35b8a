"""The `overview` branch: the fleet as pages that a forge shows to people; no machine reads them.

What sites say is shown as code, in which Markdown means nothing, without the characters that could
end it. Times are those of the sites' own words, never now: pages of an unchanged fleet are the same
bytes, and whoever writes them can tell that there is nothing to write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from margo_gitops.status.view import DeploymentView, SiteView

SHOWN = 500
"""Sites in the table of the first page, those that are not in step before the others."""

LONGEST = 200
"""Characters of one word of a site that are shown."""

MAX_ROWS = 200
"""Deployments, and lines of any other kind, on the page of one site."""

_NOTE = (
    "Generated; never edit it, and let no machine read it: `margo status --json` is for those."
    " The date of this branch's commit says when somebody looked."
)

_SWAPPED = str.maketrans({"`": "'", "|": "\N{BROKEN BAR}"})


@dataclass(frozen=True, slots=True)
class Fleet:
    """What the pages tell beside the views: who approved a statement, and what waits by site.

    `approvals` is None in an open fleet; `waiting` is None where it was not looked for. `date` has
    the words for a time.
    """

    name: str
    date: Callable[[int], str]
    approvals: Mapping[str, str] | None = None
    waiting: Mapping[str, Sequence[str]] | None = None

    def approved(self, item: DeploymentView) -> str:
        """Who stands for a deployment, in words."""
        if self.approvals is None:
            return "nobody: the fleet is open"
        return self.approvals.get(item.statement or "", "nobody was asked")

    def waits(self, site: str) -> Sequence[str]:
        """What is merged for a site and not published."""
        return (self.waiting or {}).get(site, ())

    def heard(self, view: SiteView) -> str:
        """When a site last spoke."""
        return "never" if view.heard is None else self.date(view.heard)


def pages(fleet: Fleet, views: Sequence[SiteView]) -> dict[str, bytes]:
    """The whole tree: a first page, and one for each site."""
    files = {f"sites/{view.site}.md": _site(fleet, view) for view in views}
    return {"README.md": _first(fleet, views), **files}


def code(text: str) -> str:
    """A stranger's words as one piece of code of one line, fit for a table's cell."""
    plain = "".join(c if c.isprintable() else " " for c in text[: 4 * LONGEST].translate(_SWAPPED))
    words = " ".join(plain.split())
    shown = words if len(words) <= LONGEST else words[: LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return f"`{shown}`" if shown else "-"


def _first(fleet: Fleet, views: Sequence[SiteView]) -> bytes:
    ordered = sorted(views, key=lambda view: (view.in_step, view.site))
    good = sum(view.in_step for view in views)
    lines = [
        f"# Fleet {fleet.name}",
        "",
        _NOTE,
        "",
        f"{good} of {len(views)} sites run what is published for them.",
    ]
    if fleet.waiting is None:
        lines += ["", "What waits for approvals was not looked for: `margo status SITE` tells it."]
    rows = (_row(fleet, view) for view in ordered[:SHOWN])
    lines += _table(("site", "state", "adopted / published", "last heard", "waits"), rows)
    if len(ordered) > SHOWN:
        lines += ["", f"And {len(ordered) - SHOWN} more in [sites](sites)."]
    return _joined(lines)


def _row(fleet: Fleet, view: SiteView) -> tuple[str, ...]:
    waits = str(len(fleet.waits(view.site)) or "-")
    link = f"[{view.site}](sites/{view.site}.md)"
    return link, _state(view), _generations(view), fleet.heard(view), waits


def _site(fleet: Fleet, view: SiteView) -> bytes:
    where = f"generation adopted / published: {_generations(view)}"
    summary = f"{_state(view).capitalize()}; {where}; last heard {fleet.heard(view)}."
    lines = [f"# Site {view.site}", "", summary]
    rows = (_deployment(fleet, item) for item in view.deployments[:MAX_ROWS])
    columns = ("deployment", "node", "application", "version", "state", "why", "approval")
    lines += _table(columns, rows)
    if len(view.deployments) > MAX_ROWS:
        lines += ["", f"And {len(view.deployments) - MAX_ROWS} more: `margo status {view.site}`."]
    lines += _listed("Waits", fleet.waits(view.site))
    lines += _listed("Refused by the site", view.refusals)
    return _joined([*lines, "", "[All sites](../README.md)"])


def _deployment(fleet: Fleet, item: DeploymentView) -> tuple[str, ...]:
    node = item.node or "-"
    told = (item.name, node, item.application, item.version, item.state, item.why)
    return tuple(map(code, (*told, fleet.approved(item))))


def _state(view: SiteView) -> str:
    if view.desired is None:
        return "nothing published"
    return "in step" if view.in_step else "not in step"


def _generations(view: SiteView) -> str:
    return f"{view.adopted or '-'} / {view.desired or '-'}"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    made = [f"| {' | '.join(row)} |" for row in (columns, ["---"] * len(columns), *rows)]
    return ["", *made] if len(made) > 2 else []


def _listed(title: str, items: Sequence[str]) -> list[str]:
    shown = [f"- {code(item)}" for item in items[:MAX_ROWS]]
    return ["", f"## {title}", "", *shown] if shown else []


def _joined(lines: Iterable[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()

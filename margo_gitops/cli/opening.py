"""What the verbs on proposals open: the fleet, one proposal, and the remote that people share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from margo_gitops.cli.options import central, person_signer
from margo_gitops.cli.progress import progress

if TYPE_CHECKING:
    from pathlib import Path

    from margo_gitops.roles.central import Central
    from margo_gitops.roles.origin import Origin
    from margo_gitops.roles.proposals.proposing import Proposing
    from margo_gitops.store.git import Authorship

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The proposal: proposal/ID.")]


@dataclass(frozen=True, slots=True)
class Opened:
    """A fleet, and the remote as it was asked just now."""

    co: Central
    origin: Origin

    def tell(self) -> None:
        """Say what the remote could not be asked or told, beside the answer."""
        for note in self.origin.notes:
            typer.echo(f"margo: {note}", err=True)
        self.origin.notes.clear()

    @contextmanager
    def proposing(self, id: str, key: Path | None = None) -> Iterator[Proposing]:
        """One proposal of it, with a bar where it takes long."""
        from margo_gitops.roles.proposals.branch import ProposalBranch  # noqa: PLC0415
        from margo_gitops.roles.proposals.proposing import Proposing  # noqa: PLC0415

        store = self.co.store
        branch = ProposalBranch(store, id, lambda: _author(self.co))
        with progress("reading", None) as advance:
            yield Proposing(self.co, branch, lambda: person_signer(store, key), advance)


@contextmanager
def opened(fleet: Path, *, asking: bool = True) -> Iterator[Opened]:
    """The fleet; with `asking` its remote was asked what others did."""
    with central(fleet) as co, over(co, asking=asking) as found:
        yield found


@contextmanager
def over(co: Central, *, asking: bool = True) -> Iterator[Opened]:
    """The same, over a fleet that is open already."""
    from margo_gitops.roles.origin import Origin  # noqa: PLC0415
    from margo_gitops.store.clone import Clone  # noqa: PLC0415

    co.head()  # branches are written to, so main must be what is checked out
    made = Opened(co, Origin.of(co.store, co.branch if isinstance(co.branch, Clone) else None))
    if asking:
        made.origin.refresh()
        made.tell()
    yield made
    made.tell()


def _author(co: Central) -> Authorship:
    """Whoever works in this clone; in a bare repository the tool itself."""
    import time  # noqa: PLC0415

    from margo_gitops.store.clone import Clone  # noqa: PLC0415
    from margo_gitops.store.git import Authorship  # noqa: PLC0415

    if isinstance(co.branch, Clone):
        return co.branch.author()
    return Authorship(co.branch.who(), "proposal@margo-gitops.invalid", int(time.time()))

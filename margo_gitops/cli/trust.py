"""`margo trust`: the persons of a fleet, their keys, what they must sign together."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from margo_gitops.cli.options import HERE, FleetOption, JsonOption, KeyOption, central
from margo_gitops.cli.output import emit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from margo_gitops.model.trust import TrustRoot
    from margo_gitops.render.edits import Edit
    from margo_gitops.roles.central import Central
    from margo_gitops.roles.ceremony import Ceremony

trust = typer.Typer(no_args_is_help=True)

PersonArgument = Annotated[str, typer.Argument(metavar="NAME", help="The person.")]
KeyOfOption = Annotated[
    str | None,
    typer.Option("--of", metavar="KEY", help="One key only: a file, or the key itself."),
]


def register(app: typer.Typer) -> None:
    """Add the noun."""
    app.add_typer(trust, name="trust", help="The persons of the fleet and their keys.")


@trust.command()
def show(fleet: FleetOption = HERE, as_json: JsonOption = False) -> None:
    """Show the root in force, its persons and their keys, and what waits for signatures."""
    from margo_gitops.roles.trusted import shown  # noqa: PLC0415

    with central(fleet) as co:
        seen = shown(co)
    emit(seen.as_json(), as_json=as_json, text=seen.lines())


@trust.command()
def pin(
    root: Annotated[str, typer.Argument(metavar="FINGERPRINT", help="As a person read it to you.")],
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Let this clone believe the fleet's root, once a person has read you its fingerprint.

    Example: margo trust pin "3f2a 99bc 0d41 77e5 c210"
    """
    from margo_gitops.roles.trusted import pin_root  # noqa: PLC0415

    with central(fleet) as co:
        digest = pin_root(co, root)
    emit({"root": digest}, as_json=as_json, text=f"pinned {digest}")


@trust.command()
def add(
    name: PersonArgument,
    public: Annotated[str, typer.Argument(metavar="KEY", help="A .pub file, or the key itself.")],
    role: Annotated[
        list[str] | None,
        typer.Option(help="root, enrol, publish, approve or site-operator; repeatable."),
    ] = None,
    key: KeyOption = None,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Add a person, or a key and roles of one.

    Example: margo trust add bob bob.pub --role approve --role enrol
    """
    from margo_gitops.model.layout import flat  # noqa: PLC0415
    from margo_gitops.roles.ceremony import with_person  # noqa: PLC0415
    from margo_gitops.roles.trusted import key_line, roles_of  # noqa: PLC0415

    who, line, roles = flat(name, "person's name"), key_line(public), roles_of(role or [])
    _change(
        fleet,
        key,
        lambda root: with_person(root, who, line, roles),
        f"Trust {who}",
        as_json=as_json,
    )


@trust.command()
def retire(
    name: PersonArgument,
    of: KeyOfOption = None,
    key: KeyOption = None,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Put a person's keys away in order: they sign nothing new; what they signed stays.

    Example: margo trust retire bob
    """
    _set_state(name, "retired", of, key, fleet, as_json=as_json)


@trust.command()
def revoke(
    name: PersonArgument,
    of: KeyOfOption = None,
    key: KeyOption = None,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Say that a person's keys may be in other hands: a lost laptop, a thief.

    Enrolments that rest on them are signed anew by you. What they approved stays where it runs;
    have it approved again: margo pr create ID --again.

    Example: margo trust revoke bob --of lost.pub
    """
    from margo_gitops.cli.options import person_signer  # noqa: PLC0415
    from margo_gitops.roles.trusted import reissued  # noqa: PLC0415

    _set_state(name, "revoked", of, key, fleet, as_json=as_json)
    with central(fleet) as co:
        edit = reissued(co, person_signer(co.store, key))
        if edit is not None:
            _commit(co, edit, as_json=as_json)


@trust.command()
def rotate(
    name: PersonArgument,
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The new key.")],
    key: KeyOption = None,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Replace a person's keys by a new one, in one root; both sign where it is your own.

    This clone then signs with the new one (git config margo.key).

    Example: margo trust rotate ada --to ~/.ssh/id_2027
    """
    from dataclasses import replace  # noqa: PLC0415

    from margo_gitops.roles.ceremony import with_person, with_state  # noqa: PLC0415
    from margo_gitops.roles.signing import signer  # noqa: PLC0415
    from margo_gitops.roles.trusted import owner, sign_with  # noqa: PLC0415

    new = signer(to)

    def rotated(root: TrustRoot) -> TrustRoot:
        return with_person(with_state(root, name, "retired", None), name, str(new.key), ())

    with _ceremony(fleet, key) as (co, ceremony):
        edit = ceremony.next_root(rotated(ceremony.roots.root), f"New key of {name}", also=[new])
        own = owner(ceremony.roots.root, ceremony.signer) == name
        _commit(replace(co, signing=lambda: new) if own else co, edit, as_json=as_json)
        if own:
            sign_with(co, to)


@trust.command()
def policy(
    root_: Annotated[int | None, typer.Option("--root", help="How many must sign a root.")] = None,
    enrol: Annotated[int | None, typer.Option(help="How many must sign an enrolment.")] = None,
    key: KeyOption = None,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Put policies/approvals.yaml, and these thresholds, into force: a new root.

    Example: margo trust policy --root 2
    """
    from margo_gitops.roles.trusted import with_policy  # noqa: PLC0415

    with _ceremony(fleet, key) as (co, ceremony):
        root = with_policy(co, ceremony.roots.root, root_, enrol)
        _commit(co, ceremony.next_root(root, "A new policy"), as_json=as_json)


@trust.command()
def sign(key: KeyOption = None, fleet: FleetOption = HERE, as_json: JsonOption = False) -> None:
    """Sign what waits for more signatures: roots and enrolments, after margo trust show.

    Example: margo trust show && margo trust sign
    """
    from margo_gitops.errors import Invalid  # noqa: PLC0415

    with _ceremony(fleet, key) as (co, ceremony):
        edits = ceremony.sign()
        if not edits:
            raise Invalid("nothing waits for your signature", help="margo trust show")
        _commit(co, edits[0], as_json=as_json)


@trust.command("begin-anew")
def begin_anew(
    person: Annotated[str, typer.Option(help="Your name in the new root.")],
    yes: Annotated[
        bool, typer.Option("--yes", help="Every site and node will be told by hand.")
    ] = False,
    key: KeyOption = None,
    fleet: FleetOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Make a new first root, because the keys of the old one are lost: the way out.

    No box believes it by itself. At each one: margo lo enroll --invite FILE --again.

    Example: margo trust begin-anew --person ada --yes
    """
    from margo_gitops.cli.committing import follow, lines_of, summary  # noqa: PLC0415
    from margo_gitops.cli.options import person_signer  # noqa: PLC0415
    from margo_gitops.errors import Usage  # noqa: PLC0415
    from margo_gitops.model.layout import flat  # noqa: PLC0415
    from margo_gitops.roles import trusted  # noqa: PLC0415

    if not yes:
        raise Usage("every site and node must then be visited, or telephoned", help="--yes")
    with central(fleet) as co:
        signer = person_signer(co.store, key)
        edit, digest = trusted.begin_anew(co, flat(person, "person's name"), signer)
        co.apply(edit)
        trusted.pin_digest(co, digest)
    with central(fleet) as co:
        rendered = follow(co)
    value = {"root": digest, "rendered": [summary(item) for item in rendered]}
    emit(value, as_json=as_json, text=[f"a new first root: {digest}", *lines_of(rendered)])


@contextmanager
def _ceremony(fleet: Path, key: Path | None) -> Iterator[tuple[Central, Ceremony]]:
    from margo_gitops.cli.options import person_signer  # noqa: PLC0415
    from margo_gitops.roles.trusted import ceremony  # noqa: PLC0415

    with central(fleet) as co:
        yield co, ceremony(co, person_signer(co.store, key))


def _commit(co: Central, edit: Edit, *, as_json: bool) -> None:
    from margo_gitops.cli.committing import commit  # noqa: PLC0415

    commit(co, edit, as_json=as_json)


def _change(
    fleet: Path,
    key: Path | None,
    change: Callable[[TrustRoot], TrustRoot],
    message: str,
    *,
    as_json: bool,
) -> None:
    with _ceremony(fleet, key) as (co, ceremony):
        edit = ceremony.next_root(change(ceremony.roots.root), message)
        _commit(co, edit, as_json=as_json)


def _set_state(
    name: str, state: str, of: str | None, key: Path | None, fleet: Path, *, as_json: bool
) -> None:
    from margo_gitops.roles.ceremony import with_state  # noqa: PLC0415
    from margo_gitops.roles.trusted import key_line  # noqa: PLC0415

    line = None if of is None else key_line(of)
    message = f"{name}: key {state}" if line else f"{name} {state}"
    _change(fleet, key, lambda root: with_state(root, name, state, line), message, as_json=as_json)

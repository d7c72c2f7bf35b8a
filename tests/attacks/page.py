"""The threat model, written from the table of attacks: `python -m tests.attacks.page`."""

from __future__ import annotations

from pathlib import Path

from tests.attacks import (  # noqa: F401  # fill the table
    at_chain,
    at_closed,
    at_node,
    at_office,
    at_order,
    at_records,
    at_signatures,
)
from tests.attacks.table import ATTACKS

PAGE = Path(__file__).parents[2] / "docs" / "threat-model.md"

_HANDS = (
    (
        "the forge, the network, the stick",
        "delay, hide, show an older status",
        "change what runs, or forge a word",
    ),
    (
        "a publish key",
        "delay, reorder, deploy where the policy asks for nobody",
        "deploy what was not approved",
    ),
    (
        "one approver's key",
        "give one approval",
        "reach a threshold above one, approve its own proposal",
    ),
    (
        "a root key below the threshold",
        "nothing alone",
        "change persons, policy or thresholds",
    ),
    (
        "a person with `enrol`, at threshold one",
        "give a place to a box of their own, say what it had adopted",
        "change what other boxes run",
    ),
    (
        "a site's key",
        "choose which node runs what, and when; place an undirected record twice; stop",
        "invent, alter, or replay",
    ),
    (
        "a node's key, or its root user",
        "lie about that node, stop its workloads",
        "speak for another node",
    ),
)

_HEAD = """\
# What an attacker can do

Written by `python -m tests.attacks.page` from the attacks that are run as tests: each one succeeds
with its defence switched off, and is refused, with this rule, with it on: exit code 3, and the rule
is in the status; `-` where a person's own tool stops (exit code 5). Sites and nodes are those of a
signed fleet; an open one defends itself against none of this, and says so in every status.

**Whom is anything taken from?** A forge, a network, a stick, a registry and a node are strangers.
Believed are: the persons in the root, as far as their roles go and in the numbers that it asks for;
a site about where and when; a node about itself.

| in hostile hands | what it can do | what it cannot |
|---|---|---|
"""

_ATTACKS = """
| attack | who could try | what stops it | rule | what remains |
|---|---|---|---|---|
"""

_TAIL = """
## Not defended against

- Whoever is root on a node runs there what they like; its report is then its own.
- A forge that shows nothing new. Sites go on; `margo status` says how old each word is.
- Persons who approve what they did not read. `margo pr show` shows what sites will run.
- Keys that leave with people: `margo trust retire` and `revoke` end what they can do, from the
  moment that a site hears of it.
- SHA-1, as far as git names its commits by it: descent is asked of git, and what a commit holds
  is checked by sha256.
"""


def text() -> str:
    """The page."""
    rows = [
        f"| {attack.name} | {attack.who} | {attack.stops} | `{attack.rule}` | {attack.remains} |\n"
        for attack in ATTACKS.values()
    ]
    hands = [f"| {' | '.join(row)} |\n" for row in _HANDS]
    return _HEAD + "".join(hands) + _ATTACKS + "".join(rows) + _TAIL


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")

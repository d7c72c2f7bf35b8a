"""Runs the drill and writes its table into the README: `python -m tests.drill.page [FILE]`.

FILE is what `margo drill --json` printed before; without it the drill is run.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from margo_gitops.roles.drill.running import CASES
from tests.cli.running import margo

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "README.md"
BEGIN, END = "<!-- the drill's table -->\n", "<!-- /the drill's table -->\n"

_HEAD = (
    "| case | what is tried | times | told as | ended where it should |\n|---|---|---|---|---|\n"
)
_ROW = re.compile(r"\| ([^|]+) \| ([^|]+) \| [0-9,]+ \| [^|]+ \| (yes|NO) \|")
_COUNT = re.compile(r" [0-9]+(?=,|$)")


def table(cases: Sequence[Mapping[str, Any]]) -> str:
    """The table of what a drill found."""
    tries = {case.name: case.tries for case in CASES}
    return _HEAD + "".join(
        f"| {case['name']} | {tries[case['name']]} | {case['times']:,} | {_told(case['rule'])} |"
        f" {'yes' if case['ok'] else 'NO'} |\n"
        for case in cases
    )


def rows(page: str) -> list[tuple[str, str, str]]:
    """Name, trial and verdict of each row between the two lines."""
    _, _, rest = page.partition(BEGIN)
    return [(name, tried, ok) for name, tried, ok in _ROW.findall(rest.partition(END)[0])]


def main(words: Sequence[str]) -> int:
    """Run, write; 1 where a case did not end where it should."""
    text = Path(words[0]).read_text() if words else margo(*_RUN, cwd=ROOT, timeout=1800).stdout
    cases = json.loads(text)["cases"]
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(before + BEGIN + table(cases) + END + after, encoding="utf-8")
    return 0 if all(case["ok"] for case in cases) else 1


_RUN = ("drill", "--json")


def _told(rule: str) -> str:
    """Rules without how often each was told; a dash where nothing was wrong."""
    plain = _COUNT.sub("", rule)
    return ", ".join(f"`{name}`" for name in plain.split(", ")) if plain else "—"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

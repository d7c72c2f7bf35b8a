"""`python -m tests.bench [--quick] [--only NAME] [--rounds N] [--page FILE]`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.bench import agents, documents
from tests.bench.page import page
from tests.bench.result import Bench, Section

CASES: Mapping[str, Callable[[Bench], list[Section]]] = {
    "documents": lambda bench: [documents.speed(bench)],
    "twice": lambda bench: [documents.twice(bench)],
    "commands": lambda bench: [documents.commands(bench)],
    "fleets": agents.fleets,
}
PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def measure(bench: Bench, names: Sequence[str]) -> list[Section]:
    """The comparisons of these names, one after the other."""
    sections = []
    for name in names:
        for section in CASES[name](bench):
            for row, sample in section.rows.items():
                _say(f"{section.title}: {row}: {sample.cpu:.2f} ms CPU, {sample.wall:.2f} ms wall")
            sections.append(section)
    return sections


def main(words: Sequence[str]) -> int:
    """Run it; the page is written only where everything was measured in full, or where asked."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small fixtures, few rounds")
    parser.add_argument("--only", choices=CASES, action="append", help="this case; repeatable")
    parser.add_argument("--rounds", type=int, help="how often each case is measured")
    parser.add_argument("--page", type=Path, help="where to write the page")
    given = parser.parse_args(words)
    where = given.page or (None if given.quick or given.only else PAGE)
    with tempfile.TemporaryDirectory(prefix="margo-bench-") as folder:
        _as_installed(Path(folder) / "bytecode")
        sections = measure(
            Bench(Path(folder), given.quick, given.rounds or (2 if given.quick else 7)),
            given.only or list(CASES),
        )
    text = page(sections)
    if where is None:
        _say(text)
    else:
        where.write_text(text)
    return 0


def _as_installed(folder: Path) -> None:
    """Every program that is started here finds its modules compiled, as where it is installed."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The page: targets first, then each comparison with its table and its bars."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version

from tests.bench.measure import Sample
from tests.bench.result import Section, short

_HEAD = """\
# Benchmarks

Written by `nox -s bench` (`python -m tests.bench`); do not edit. Everything here was measured in
one run, with cases that are compared taking turns (A B C A B C). Figures are medians; judge by
processor time and by ratios, for wall times of a shared machine are weather.

- **CPU** is user and system time of the client and of all that it waited for, not of servers.
- **Memory** is the peak of the largest process; one below 10 MB is shown as that, for the measuring
  program itself needs as much.
- **Received** is counted by a proxy between client and server: every byte of the answers, headers
  included.
- Servers are nginx with `git http-backend` on the same machine, over loopback, without TLS.
"""
_WIDTH = 40


def page(sections: Sequence[Section]) -> str:
    """The whole page as Markdown."""
    heads = dict.fromkeys(head for section in sections for head in section.heads)
    head = "".join([_HEAD, *(f"- {line}\n" for line in heads)])
    parts = [head, _where(), _targets(sections), *(_section(section) for section in sections)]
    return "\n".join(parts)


def _where() -> str:
    program = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True)
    versions = ", ".join(f"{name} {version(name)}" for name in ("dulwich", "jsonschema"))
    return (
        f"{time.strftime('%Y-%m-%d', time.gmtime())}, {platform.system()} {platform.machine()},"
        f" {os.cpu_count()} cores (shared with other work), Python {platform.python_version()},"
        f" {program.stdout.strip()}, {versions}.\n"
    )


def _targets(sections: Iterable[Section]) -> str:
    lines = ["## Targets", "", "| target | wanted | found | |", "|---|---|---|---|"]
    for section in sections:
        for target in section.targets:
            verdict = "met" if target.met else f"**missed**: {target.why or 'not known yet'}"
            name = f"{section.title}: {target.promise}"
            lines.append(f"| {name} | {target.wanted} | {target.found} | {verdict} |")
    return "\n".join(lines) + "\n"


def _section(section: Section) -> str:
    lines = [f"## {section.title}", "", section.about, ""]
    if section.rows:
        lines += ["| | CPU ms | wall ms | memory MB | received |", "|---|---|---|---|---|"]
        lines += [_row(name, sample) for name, sample in section.rows.items()]
        lines += ["", *_bars(section)]
    for note in section.notes:
        lines += ["", note]
    return "\n".join(lines) + "\n"


def _row(name: str, sample: Sample) -> str:
    memory = "" if sample.rss is None else "< 10" if sample.rss < 10 else f"{sample.rss:.0f}"
    received = "" if sample.received is None else f"{sample.received:,} B"
    return f"| {name} | {short(sample.cpu)} | {short(sample.wall)} | {memory} | {received} |"


def _bars(section: Section) -> Iterator[str]:
    values = {name: getattr(sample, section.chart) for name, sample in section.rows.items()}
    longest, top = max(map(len, values)), max(values.values()) or 1.0
    yield "```"
    yield f"{section.chart} ms".upper().replace("MS", "ms")
    for name, value in values.items():
        bar = "█" * round(_WIDTH * value / top) or "▏"
        yield f"{name.ljust(longest)}  {bar} {short(value)}"
    yield "```"

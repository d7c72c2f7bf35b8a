"""Documents broken at random, fed to everything that reads them: `python -m tests.documents.fuzz`.

A run is replayed by its seed. What counts as a fault: any exception that is no `MargoError`, one
document that takes longer than a second, more than 200 MB.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from margo_gitops.documents import margo
from margo_gitops.documents.check import check
from margo_gitops.documents.convert import convert
from margo_gitops.documents.dialects import Dialect, detect
from margo_gitops.documents.edit import edit
from margo_gitops.documents.yaml import parse
from margo_gitops.errors import MargoError
from tests.documents.bases import BASES
from tests.documents.hostile import peak

SEEDS = [text.encode() for text in BASES.values()]
BITS = [
    *(b"{", b"}", b"[", b"]", b"- ", b": ", b"? ", b"&a ", b"*a", b"!!", b"<<: *a", b"|\n"),
    *(b'"', b"'", b"\n", b"\r", b"\t", b"\x00", b"\xff", b"\xc3", b"\xef\xbb\xbf", b">-\n"),
    *(b"# x", b"---\n", b"...\n", b"%YAML 1.1\n", b"{{ x }}", b"1e999", b"0x", b"-0", b"null"),
    *(b"9" * 500, b"[" * 80, b"{a: " * 80, b"a: " * 80, b"\\ud800", b".nan", b"true", b"\x85"),
    *(b"~", b"\xe2\x80\xa8"),
]


def broken(random: random.Random) -> bytes:
    """A right document with one to eight things done to it."""
    data = random.choice(SEEDS)
    for _ in range(random.randint(1, 8)):
        data = random.choice(CHANGES)(random, data)
    return data[: 1 << 17]


def _insert(random: random.Random, data: bytes) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + random.choice(BITS) + data[at:]


def _flip(random: random.Random, data: bytes) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + bytes([random.randrange(256)]) + data[at + 1 :]


def _cut(random: random.Random, data: bytes) -> bytes:
    start, end = sorted(random.randrange(len(data) + 1) for _ in range(2))
    return data[:start] + data[end:]


def _repeat(random: random.Random, data: bytes) -> bytes:
    start, end = sorted(random.randrange(len(data) + 1) for _ in range(2))
    return data[:end] + data[start:end] * random.randint(1, 20) + data[end:]


def _lines(random: random.Random, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    if lines:
        at = random.randrange(len(lines))
        lines.insert(random.randrange(len(lines)), lines.pop(at))
    return b"".join(lines)


def _graft(random: random.Random, data: bytes) -> bytes:
    other = random.choice(SEEDS)
    start, end = sorted(random.randrange(len(other) + 1) for _ in range(2))
    at = random.randrange(len(data) + 1)
    return data[:at] + other[start:end] + data[at:]


def _value(random: random.Random, data: bytes) -> bytes:
    """Another value after a colon: most often still YAML, so that what follows has work."""
    colons = [i for i, byte in enumerate(data) if byte == 0x3A]
    if not colons:
        return data
    at = random.choice(colons) + 1
    end = data.find(b"\n", at)
    values = [b" []", b" {}", b" 7", b" text", b" true", b" [[{}]]", b" {a: {b: 1}}", b" -1.5", b""]
    return data[:at] + random.choice(values) + (data[end:] if end >= 0 else b"")


Change = Callable[[random.Random, bytes], bytes]
CHANGES: Sequence[Change] = (_insert, _flip, _cut, _repeat, _lines, _graft, _value, _value, _value)


def feed(data: bytes) -> None:
    """Everything that a stranger's document can reach."""
    errors = [f for f in check(data, "fuzz", strict=True) if f.severity == "error"]
    try:
        found = parse(data, "fuzz").data
    except MargoError:
        assert errors, "refused by the parser and not by the check"
        return
    for dialect in (Dialect.B, Dialect.D):
        check(data, "fuzz", dialect=dialect)
        _quietly(partial(convert, data, "fuzz", dialect, allow_loss=True))
    if detect(found) is not None:
        _quietly(lambda: margo.read(data, "fuzz"))
    if isinstance(found, dict) and found:
        key = next(iter(found))
        _quietly(lambda: edit(data, found, {**found, key: "changed"}))


def _quietly(act: Callable[[], object]) -> None:
    with suppress(MargoError):
        act()


def run(runs: int, seed: int) -> dict[str, float]:
    """Feed `runs` documents; the figures, or the fault with the document's own seed."""
    slowest = 0.0
    for number in range(runs):
        own = random.Random(f"{seed} {number}")
        data = broken(own)
        start = time.process_time()
        try:
            feed(data)
        except Exception as error:
            raise AssertionError(f"seed {seed} run {number}: {error!r}\n{data!r}") from error
        slowest = max(slowest, time.process_time() - start)
    return {"runs": runs, "seed": seed, "slowestSeconds": slowest, "peakMegabytes": peak()}


def main() -> None:
    """Run as asked, print the figures as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    words = parser.parse_args()
    print(json.dumps(run(words.runs, words.seed)))  # noqa: T201  # what it is for


if __name__ == "__main__":
    main()

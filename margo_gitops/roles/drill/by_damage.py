"""Trips that were cut off or changed on their way: a few hundred copies, each with one fault."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from margo_gitops.roles.drill import damage
from margo_gitops.roles.drill.casebook import Case, Found, expect
from margo_gitops.roles.drill.scene import Scene
from margo_gitops.roles.drill.site import said_in
from margo_gitops.roles.trips.base import Mode
from margo_gitops.store.tripfile import BUNDLE, SEAL, TRIP

FLIPS = 40
"""Single bits of each part that are flipped, one copy each."""

CUTS = 40

_RULE = re.compile(r"not taken in \[([a-z-]+)\]: ")


@dataclass(frozen=True, slots=True)
class _Flipped:
    """Copies of a full trip, each with one bit of this part flipped; by which rules it is told."""

    part: str
    rules: Collection[str]

    def __call__(self, scene: Scene) -> Found:
        trip = scene.next(Mode.FULL, goods=True).path
        out = scene.space("flipped")
        chosen = damage.bits(damage.regions(trip)[self.part], FLIPS, scene.chance)
        chosen += _aimed(trip, self.part)
        copies = [
            damage.flipped(trip, bit, name)
            for bit, name in zip(chosen, damage.names(trip, out), strict=False)
        ]
        said, rules = _told(scene, copies, self.rules)
        tried = f"{len(copies)} single bits of {self.part}, seed {scene.seed}"
        return Found(tried, said, rules, len(copies))


def _truncated(scene: Scene) -> Found:
    trip = scene.next(Mode.FULL, goods=True).path
    size, out = trip.stat().st_size, scene.space("truncated")
    starts = [begin for ranges in damage.regions(trip).values() for begin, _ in ranges]
    some = scene.chance.sample(range(1, size), CUTS - 2)
    sizes = sorted({0, size - 1, *some, *(start for start in starts if start < size)})
    copies = [
        damage.cut(trip, size, name)
        for size, name in zip(sizes, damage.names(trip, out), strict=False)
    ]
    said, rules = _told(scene, copies, ("truncated",))
    tried = f"{len(copies)} lengths of a trip of {size} bytes, seed {scene.seed}"
    return Found(tried, said, rules, len(copies))


def _told(scene: Scene, copies: Sequence[Path], rules: Collection[str]) -> tuple[str, str]:
    """What the site said of copies that all lie on one stick, and by which rules.

    `Astray` where it moved, or took one for anything but what it is.
    """
    before = scene.site.stands()
    answer = scene.bring(*copies)
    scene.same(before)
    expect(len(answer.results) == len(copies), f"{len(answer.results)} answers to {len(copies)}")
    counted: Counter[str] = Counter()
    for file, text in answer.results.items():
        line = said_in(text)
        match = _RULE.match(line)
        rule = "overtaken" if line.startswith("overtaken") else match[1] if match else ""
        expect(rule in rules, f"{file} was told as {rule or line!r}, expected {', '.join(rules)}")
        counted[rule] += 1
    words = ", ".join(f"{rule} {count}" for rule, count in counted.most_common())
    example = next(said_in(text) for text in answer.results.values())
    return f"{_RULE.sub('', example).partition('. ')[0]}", words


def _aimed(trip: Path, part: str) -> list[int]:
    """The bits that nothing but one check can find: they are flipped whatever the seed is."""
    data, ranges = trip.read_bytes(), damage.regions(trip)[part]
    if part == TRIP:
        found = re.search(rb'"previous":"sha256:([0-9a-f]+)"', data)
        digits = range(found.start(1), found.end(1)) if found else range(0)
        return [at * 8 for at in islice((at for at in digits if data[at] in b"0246"), 1)]
    if part == damage.PARTS[BUNDLE]:
        return [(ranges[0][1] - 1) * 8]
    return []


_READ = ("format", "trip", "truncated", "direction", "site", "fleet", "refs", "trip-chain")
"""What finds a flip before anything is unpacked; only the seal finds all of them."""

CASES = (
    Case("truncated", "a trip that was not copied whole", _truncated),
    Case(
        f"bit flipped in {TRIP}",
        f"one bit of {TRIP} is flipped",
        _Flipped(TRIP, ("signature", "bundle", "digest", "overtaken", *_READ)),
    ),
    Case(
        "bit flipped in the seal",
        "one bit of the signature is flipped",
        _Flipped(damage.PARTS[SEAL], ("signature",)),
    ),
    Case(
        "bit flipped in the bundle",
        "one bit of refs.bundle is flipped",
        _Flipped(damage.PARTS[BUNDLE], ("digest",)),
    ),
    Case(
        "bit flipped in a blob",
        "one bit of an image's blob is flipped",
        _Flipped(damage.BLOB, ("digest",)),
    ),
    Case(
        "bit flipped in the frame",
        "one bit of the tar's headers is flipped",
        _Flipped(damage.FRAME, ("trip",)),
    ),
    Case(
        "bit flipped in the padding",
        "one bit between the parts is flipped",
        _Flipped(damage.PADDING, ("trip",)),
    ),
)

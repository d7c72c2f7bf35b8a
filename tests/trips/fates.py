"""What befalls a stick on its way: nothing, mostly."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

FATES = {
    "on time": 40, "late": 18, "lost": 18, "copied twice": 8,
    "truncated": 6, "flipped": 6, "astray": 4,
}  # fmt: skip
"""How often each, in a hundred."""


@dataclass(frozen=True)
class Coming:
    """A stick that arrives somewhere on a day."""

    day: int
    where: str
    stick: Path


@dataclass
class Couriers:
    """They carry folders; `on` is what is on its way."""

    chance: random.Random
    folder: Path
    on: list[Coming] = field(default_factory=list)
    sticks: int = 0

    def stick(self) -> Path:
        """An empty one."""
        self.sticks += 1
        made = self.folder / f"stick-{self.sticks}"
        made.mkdir()
        return made

    def send(self, stick: Path, to: str, day: int, elsewhere: Sequence[str] = ()) -> str:
        """Carry a stick; what will have become of it."""
        fate = self.chance.choices([*FATES], [*FATES.values()])[0]
        if fate == "lost":
            return fate
        due, where = day, to
        if fate == "late":
            due += self.chance.randint(1, 6)
        if fate in ("truncated", "flipped"):
            self._damage(stick, fate)
        if fate == "astray" and elsewhere:
            where = self.chance.choice(elsewhere)
        if fate == "copied twice":
            other = self.stick()
            shutil.copytree(stick, other, dirs_exist_ok=True)
            self.on.append(Coming(due + self.chance.randint(0, 6), to, other))
        self.on.append(Coming(due, where, stick))
        return fate

    def arrived(self, day: int, where: str) -> list[Path]:
        """The sticks that are there by that day, in an order of their own."""
        here = [coming for coming in self.on if coming.day <= day and coming.where == where]
        self.on = [coming for coming in self.on if coming not in here]
        self.chance.shuffle(here)
        return [coming.stick for coming in here]

    def _damage(self, stick: Path, fate: str) -> None:
        files = sorted(path for path in stick.iterdir() if ".margo.tar" in path.name)
        if not files:
            return
        file = self.chance.choice(files)
        data = bytearray(file.read_bytes())
        at = self.chance.randrange(len(data))
        if fate == "truncated":
            del data[at:]
        else:
            data[at] ^= 1 << self.chance.randrange(8)
        file.write_bytes(data)

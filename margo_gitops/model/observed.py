"""What an engine holds, as its driver read it: reality, not what we remember of it."""

from __future__ import annotations

from dataclasses import dataclass

from margo_gitops.model.state import State


@dataclass(frozen=True, slots=True)
class ObservedComponent:
    """One component as its engine knows it. `detail` is one line for a person.

    `lost` says that nothing but `apply` brings it back: its process or container is gone. A
    component that its engine restarts by itself, or a job that ended, is not lost. `restarts`
    counts how often its engine did so, as far as it says.
    """

    name: str
    state: State
    detail: str = ""
    lost: bool = False
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Observed:
    """One deployment that an engine holds, and the `origin` that it was started from."""

    id: str
    name: str
    origin: str
    components: tuple[ObservedComponent, ...]

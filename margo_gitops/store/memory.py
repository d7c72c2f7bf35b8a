"""The refs of a repository that lives in memory."""

from __future__ import annotations


class MemoryRefs:
    """See `Refs`."""

    def __init__(self) -> None:
        self._refs: dict[str, str] = {}

    def read(self, name: str) -> str | None:
        """See `Refs`."""
        return self._refs.get(name)

    def below(self, prefix: str) -> dict[str, str]:
        """See `Refs`."""
        return {name: id for name, id in self._refs.items() if name.startswith(prefix)}

    def swap(self, name: str, old: str | None, new: str | None) -> bool:
        """See `Refs`."""
        if self._refs.get(name) != old:
            return False
        if new is None:
            self._refs.pop(name, None)
        else:
            self._refs[name] = new
        return True

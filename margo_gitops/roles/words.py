"""An engine's last words on a workload, for a person: bounded, and without its secrets."""

from __future__ import annotations

from margo_gitops.errors import MargoError
from margo_gitops.runtime.base import Driver, Workload

LINES = 20
"""Lines of output that are kept of each component."""

_HIDDEN = "***"


def last_words(driver: Driver, workload: Workload, failure: str) -> str:
    """The failure, then what the workload's components printed last, `_HIDDEN` for each secret."""
    said = [failure]
    for component in workload.components:
        try:
            lines = driver.logs(workload.id, component.name, LINES).strip()
        except MargoError:
            continue
        if lines:
            said.append(f"{component.name} said:\n{lines}")
    return hidden("\n".join(said), workload)


def hidden(text: str, workload: Workload) -> str:
    """The text without the workload's secrets, the longest first: one may be part of another."""
    secrets = {str(c.values[key]) for c in workload.components for key in c.secrets}
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return text

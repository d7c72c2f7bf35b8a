"""The same feeding, guided by coverage: `nox -s fuzz`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["margo_gitops.documents", "margo_gitops.model"]):
    from tests.documents.fuzz import SEEDS, feed


def main() -> None:
    """Start from the right documents of the rules' cases."""
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(SEEDS):
            (Path(folder) / f"seed-{number}").write_bytes(seed)
        atheris.Setup([*sys.argv, folder], feed)
        atheris.Fuzz()


if __name__ == "__main__":
    main()

"""How much of another's making we take in: every bound of the store, in one place."""

from __future__ import annotations

MAX_FILE = 16 << 20
"""Bytes of one object: three times the largest artifact that travels in git."""

MAX_FILES = 200_000
"""Files that one commit may hold: a `main` of 50,000 nodes."""

MAX_TOTAL = 256 << 20
"""Bytes of the files that are read from one commit at once."""

MAX_DEPTH = 32
"""Folders within folders."""

MAX_OBJECTS = 2_000_000
"""Objects that arrive at once."""

MAX_PACK = 256 << 20
"""Bytes of a pack as it travels."""

MAX_INFLATED = 2 << 30
"""Bytes of all objects of a pack, unpacked."""

MAX_ADVERT = 64 << 20
"""Bytes of a list of refs: 600,000 of them."""

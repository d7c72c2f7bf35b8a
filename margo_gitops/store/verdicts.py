"""Verdicts kept from one run to the next, by blob id: a second check reads nothing again.

The cache lies in the clone's own git folder and is worth nothing by itself: one that is damaged,
locked, or of other rules is thrown away or passed over, and never an error.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from functools import cache
from pathlib import Path

MAX_ENTRIES = 400_000
"""Rows that are kept: a fleet of 50,000 deployments and what fits them takes 100,000."""

_WAIT = 0.2
_FEW = 500
_SCHEMA = """
CREATE TABLE IF NOT EXISTS rules (version TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS verdicts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class Verdicts:
    """Texts by key, in one file; `None` keeps nothing."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def get(self, keys: Iterable[str]) -> dict[str, str]:
        """The texts that are kept under these keys by the very rules that are in force."""
        wanted = list(keys)
        if self._file is None or not wanted or not self._file.is_file():
            return {}
        try:
            with closing(self._open(self._file)) as database:
                if not _current(database):
                    return {}
                return _few(database, wanted) if len(wanted) <= _FEW else _many(database, wanted)
        except sqlite3.Error as error:
            self._discard(error)
            return {}

    def put(self, texts: Mapping[str, str]) -> None:
        """Keep these, in one transaction; what other rules said goes."""
        if self._file is None or not texts:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._open(self._file)) as database:
                _write(database, texts)
        except sqlite3.Error as error:
            self._discard(error)
        except OSError:
            return

    def _open(self, file: Path) -> sqlite3.Connection:
        database = sqlite3.connect(file, timeout=_WAIT, isolation_level=None)
        database.execute("PRAGMA synchronous = OFF")
        return database

    def _discard(self, error: sqlite3.Error) -> None:
        """A file that is no database any more; one that is locked stays for its writer."""
        if self._file is not None and not isinstance(error, sqlite3.OperationalError):
            with suppress(OSError):
                self._file.unlink()


@cache
def rule_set() -> str:
    """A digest of everything that decides a verdict: the rules, the models and the schemas.

    It is of the sources themselves, so that no edit of a rule can leave old verdicts standing.
    """
    package = Path(__file__).parents[1]
    schemas = (package / "data" / "schemas", package.parent / "schemas")
    found = hashlib.sha256()
    for folder, ending in (
        (package / "documents", "*.py"),
        (package / "model", "*.py"),
        (package / "status", "*.py"),
        (package / "render", "*.py"),
        (package / "plan", "*.py"),
        *((folder, "*.json") for folder in schemas if folder.is_dir()),
    ):
        for file in sorted(folder.rglob(ending)):
            data = file.read_bytes()
            found.update(f"{file.relative_to(folder)} {len(data)}\n".encode() + data)
    return found.hexdigest()


def _current(database: sqlite3.Connection) -> bool:
    return database.execute("SELECT version FROM rules").fetchall() == [(rule_set(),)]


def _few(database: sqlite3.Connection, keys: list[str]) -> dict[str, str]:
    marks = ",".join("?" * len(keys))
    query = f"SELECT key, value FROM verdicts WHERE key IN ({marks})"  # noqa: S608  # marks only
    return dict(database.execute(query, keys).fetchall())


def _many(database: sqlite3.Connection, keys: list[str]) -> dict[str, str]:
    wanted = set(keys)
    rows = database.execute("SELECT key, value FROM verdicts")
    return {key: value for key, value in rows if key in wanted}


def _write(database: sqlite3.Connection, texts: Mapping[str, str]) -> None:
    database.executescript(_SCHEMA)
    database.execute("BEGIN IMMEDIATE")
    kept = database.execute("SELECT count(*) FROM verdicts").fetchone()[0]
    if not _current(database) or kept + len(texts) > MAX_ENTRIES:
        database.execute("DELETE FROM verdicts")
        database.execute("DELETE FROM rules")
        database.execute("INSERT INTO rules VALUES (?)", (rule_set(),))
    database.executemany("INSERT OR REPLACE INTO verdicts VALUES (?, ?)", texts.items())
    database.execute("COMMIT")

"""The tables of a session file, and how a file of an earlier version becomes one of this version.

Owns the names of tables and columns; docs/session_file.md describes them for other tools. ``connection`` prepares each
file here, ``reader`` and ``writer`` fill and read the tables.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

APPLICATION_ID = 0x53414D57
"""Of the header of the file: "SAMW" as bytes."""

_FIRST_VERSION = """
CREATE TABLE images (
    image INTEGER PRIMARY KEY,
    path TEXT,
    content_hash TEXT NOT NULL,
    file_hash TEXT,
    file_bytes INTEGER,
    height INTEGER NOT NULL,
    width INTEGER NOT NULL,
    options TEXT NOT NULL,
    state TEXT NOT NULL,
    network TEXT NOT NULL,
    present_step INTEGER NOT NULL,
    next_id INTEGER NOT NULL,
    changed_at TEXT NOT NULL
);
CREATE TABLE classes (
    image INTEGER NOT NULL,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    colour TEXT NOT NULL,
    PRIMARY KEY (image, position)
);
CREATE TABLE objects (
    image INTEGER NOT NULL,
    id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    class TEXT,
    colour TEXT NOT NULL,
    visible INTEGER NOT NULL,
    locked INTEGER NOT NULL,
    made_by TEXT NOT NULL,
    network TEXT NOT NULL,
    score REAL NOT NULL,
    level INTEGER,
    points TEXT NOT NULL,
    labels TEXT NOT NULL,
    box TEXT,
    threshold REAL NOT NULL,
    area INTEGER NOT NULL,
    x0 INTEGER, y0 INTEGER, x1 INTEGER, y1 INTEGER,
    run_lengths TEXT NOT NULL,
    logits TEXT NOT NULL,
    frame TEXT NOT NULL,
    PRIMARY KEY (image, id)
);
CREATE TABLE steps (
    image INTEGER NOT NULL,
    step INTEGER NOT NULL,
    versions TEXT NOT NULL,
    active_object INTEGER,
    classes TEXT NOT NULL,
    active_class TEXT,
    PRIMARY KEY (image, step)
);
CREATE TABLE versions (
    image INTEGER NOT NULL,
    version INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (image, version)
);
CREATE TABLE arrays (
    image INTEGER NOT NULL,
    hash TEXT NOT NULL,
    dtype TEXT NOT NULL,
    shape TEXT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (image, hash)
);
CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
"""


def _create(connection: sqlite3.Connection) -> None:
    # Not executescript, which would commit: a file has all tables of a version or those of the version before.
    for statement in _FIRST_VERSION.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


MIGRATIONS: list[Callable[[sqlite3.Connection], None]] = [_create]
"""Item n makes a file of version n + 1 of a file of version n, inside a transaction of the caller."""

TABLES = ("images", "classes", "objects", "steps", "versions", "arrays", "settings")


def newest_version() -> int:
    """The version of the files that this samwidget writes."""
    return len(MIGRATIONS)


def version_of(connection: sqlite3.Connection) -> int | None:
    """The version of an open file; 0 where it is empty, and None where it is the file of another program."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application_id == APPLICATION_ID:
        return int(version)
    is_empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    return 0 if is_empty and application_id == 0 and version == 0 else None


def runs_code(connection: sqlite3.Connection) -> bool:
    """Whether the file has SQL that would run when its tables are read or written: a session file has none."""
    query = "SELECT count(*) FROM sqlite_master WHERE type IN ('view', 'trigger')"
    return int(connection.execute(query).fetchone()[0]) > 0


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Makes a file of ``version`` one of the newest version, inside a transaction of the caller."""
    for step in MIGRATIONS[version:]:
        step(connection)
    connection.execute(f"PRAGMA user_version = {newest_version()}")

"""Recovers what can be read of a damaged session file into a new file. The damaged one stays as it is.

Rows are read table by table, forwards to the damage and backwards to it, into a database in memory. Objects whose
arrays or values are lost are left out of the steps. Where all steps are lost, the last version of each object remains.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samwidget.document.history import Steps
from samwidget.document.session import schema
from samwidget.document.session.checks import UNREADABLE
from samwidget.document.session.connection import Connection
from samwidget.document.session.reader import HistoryReader, read_images, read_settings
from samwidget.document.session.rows import Rows, SessionImage, Snapshot
from samwidget.document.session.writer import ImageWriter
from samwidget.errors import SessionError


@dataclass(frozen=True)
class Recovery:
    """A new file with what could be read.

    Attributes:
        path: of the new file.
        object_count: how many present objects it has.
        is_earlier: whether the file is there since an earlier recovery, and work may have gone on in it.
    """

    path: Path
    object_count: int
    is_earlier: bool


def recover(path: Path) -> Recovery:
    """Makes ``NAME-recovered.samw`` beside a damaged session file; a file of this name that is there already is taken.

    Raises:
        SessionError: nothing can be read, or the new file cannot be written.
    """
    target = path.with_name(f"{path.stem}-recovered{path.suffix}")
    if target.exists():
        return Recovery(target, 0, is_earlier=True)
    with closing(_salvaged(path)) as database:
        histories = [(image, _history(database, image)) for image in _images(database)]
        settings: dict[str, Any] = {}
        with suppress(*UNREADABLE):  # they are the sliders' positions: no loss
            settings = read_settings(database)
    if not histories:
        raise SessionError(
            f"{path.name} is damaged, and nothing in it can be read",
            hint="move it away, or give the path of another file",
        )
    connection = Connection(target)
    try:
        for image, steps in histories:
            objects = steps.states[steps.position].objects
            writer = ImageWriter(connection, image, Rows())
            writer.write(Snapshot(steps, objects, image.network, settings))
    except BaseException:
        connection.give_back()
        target.unlink(missing_ok=True)
        raise
    connection.give_back()
    return Recovery(target, sum(len(steps.states[steps.position].objects) for _, steps in histories), is_earlier=False)


def _salvaged(path: Path) -> sqlite3.Connection:
    """A database in memory with the rows that can be read."""
    memory = sqlite3.connect(":memory:", isolation_level=None)
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as damaged:
        damaged.execute("PRAGMA writable_schema = ON")  # reads a file of which the end is cut off, too
        version = schema.newest_version()
        with suppress(sqlite3.Error, UnicodeDecodeError):
            version = schema.version_of(damaged) or version
        for migration in schema.MIGRATIONS[:version]:
            migration(memory)
        for table in schema.TABLES:
            columns = [row[1] for row in memory.execute(f"PRAGMA table_info({table})")]
            names = ", ".join(columns)
            for order in ("", "DESC"):
                with suppress(sqlite3.Error, UnicodeDecodeError):  # the damage begins here, from this side
                    # Text that is no text any more must not end the reading: its row is checked later.
                    damaged.text_factory = lambda data: data.decode(errors="replace")
                    for row in damaged.execute(f"SELECT {names} FROM {table} NOT INDEXED ORDER BY rowid {order}"):
                        with suppress(sqlite3.Error):  # a row without a value that it needs
                            memory.execute(
                                f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})", row
                            )
        for migration in schema.MIGRATIONS[version:]:
            migration(memory)
    return memory


def _images(database: sqlite3.Connection) -> list[SessionImage]:
    try:
        # Written in this order, the last one is the newest again.
        return read_images(database, lose=lambda error: None)[::-1]
    except UNREADABLE:
        return []


def _history(database: sqlite3.Connection, image: SessionImage) -> Steps:
    reader = HistoryReader(database, image, lose=lambda error: None)
    steps = reader.read()
    if any(state.objects for state in steps.states):
        return steps
    state = reader.latest_versions()
    next_id = max([steps.next_id, *(item.id + 1 for item in state.objects)])
    return Steps((*steps.states, state), len(steps.states), next_id)

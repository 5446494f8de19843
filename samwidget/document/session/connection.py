"""Connection: one open session file, shared by the widgets of a process that have it open.

Owns how the file is opened, locked, prepared and checked, and that each write is whole or nothing. It says in our
errors what SQLite refuses. What is in the tables is up to ``reader`` and ``writer``.

The journal is SQLite's rollback journal, with ``synchronous = EXTRA``: what is committed survives a kill and a loss of
power, the file at rest is one file, and network folders work, which the write-ahead log excludes.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from samwidget.document.session import schema
from samwidget.document.session.lock import FileLock
from samwidget.errors import SessionError

# Another program that reads the file, or a virus scanner, holds a write back for a moment.
_BUSY_TIMEOUT_S = 5.0

# Flushes the journal, the file and the folder before a write counts as done.
_SYNCHRONOUS = "EXTRA"

# What SQLite says, what we say, and the remedy. Python 3.10 has no codes of these errors.
_REFUSALS = (
    ("full", "the disk is full", "free some space; the next change is saved with all before it"),
    ("readonly", "{path} cannot be written", "make the file writable, or save to another one with w.save(path)"),
    ("unable to open", "{path} cannot be written", "make its folder writable, or save elsewhere with w.save(path)"),
    ("locked", "another program holds {path}", "close it there; the next change is saved with all before it"),
    ("disk I/O", "the disk refuses to write {path}", "check that it has space, or save elsewhere with w.save(path)"),
)


class DamagedError(SessionError):
    """A session file is damaged: what is left of it can be recovered."""


class Connection:
    """One session file. Threads may share it: each read and write holds its lock.

    Args:
        path: of the file; it is made where it is missing.

    Raises:
        SessionError: the folder is missing, or the file is not a session file, or that of a newer version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.absolute()  # the current folder may change while the file is open
        self.lock = threading.RLock()
        self.generation = 0
        """Grows when the rows are no longer what this process wrote: the writers then write everything."""
        self.is_held_elsewhere = False
        """Whether another process writes the file: then this one only reads it."""
        self.failure: SessionError | None = None
        """Why the file could not be made or opened for writing at first; None where it could."""
        self._file_lock = FileLock(self._file.with_name(f"{path.name}.lock"))
        self._database: sqlite3.Connection | None = None
        self._file_id: tuple[int, int] | None = None
        self._data_version = 0
        self._holders = 1
        if not path.parent.is_dir():
            raise SessionError(f"there is no folder {path.parent}", hint="make it, or give the path of another file")
        if path.is_dir():
            raise SessionError(f"{path.name} is a folder", hint="give the path of a file, such as labels.samw")
        if path.exists() and not path.is_file():  # to open a named pipe would wait for its other end
            raise SessionError(f"{path.name} is no plain file", hint="give the path of one, such as labels.samw")
        try:
            self._open()
        except BaseException:
            self._close()
            raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Gives the database to read; empty where the file could not be made.

        Raises:
            DamagedError: the file is damaged.
            SessionError: the file cannot be read.
        """
        with self.lock:
            database = self._database if self._database is not None else sqlite3.connect(":memory:")
            try:
                if self._database is None:
                    schema.migrate(database, 0)
                yield database
            except sqlite3.DatabaseError as error:
                raise refusal(self.path, error) from error
            finally:
                if self._database is None:
                    database.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Gives the database to write; commits at the end of the block, and takes all back where it fails.

        Raises:
            SessionError: the file cannot be written; it is as it was before.
        """
        with self.lock:
            try:
                database = self._database_to_write()
                yield database
                database.execute("COMMIT")
                self._data_version = _data_version(database)
            except (sqlite3.Error, OSError) as error:
                raise refusal(self.path, error) from error
            finally:
                self._roll_back()

    def is_at(self, path: Path) -> bool:
        """Whether this is the file of a path."""
        return path.resolve() == self._file.resolve()

    def hold(self) -> None:
        """Counts one holder more."""
        with self.lock:
            self._holders += 1

    def follow(self) -> None:
        """Opens the file anew where somebody has deleted or replaced it.

        Raises:
            SessionError: as ``Connection``.
        """
        with self.lock:
            if self._file_id is None or _file_id(self._file) != self._file_id:
                self._close()
                self.generation += 1
                self._open()

    def give_back(self) -> bool:
        """Counts one holder less; closes the file and returns True where none is left."""
        with self.lock:
            self._holders -= 1
            if self._holders > 0:
                return False
            self._close()
            return True

    def _open(self) -> None:
        """Opens the file: for reading alone where another process writes it, or where nobody may write it."""
        try:
            self._open_to_write()
        except (sqlite3.Error, OSError) as error:
            self.failure = refusal(self.path, error)
            if not _may_pass(error):
                raise self.failure from error
            self._close()
            self._open_to_read()

    def _open_to_write(self) -> None:
        self.is_held_elsewhere = not self._file_lock.acquire()
        if self.is_held_elsewhere:
            self._open_to_read()
            return
        database = self._database = connect(self._file, "rwc")
        if check_version(database, self.path) < schema.newest_version():
            database.execute("BEGIN IMMEDIATE")
            schema.migrate(database, check_version(database, self.path))
            database.execute("COMMIT")
        database.execute("PRAGMA journal_mode = DELETE")
        self._data_version, self._file_id = _data_version(database), _file_id(self._file)
        self.failure = None

    def _open_to_read(self) -> None:
        if not self._file.exists():
            return
        try:
            database = self._database = connect(self._file, "ro")
            if check_version(database, self.path) < schema.newest_version():
                raise SessionError(
                    f"{self.path.name} is of an earlier version of samwidget, and cannot be brought up to date",
                    hint="close it elsewhere, make the file and its folder writable, and run the cell again",
                )
        except sqlite3.Error as error:
            raise refusal(self.path, error) from error

    def _database_to_write(self) -> sqlite3.Connection:
        """The database inside a transaction, after a look whether the file is still the one that was opened."""
        self._check_not_held_elsewhere()
        if self._database is not None and self._file_lock.is_held:
            file_id = _file_id(self._file)
            if file_id is not None and file_id != self._file_id:
                raise SessionError(
                    f"{self.path.name} was replaced by another file",
                    hint="run the cell again, or save to another file with w.save(path)",
                )
        if self._database is None or not self._file_lock.is_held or _file_id(self._file) is None:
            self._close()  # it could not be opened before, or somebody deleted it
            self.generation += 1
            self._open_to_write()
            self._check_not_held_elsewhere()
        assert self._database is not None
        self._database.execute("BEGIN IMMEDIATE")
        if _data_version(self._database) != self._data_version:  # another program wrote into it
            self._data_version = _data_version(self._database)
            self.generation += 1
        return self._database

    def _check_not_held_elsewhere(self) -> None:
        if self.is_held_elsewhere:
            raise SessionError(
                f"another kernel writes {self.path.name}",
                hint="close it there and run the cell again, or save to another file with w.save(path)",
            )

    def _roll_back(self) -> None:
        database = self._database
        if database is not None and database.in_transaction:
            with suppress(sqlite3.Error):  # SQLite has taken it back itself, as on a full disk
                database.execute("ROLLBACK")

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
        self._database = self._file_id = None
        self._file_lock.release()


def check_version(database: sqlite3.Connection, path: Path) -> int:
    """The version of an open file; raises SessionError where this samwidget cannot read it."""
    version = schema.version_of(database)
    if version is None:
        raise SessionError(f"{path.name} is not a session file", hint="give the path of another file")
    if schema.runs_code(database):
        raise SessionError(f"{path.name} is not a session file", hint="it has views or triggers; give another file")
    if version > schema.newest_version():
        raise SessionError(
            f"{path.name} was written by a newer version of samwidget",
            hint="run pip install --upgrade samwidget, or give the path of another file",
        )
    return version


def refusal(path: Path, error: Exception) -> SessionError:
    """What an error of SQLite or of the system means for a session file, in our words."""
    text = str(error)
    if "not a database" in text:
        return SessionError(f"{path.name} is not a session file", hint="give the path of another file")
    if _is_damage(text):
        return DamagedError(f"{path.name} is damaged", hint="save to a new file with w.save(path)")
    for words, message, hint in _REFUSALS:
        if words in text:
            return SessionError(message.format(path=path.name), hint=hint)
    if isinstance(error, OSError):
        hint = f"{error.strerror or error}; make its folder writable, or save elsewhere with w.save(path)"
        return SessionError(f"{path.name} cannot be written", hint=hint)
    return DamagedError(f"{path.name} is damaged ({text})", hint="save to a new file with w.save(path)")


def _may_pass(error: Exception) -> bool:
    """Whether the file can perhaps be written later: the disk is full now, or the folder may not be written."""
    text = str(error)
    return isinstance(error, OSError) or (not _is_damage(text) and any(words in text for words, _, _ in _REFUSALS))


def _is_damage(text: str) -> bool:
    # What could not be decoded is quoted behind these words, and may hold any others.
    return text.startswith("Could not decode") or "malformed" in text


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Opens a file with our settings; ``mode`` is SQLite's: ``ro``, or ``rwc`` to make it where it is missing."""
    # The widget and its saving thread take turns, under the lock of the connection.
    database = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=_BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        database.execute("PRAGMA trusted_schema = OFF")  # files come from others, too
        database.execute(f"PRAGMA synchronous = {_SYNCHRONOUS}")
        database.execute("PRAGMA cell_size_check = ON")
    except UnicodeDecodeError as error:  # SQLite's error quotes what the damage has made of the names of tables
        database.close()
        raise sqlite3.DatabaseError("the names of tables are malformed") from error
    return database


def _data_version(database: sqlite3.Connection) -> int:
    """A number that another one follows when another connection has written the file."""
    return int(database.execute("PRAGMA data_version").fetchone()[0])


def _file_id(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino

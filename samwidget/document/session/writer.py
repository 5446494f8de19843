"""Writes one image of a session: what has changed since the last write, in one transaction.

Owns which rows the file has (``Rows``) and what must be added and deleted. A write of a click adds one version with its
arrays, one step and one row of the table of present objects. The saving thread of a widget calls it.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from datetime import datetime, timezone
from typing import Any

import numpy.typing as npt

from samwidget.core import Masks, SegmentedObject
from samwidget.document.history import Steps
from samwidget.document.session.connection import Connection
from samwidget.document.session.listing import row_of, write_settings
from samwidget.document.session.rows import ObjectRow, Rows, SessionImage, Snapshot
from samwidget.document.session.schema import TABLES
from samwidget.document.session.values import hash_of, maker_of, pack_array, value_of_object
from samwidget.document.state import State


class ImageWriter:
    """The rows of one image.

    Args:
        connection: to the file.
        image: as the file has it, or without a row.
        rows: what the file has of it.
    """

    def __init__(self, connection: Connection, image: SessionImage, rows: Rows) -> None:
        self._connection = connection
        self._generation = connection.generation
        self._image = image
        self._row = image.row
        self._rows = rows
        self._network = image.network

    def write(self, snapshot: Snapshot) -> None:
        """Makes the file hold the snapshot, completely or not at all.

        Raises:
            SessionError: the file cannot be written; it is as it was before.
        """
        with self._connection.writing() as database:
            row, rows = self._row, self._rows.copy()
            if self._generation != self._connection.generation:  # it was deleted, or another program changed it
                row, rows = row_of(database, self._image), Rows()
                for table in TABLES:
                    if table != "settings" and row is not None:
                        database.execute(f"DELETE FROM {table} WHERE image = ?", (row,))
            network = snapshot.network or self._network
            row = self._write_image(database, row, snapshot.steps, network)
            _Write(database, row, rows, network).write(snapshot)
            generation = self._connection.generation
        self._row, self._rows, self._generation, self._network = row, rows, generation, network

    def _write_image(self, database: sqlite3.Connection, row: int | None, steps: Steps, network: str) -> int:
        image, state = self._image, self._image.state
        if row is None:
            row = row_of(database, image, without_history=True)
        if row is not None:  # the list of images sets it
            before = database.execute("SELECT state FROM images WHERE image = ?", (row,)).fetchone()
            state = state if before is None else before[0]
        cursor = database.execute(
            "INSERT OR REPLACE INTO images (image, path, content_hash, file_hash, file_bytes, height, width, options,"
            " state, network, present_step, next_id, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row,
                image.path,
                image.content_hash,
                image.file_hash,
                image.file_bytes,
                *image.size_hw,
                json.dumps(dict(image.options)),
                state,
                network,
                0,  # _Write sets it
                steps.next_id,
                datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            ),
        )
        return cursor.lastrowid if row is None and cursor.lastrowid is not None else int(row or 0)


class _Write:
    """One write: changes ``rows`` as it changes the tables."""

    def __init__(self, database: sqlite3.Connection, image: int, rows: Rows, network: str) -> None:
        self._database = database
        self._image = image
        self._rows = rows
        self._network = network
        self._released: set[int] = set()

    def write(self, snapshot: Snapshot) -> None:
        first_step = self._write_steps(snapshot.steps.states)
        self._write_objects(snapshot)
        self._delete_unused()
        present = first_step + snapshot.steps.position
        self._database.execute("UPDATE images SET present_step = ? WHERE image = ?", (present, self._image))
        write_settings(self._database, snapshot.settings)

    def _write_steps(self, states: tuple[State, ...]) -> int:
        """Writes the steps that the file does not have; returns the number of the first one.

        A state keeps its number: the oldest steps go where the history is too long, the newest ones where a step
        follows an undo, and a selection replaces one.
        """
        rows = self._rows
        first_step = rows.first_step + _shift(rows.states, states)
        before = dict(enumerate(rows.states, start=rows.first_step))
        after = dict(enumerate(states, start=first_step))
        for number, state in after.items():
            if before.get(number) is not state:
                versions = [self._use(*pair) for pair in zip(state.objects, state.candidates, strict=True)]
                classes = [[item.name, item.colour] for item in state.classes]
                self._database.execute(
                    "INSERT OR REPLACE INTO steps (image, step, versions, active_object, classes, active_class)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        self._image,
                        number,
                        json.dumps(versions),
                        state.active,
                        json.dumps(classes),
                        state.active_class,
                    ),
                )
        for number, state in before.items():
            if after.get(number) is not state:
                for pair in zip(state.objects, state.candidates, strict=True):
                    self._release(rows.version_of[pair])
            if number not in after:
                self._database.execute("DELETE FROM steps WHERE image = ? AND step = ?", (self._image, number))
        rows.states, rows.first_step = list(states), first_step
        return first_step

    def _write_objects(self, snapshot: Snapshot) -> None:
        """Writes the readable tables of the present objects and classes."""
        state = snapshot.steps.states[snapshot.steps.position]
        object_rows: dict[int, ObjectRow] = {}
        for position, (pair, item) in enumerate(
            zip(zip(state.objects, state.candidates, strict=True), snapshot.objects, strict=True)
        ):
            row = object_rows[item.id] = ObjectRow(position, self._rows.version_of[pair], item.threshold)
            before = self._rows.object_rows.get(item.id)
            if before is None or before[1:] != row[1:]:
                self._write_object(position, item, pair[1], self._rows.arrays_of[row.version][0])
            elif before != row:
                self._database.execute(
                    "UPDATE objects SET position = ? WHERE image = ? AND id = ?", (position, self._image, item.id)
                )
        for number in self._rows.object_rows.keys() - object_rows.keys():
            self._database.execute("DELETE FROM objects WHERE image = ? AND id = ?", (self._image, number))
        self._rows.object_rows = object_rows
        self._database.execute("DELETE FROM classes WHERE image = ?", (self._image,))
        self._database.executemany(
            "INSERT INTO classes (image, position, name, colour) VALUES (?, ?, ?, ?)",
            [(self._image, position, item.name, item.colour) for position, item in enumerate(state.classes)],
        )

    def _write_object(self, position: int, item: SegmentedObject, candidates: Masks | None, logits: str) -> None:
        box, prompt = item.box_xyxy, item.prompt.to_json()
        values = {
            "image": self._image,
            "id": item.id,
            "position": position,
            "name": item.name,
            "class": item.class_name,
            "colour": item.colour,
            "visible": item.visible,
            "locked": item.locked,
            "made_by": maker_of(item, candidates),
            "network": self._rows.network_of[logits],
            "score": item.score,
            "level": item.level,
            "points": json.dumps(prompt["points"]),
            "labels": json.dumps(prompt["labels"]),
            "box": None if prompt["box"] is None else json.dumps(prompt["box"]),
            "threshold": item.threshold,
            "area": item.area,
            **dict(zip(("x0", "y0", "x1", "y1"), box or (None,) * 4, strict=True)),
            "run_lengths": json.dumps(item.to_run_lengths().to_counts(), separators=(",", ":")),
            "logits": logits,
            "frame": json.dumps(item.frame.to_json()),
        }
        self._database.execute(
            f"INSERT OR REPLACE INTO objects ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",
            tuple(values.values()),
        )

    def _use(self, item: SegmentedObject, candidates: Masks | None) -> int:
        """Counts one use more of a version, and writes it where the file does not have it; returns its number."""
        rows = self._rows
        number = rows.version_of.get((item, candidates))
        if number is None:
            names: list[str] = []
            network = item.model or self._network
            value = value_of_object(
                item,
                candidates,
                lambda name: self._rows.network_of.setdefault(name, network),
                lambda array: self._put(array, names),
            )
            number, rows.next_version = rows.next_version, rows.next_version + 1
            rows.version_of[item, candidates] = number
            rows.arrays_of[number] = tuple(dict.fromkeys(names))
            rows.array_uses.update(rows.arrays_of[number])
            self._database.execute(
                "INSERT INTO versions (image, version, value) VALUES (?, ?, ?)", (self._image, number, value)
            )
        rows.uses[number] += 1
        return number

    def _put(self, array: npt.NDArray[Any], names: list[str]) -> str:
        """Writes an array where the file does not have it; returns its hash."""
        name = hash_of(array)
        if name not in self._rows.array_uses and name not in names:
            packed = pack_array(array, name)
            self._database.execute(
                "INSERT OR REPLACE INTO arrays (image, hash, dtype, shape, data) VALUES (?, ?, ?, ?, ?)",
                (self._image, packed.hash, packed.dtype, packed.shape, packed.data),
            )
        names.append(name)
        return name

    def _release(self, number: int) -> None:
        self._rows.uses[number] -= 1
        self._released.add(number)

    def _delete_unused(self) -> None:
        """Deletes versions that no step has any more, and arrays that no version has."""
        rows = self._rows
        gone = {number for number in self._released if rows.uses[number] == 0}
        if not gone:
            return
        rows.version_of = {pair: number for pair, number in rows.version_of.items() if number not in gone}
        released: Counter[str] = Counter()
        for number in gone:
            del rows.uses[number]
            released.update(rows.arrays_of.pop(number))
            self._database.execute("DELETE FROM versions WHERE image = ? AND version = ?", (self._image, number))
        for name, count in released.items():
            rows.array_uses[name] -= count
            if rows.array_uses[name] == 0:
                del rows.array_uses[name]
                rows.network_of.pop(name, None)
                self._database.execute("DELETE FROM arrays WHERE image = ? AND hash = ?", (self._image, name))


def _shift(before: list[State], after: tuple[State, ...]) -> int:
    """How many of the oldest states of ``before`` are gone; all where the two have nothing in common."""
    index_of = {state: index for index, state in enumerate(before)}
    for index, state in enumerate(after):
        if state in index_of:
            return index_of[state] - index
    return len(before)

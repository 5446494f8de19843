"""Reads the images of a session file, their histories and the settings. ``file`` and ``recovery`` call it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from samwidget.core import Masks, ObjectClass, SegmentedObject
from samwidget.document.history import Steps
from samwidget.document.session.checks import (
    IMAGE_COLUMNS,
    UNREADABLE,
    finite,
    image_of_row,
    integer,
    optional_text,
    text,
)
from samwidget.document.session.listing import NO_HISTORY
from samwidget.document.session.rows import ObjectRow, Rows, SessionImage, Version
from samwidget.document.session.values import PackedArray, candidates_of_value, object_of_value, unpack_array
from samwidget.document.state import State


def read_images(database: sqlite3.Connection, lose: Callable[[Exception], None] | None = None) -> list[SessionImage]:
    """The images of a session that somebody has opened, the one that was changed last first.

    Args:
        database: open.
        lose: as for ``HistoryReader``.

    Raises:
        ValueError and others of ``UNREADABLE``: a row is damaged.
    """
    images = []
    for row in database.execute(
        f"SELECT {IMAGE_COLUMNS} FROM images WHERE content_hash != '' ORDER BY changed_at DESC, image DESC"
    ):
        try:
            images.append(image_of_row(row))
        except UNREADABLE as error:
            if lose is None:
                raise
            lose(error)
    return images


def read_settings(database: sqlite3.Connection) -> dict[str, Any]:
    """The settings by name."""
    return {name: json.loads(value) for name, value in database.execute("SELECT name, value FROM settings")}


class HistoryReader:
    """Reads the history of one image. Arrays that several steps have are in memory once.

    Args:
        database: open.
        image: that has a row.
        lose: called with the error of each row that cannot be read, and the row is left out; None raises the error.
    """

    def __init__(
        self, database: sqlite3.Connection, image: SessionImage, lose: Callable[[Exception], None] | None = None
    ) -> None:
        self._database = database
        self._image = image
        self._lose = lose
        self._arrays: dict[str, npt.NDArray[Any]] = {}
        self._candidates: dict[str, Masks] = {}
        self._versions: dict[int, Version | None] = {}
        self._names: list[str] = []
        self.rows = Rows()
        """What the file has; it is the base of the next write where nothing was left out."""

    def read(self) -> Steps:
        """The steps of the image; one empty step where it has none.

        Raises:
            ValueError and others of ``UNREADABLE``: a row is damaged.
        """
        present_step, next_id = self._database.execute(
            "SELECT present_step, next_id FROM images WHERE image = ?", (self._image.row,)
        ).fetchone()
        next_id = self._attempt(lambda: integer(next_id)) or 1
        if present_step == NO_HISTORY:
            return Steps(next_id=next_id)
        present_step = self._attempt(lambda: integer(present_step)) or 0
        numbers: list[int] = []
        states: list[State] = []
        for number, *fields in self._database.execute(
            "SELECT step, versions, active_object, classes, active_class FROM steps WHERE image = ? ORDER BY step",
            (self._image.row,),
        ).fetchall():
            state = self._attempt(lambda fields=fields: self._state(*fields))  # type: ignore[misc]
            if state is not None:
                numbers.append(number)
                states.append(state)
        self._note_rows(numbers, states)
        if self._lose is None and (
            present_step not in numbers or numbers != list(range(numbers[0], numbers[0] + len(numbers)))
        ):
            raise ValueError("a step is missing")
        next_id = max([next_id, *(item.id + 1 for state in states for item in state.objects)])
        if not states:
            return Steps((State(),), 0, next_id)
        self._note_shown(states, numbers, present_step)
        return _without_repeats(states, int(np.searchsorted(numbers, present_step, side="right")) - 1, next_id)

    def read_present(self) -> tuple[tuple[SegmentedObject, ...], dict[int, str]]:
        """The present objects alone, each at the threshold at which it was shown, and the model of each by its id.

        Raises:
            ValueError and others of ``UNREADABLE``: a row is damaged.
        """
        row = self._database.execute(
            "SELECT versions, active_object, classes, active_class FROM steps"
            " WHERE image = ? AND step = (SELECT present_step FROM images WHERE image = ?)",
            (self._image.row, self._image.row),
        ).fetchone()
        state = State() if row is None else self._state(*row)
        columns = {
            item_id: (threshold, network)
            for item_id, threshold, network in self._database.execute(
                "SELECT id, threshold, network FROM objects WHERE image = ?", (self._image.row,)
            )
        }
        objects = tuple(replace(item, threshold=finite(columns[item.id][0])) for item in state.objects)
        return objects, {item_id: text(network) for item_id, (_, network) in columns.items()}

    def latest_versions(self) -> State:
        """The last version of each object, in the order of their ids: what is left where the steps are lost."""
        latest: dict[int, Version] = {}
        for (number,) in self._database.execute(
            "SELECT version FROM versions WHERE image = ? ORDER BY version", (self._image.row,)
        ).fetchall():
            version = self._version(number)
            if version is not None:
                latest[version[0].id] = version
        versions = [latest[number] for number in sorted(latest)]
        colours = {item.class_name: item.colour for item, _ in versions if item.class_name is not None}
        return State(
            tuple(item for item, _ in versions),
            None,
            tuple(candidates for _, candidates in versions),
            classes=tuple(ObjectClass(name, colour) for name, colour in colours.items()),
        )

    def _state(self, versions: str, active: int | None, classes: str, active_class: str | None) -> State:
        known = [version for number in json.loads(versions) if (version := self._version(int(number))) is not None]
        objects = tuple(item for item, _ in known)
        if len({item.id for item in objects}) < len(objects):
            raise ValueError("two objects have the same id")
        return State(
            objects,
            next((item.id for item in objects if item.id == active), None),
            tuple(candidates for _, candidates in known),
            classes=tuple(ObjectClass(text(name), text(colour)) for name, colour in json.loads(classes)),
            active_class=optional_text(active_class),
        )

    def _version(self, number: int) -> Version | None:
        """One version; None where it is lost."""
        if number not in self._versions:
            self._versions[number] = self._attempt(lambda: self._read_version(number))
        return self._versions[number]

    def _read_version(self, number: int) -> Version:
        row = self._database.execute(
            "SELECT value FROM versions WHERE image = ? AND version = ?", (self._image.row, number)
        ).fetchone()
        if row is None:
            raise ValueError(f"there is no version {number}")
        value = json.loads(row[0])
        if tuple(value["frame"]["image_hw"]) != self._image.size_hw:
            raise ValueError(f"{value['name']!r} is of an image of another size")
        self._names = []
        item = object_of_value(value, self._array, self._candidates_of)
        candidates = None if value["candidates"] is None else self._candidates_of(value["candidates"])
        self.rows.version_of[item, candidates] = number
        self.rows.network_of[value["logits"]] = text(value["network"])
        self.rows.arrays_of[number] = tuple(dict.fromkeys(self._names))
        return item, candidates

    def _candidates_of(self, value: Any) -> Masks:
        self._names += [*value["logits"], *([value["prompt"]["mask"]] if value["prompt"]["mask"] else [])]
        key = json.dumps(value)
        if key not in self._candidates:
            self._candidates[key] = candidates_of_value(value, self._array)
        return self._candidates[key]

    def _array(self, name: str) -> npt.NDArray[Any]:
        self._names.append(name)
        if name not in self._arrays:
            row = self._database.execute(
                "SELECT dtype, shape, data FROM arrays WHERE image = ? AND hash = ?", (self._image.row, name)
            ).fetchone()
            if row is None:
                raise ValueError(f"there is no array {name[:12]}")
            self._arrays[name] = unpack_array(PackedArray(name, *row))
        return self._arrays[name]

    def _attempt(self, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except UNREADABLE as error:
            if self._lose is None:
                raise
            self._lose(error)
            return None

    def _note_rows(self, numbers: list[int], states: list[State]) -> None:
        rows = self.rows
        rows.states = states
        rows.first_step = numbers[0] if numbers else 0
        rows.next_version = max(rows.arrays_of, default=0) + 1
        for state in states:
            rows.uses.update(rows.version_of[version] for version in zip(state.objects, state.candidates, strict=True))
        for names in rows.arrays_of.values():
            rows.array_uses.update(names)

    def _note_shown(self, states: list[State], numbers: list[int], present_step: int) -> None:
        if present_step not in numbers:
            return
        present = states[numbers.index(present_step)]
        pairs = zip(present.objects, present.candidates, strict=True)
        version_of = {pair[0].id: self.rows.version_of[pair] for pair in pairs}
        for number, position, threshold in self._database.execute(
            "SELECT id, position, threshold FROM objects WHERE image = ?", (self._image.row,)
        ):
            # A row of an object that is not there is deleted by the next write.
            self.rows.object_rows[number] = ObjectRow(position, version_of.get(number, 0), threshold)


def _without_repeats(states: list[State], position: int, next_id: int) -> Steps:
    """The steps without those that change nothing: what a search had found is not saved, and so neither is its step."""
    distinct: list[State] = []
    new_position = 0
    for index, state in enumerate(states):
        before = distinct[-1] if distinct else None
        if before is None or (state.objects, state.candidates, state.classes) != (
            before.objects,
            before.candidates,
            before.classes,
        ):
            distinct.append(state)
        elif index == position:
            distinct[-1] = state
        if index <= position:
            new_position = len(distinct) - 1
    return Steps(tuple(distinct), max(0, new_position), next_id)

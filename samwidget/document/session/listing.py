"""Lists the images of a session with their states, and sets them: what a folder of thousands of images needs at once.

An image that nobody has opened may have a state, too. Its row has no content hash and no history, until ``writer``
writes them. ``file`` calls these functions; histories are up to ``reader`` and ``writer``.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from samwidget.core import RunLengths
from samwidget.document.session.checks import IMAGE_COLUMNS, finite, image_of_row, optional_text, text
from samwidget.document.session.rows import SessionImage

NO_HISTORY = -1
"""The present step of an image that has a state and no history."""


@dataclass(frozen=True)
class ListedImage:
    """What the list of images says of one.

    Attributes:
        image: as the file has it; the content hash is empty where nobody has opened it.
        object_count: how many present objects it has.
        class_names: of its objects, sorted.
        has_changed: whether its history has a step.
    """

    image: SessionImage
    object_count: int
    class_names: tuple[str, ...]
    has_changed: bool


@dataclass(frozen=True, eq=False)
class SavedLabel:
    """What an object is, without what made it: all that files of other programs can have.

    Attributes:
        run_lengths: the mask at the image's size, at the threshold at which it was shown.
        class_name: None where nobody has said.
        name: of the object.
        score: an estimate of the mask's IoU, 0 to 1.
    """

    run_lengths: RunLengths
    class_name: str | None
    name: str
    score: float


def read_labels(database: sqlite3.Connection, image: SessionImage) -> list[SavedLabel]:
    """The present objects of an image that has a row, in drawing order; neither logits nor history are read."""
    rows = database.execute(
        "SELECT run_lengths, class, name, score FROM objects WHERE image = ? ORDER BY position", (image.row,)
    )
    return [
        SavedLabel(
            RunLengths.from_counts(json.loads(counts), image.size_hw),
            optional_text(class_name),
            text(name),
            finite(score),
        )
        for counts, class_name, name, score in rows
    ]


def read_listing(database: sqlite3.Connection) -> list[ListedImage]:
    """All images in the order of their rows; no history is read."""
    counts: dict[int, int] = {}
    names: dict[int, set[str]] = {}
    for row, name, count in database.execute("SELECT image, class, count(*) FROM objects GROUP BY image, class"):
        counts[row] = counts.get(row, 0) + count
        if name is not None:
            names.setdefault(row, set()).add(name)
    changed = {row for (row,) in database.execute("SELECT image FROM steps GROUP BY image HAVING count(*) > 1")}
    rows = database.execute(f"SELECT {IMAGE_COLUMNS} FROM images ORDER BY image")
    return [
        ListedImage(image_of_row(row), counts.get(row[0], 0), tuple(sorted(names.get(row[0], ()))), row[0] in changed)
        for row in rows
    ]


def write_states(database: sqlite3.Connection, states: Sequence[tuple[SessionImage, str]]) -> list[int]:
    """Sets the states of images; one without a row gets one. Returns the row of each."""
    rows = []
    for image, state in states:
        row = image.row if image.row is not None else row_of(database, image)
        if row is None:
            row = _insert(database, image, state)
        else:
            database.execute("UPDATE images SET state = ? WHERE image = ?", (state, row))
        rows.append(row)
    return rows


def row_of(database: sqlite3.Connection, image: SessionImage, *, without_history: bool = False) -> int | None:
    """The row of an image: that of its path with its content, or the one of its path that nobody has opened.

    Args:
        database: open.
        image: whose row is not known.
        without_history: whether to take only a row that has a state and no history.
    """
    row = database.execute(
        "SELECT image FROM images WHERE ((content_hash = ? AND path IS ?) OR (content_hash = '' AND path = ?))"
        " AND (NOT ? OR present_step = ?) ORDER BY content_hash = '', image",
        (image.content_hash or None, image.path, image.path, without_history, NO_HISTORY),
    ).fetchone()
    return None if row is None else int(row[0])


def write_settings(database: sqlite3.Connection, settings: Mapping[str, object]) -> None:
    """Writes settings by name, as JSON."""
    database.executemany(
        "INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)",
        [(name, json.dumps(value)) for name, value in settings.items()],
    )


def _insert(database: sqlite3.Connection, image: SessionImage, state: str) -> int:
    height, width = image.size_hw if image.content_hash else (0, 0)
    cursor = database.execute(
        "INSERT INTO images (path, content_hash, file_hash, file_bytes, height, width, options, state, network,"
        " present_step, next_id, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', ?, 1, ?)",
        (
            image.path,
            image.content_hash,
            image.file_hash,
            image.file_bytes,
            height,
            width,
            json.dumps(dict(image.options)),
            state,
            NO_HISTORY,
            datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        ),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid

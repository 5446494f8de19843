"""Reads the present objects of a session file and changes nothing: no lock, no migration of the file, no history.

It works beside a widget that writes the file, and in folders that nobody may write. ``samwidget.replaying`` calls it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from samwidget.core import SegmentedObject
from samwidget.document.session import schema
from samwidget.document.session.checks import UNREADABLE
from samwidget.document.session.connection import DamagedError, check_version, connect, refusal
from samwidget.document.session.reader import HistoryReader, read_images
from samwidget.document.session.rows import SessionImage
from samwidget.errors import SamWidgetError, SessionError


@dataclass(frozen=True, eq=False)
class SavedObjects:
    """The present objects of one image.

    Attributes:
        image: as the file has it.
        objects: in drawing order, each at the threshold at which the widget showed it.
        network_of: signature of the model that made each mask, by id of the object; empty where none is known.
    """

    image: SessionImage
    objects: tuple[SegmentedObject, ...]
    network_of: Mapping[int, str]


def read_objects(path: Path, choose: Callable[[list[SessionImage]], SessionImage]) -> SavedObjects:
    """Reads the present objects of one image of a session file.

    Args:
        path: of the file.
        choose: picks one of the images, the one that was changed last first; there is at least one.

    Raises:
        DamagedError: the file is damaged.
        SessionError: there is no such file, it has no image, or it cannot be read; and what ``choose`` raises.
    """
    if not path.is_file():
        raise SessionError(f"there is no session file {path}", hint="give the path of one, such as labels.samw")
    try:
        with closing(_opened(path)) as database:
            images = read_images(database)
            if not images:
                raise SessionError(f"{path.name} has no image yet", hint="save a widget to it: w.save(path)")
            image = choose(images)
            objects, network_of = HistoryReader(database, image).read_present()
    except SamWidgetError:
        raise
    except sqlite3.Error as error:
        raise refusal(path, error) from error
    except UNREADABLE as error:
        hint = "open it with SamWidget.open(path), which recovers what can be read"
        raise DamagedError(f"{path.name} is damaged ({error})", hint=hint) from error
    return SavedObjects(image, objects, network_of)


def _opened(path: Path) -> sqlite3.Connection:
    """The file; a copy of it in memory, brought up to date there, where it is of an earlier version."""
    database = connect(path, "ro")
    try:
        version = check_version(database, path)
        if version == schema.newest_version():
            return database
        memory = sqlite3.connect(":memory:", isolation_level=None)
        with closing(database):
            database.backup(memory)
        schema.migrate(memory, version)
        return memory
    except BaseException:
        database.close()
        raise

"""The session file: objects, classes and history of images in one SQLite file. docs/session_file.md describes it."""

from samwidget.document.session.connection import DamagedError
from samwidget.document.session.file import OpenedImage, SessionFile, hash_of_file, hash_of_image, open_session
from samwidget.document.session.listing import ListedImage, SavedLabel
from samwidget.document.session.read_only import SavedObjects, read_objects
from samwidget.document.session.recovery import Recovery, recover
from samwidget.document.session.rows import SessionImage, Snapshot
from samwidget.document.session.writer import ImageWriter

__all__ = [
    "DamagedError",
    "ImageWriter",
    "ListedImage",
    "OpenedImage",
    "Recovery",
    "SavedLabel",
    "SavedObjects",
    "SessionFile",
    "SessionImage",
    "Snapshot",
    "hash_of_file",
    "hash_of_image",
    "open_session",
    "read_objects",
    "recover",
]

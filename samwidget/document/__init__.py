"""What the user has made so far: objects, prompts, candidates and their history. Knows no widget and no network."""

from samwidget.document.document import Document
from samwidget.document.history import History
from samwidget.document.state import State

__all__ = ["Document", "History", "State"]

"""The objects that the user has made, with their prompts, candidates and history. Knows no widget and no network."""

from samwidget.document.document import Document
from samwidget.document.state import State

__all__ = ["Document", "State"]

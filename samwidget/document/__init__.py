"""The objects that the user has made, with their prompts, candidates and history. Knows no widget and no network."""

from samwidget.document import edits
from samwidget.document.changes import draft_of_candidates, draft_of_mask
from samwidget.document.document import Document
from samwidget.document.history import Steps
from samwidget.document.state import FoundObjects, State

__all__ = ["Document", "FoundObjects", "State", "Steps", "draft_of_candidates", "draft_of_mask", "edits"]

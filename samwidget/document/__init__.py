"""The objects that the user has made, with their prompts, candidates and history. Knows no widget and no network."""

from samwidget.document import edits, polygons
from samwidget.document.changes import draft_of_candidates, draft_of_mask, with_candidates
from samwidget.document.document import Document
from samwidget.document.history import Steps
from samwidget.document.state import FoundObjects, State

__all__ = [
    "Document",
    "FoundObjects",
    "State",
    "Steps",
    "draft_of_candidates",
    "draft_of_mask",
    "edits",
    "polygons",
    "with_candidates",
]

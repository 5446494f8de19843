"""Pages: a widget for people who have installed nothing. The bundled network runs in their browser."""

from samwidget.page.shared import runs_of, write_shared
from samwidget.page.write import SavedPrompts, write_page

__all__ = ["SavedPrompts", "runs_of", "write_page", "write_shared"]

"""The kernel's half of the widget: takes messages from the browser, changes the document and sends what has changed."""

from samwidget.widget.widget import SamWidget

__all__ = ["SamWidget"]

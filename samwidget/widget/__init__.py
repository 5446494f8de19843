"""The kernel's half of the screen: traits and messages in front, document, network and pictures behind."""

from samwidget.widget.widget import SamWidget

__all__ = ["SamWidget"]

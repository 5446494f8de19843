"""A figure or a film that follows the clicks in a ``SamWidget`` beside it.

Owns the wiring; ``inside`` records, and any function of ``Steps`` draws. The widget's own thread calls, so a click
waits until the figure is drawn.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import ipywidgets

from samwidget.core import Prompt
from samwidget.explain.inside import Steps, steps
from samwidget.widget import SamWidget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DOTS_PER_INCH = 75


class Following(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """The figure of the object that a widget has changed last; it is drawn again after each change.

    Args:
        widget: whose clicks are followed.
        draw: makes the figure, such as ``draw_candidates``.

    Attributes:
        steps: of the prediction that is drawn; None before the first click.
    """

    def __init__(self, widget: SamWidget, draw: Callable[[Steps], Figure]) -> None:
        self.steps: Steps | None = None
        self._draw = draw
        self._prompts: dict[int, Prompt] = {}  # of the objects, at the last change
        self._picture = ipywidgets.Image(format="png", layout=ipywidgets.Layout(width="100%", display="none"))
        self._note = ipywidgets.HTML('<div style="font-size:18px">Click an object in the photo.</div>')
        super().__init__([self._picture, self._note], layout=ipywidgets.Layout(width="100%", max_width="960px"))
        self._update(widget)
        self._stop = widget.on_change(self._update)

    def stop(self) -> None:
        """Ends the following; the figure stays as it is."""
        self._stop()

    def _update(self, widget: SamWidget) -> None:
        """Draws the object whose points or box have changed; nothing where there is none."""
        prompted = [item for item in widget.objects if len(item.prompt.points_xy) or item.prompt.box_xyxy is not None]
        changed = [item for item in prompted if self._prompts.get(item.id) is not item.prompt]
        self._prompts = {item.id: item.prompt for item in prompted}
        if not changed:
            return
        self.steps = steps(widget.predictor, widget.image, changed[-1].prompt, level=changed[-1].level)
        file = io.BytesIO()
        self._draw(self.steps).savefig(file, format="png", dpi=_DOTS_PER_INCH)
        self._picture.value = file.getvalue()
        self._picture.layout.display, self._note.layout.display = "", "none"


def follow(widget: SamWidget, draw: Callable[[Steps], Figure]) -> Following:
    """A widget with the figure of the object that a ``SamWidget`` has changed last: each click draws it again.

    Args:
        widget: whose clicks are followed.
        draw: makes the figure, such as ``draw_candidates`` or ``draw_attention``.

    Raises:
        ModelError: the model runs on another computer, where its layers cannot be read.
    """
    return Following(widget, draw)

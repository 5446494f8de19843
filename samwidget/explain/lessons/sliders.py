"""A figure below sliders: it is drawn again after each move. Owns the widgets; a lesson gives sliders and figure."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import ipywidgets

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DOTS_PER_INCH = 75
_LABEL = {"description_width": "190px"}


class FigureSliders(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Sliders, and below them a figure of their values.

    Args:
        draw: makes the figure; the names of its arguments are those of the sliders.
        sliders: name to slider.

    Attributes:
        sliders: the same, to read and to set.
    """

    def __init__(self, draw: Callable[..., Figure], sliders: Mapping[str, Any]) -> None:
        self.sliders = dict(sliders)
        self._draw = draw
        self._picture = ipywidgets.Image(format="png", layout=ipywidgets.Layout(width="100%"))
        super().__init__(
            [*self.sliders.values(), self._picture], layout=ipywidgets.Layout(width="100%", max_width="960px")
        )
        for slider in self.sliders.values():
            slider.observe(self._update, "value")
        self._update()

    @property
    def settings(self) -> dict[str, Any]:
        """Name of each slider to its value."""
        return {name: slider.value for name, slider in self.sliders.items()}

    def _update(self, *_: object) -> None:
        file = io.BytesIO()
        self._draw(**self.settings).savefig(file, format="png", dpi=_DOTS_PER_INCH)
        self._picture.value = file.getvalue()


def slider_of(label: str, options: list[Any], value: object) -> Any:
    """A slider over a few values; the figure follows when it is let go.

    Args:
        label: what is set.
        options: values, or pairs of what is shown and the value.
        value: the first one.
    """
    return ipywidgets.SelectionSlider(
        options=options,
        value=value,
        description=label,
        continuous_update=False,
        style=_LABEL,
        layout=ipywidgets.Layout(width="640px", max_width="100%"),
    )

"""What all figures share: paper size, letters, colours, photos with masks, and prompts drawn on them.

A figure is a slide of 16 to 9 whose smallest letters can be read at the back of a room. Colours are those of Okabe and
Ito, which people with any colour vision can tell apart. Called by ``figures`` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from samwidget.core import INCLUDE, Prompt, box_of
from samwidget.errors import ModelError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FAINT = "#1f2328", "#6b7280"
BLUE, ORANGE, GREEN, VERMILION, SKY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9"
HEAT = "cividis"
"""From dark blue to yellow, in steps of equal brightness for every kind of colour vision."""
_SIZE_INCHES = (12.8, 7.2)
_TITLE, _PANEL, _TEXT = 28, 22, 18
_TINT = 0.45

Image = npt.NDArray[Any]  # uint8 or float RGB


def new_figure(columns: int, title: str, widths: tuple[float, ...] | None = None) -> tuple[Figure, list[Axes]]:
    """An empty slide with panels side by side.

    Args:
        columns: number of panels.
        title: one sentence at the top.
        widths: of the panels, relative to each other; None for equal ones.

    Raises:
        ModelError: matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ModelError("figures need matplotlib", hint="pip install 'samwidget[explain]'") from error
    # Any: matplotlib types each setting on its own.
    settings: dict[Any, Any] = {"font.size": _TEXT, "figure.titlesize": _TITLE, "axes.edgecolor": FAINT}
    settings |= dict.fromkeys(("text.color", "axes.labelcolor"), INK)
    settings |= dict.fromkeys(("xtick.color", "ytick.color"), FAINT)
    settings |= dict.fromkeys(("axes.spines.top", "axes.spines.right"), False)
    with plt.rc_context(settings):
        # Made by pyplot so that notebooks show it where it is the last value of a cell, and closed so that they do
        # not show it twice.
        figure, axes = plt.subplots(
            1, columns, figsize=_SIZE_INCHES, layout="constrained", squeeze=False, width_ratios=widths
        )
        plt.close(figure)
        figure.suptitle(title, x=0.02, ha="left", fontweight="bold")
    layout: Any = figure.get_layout_engine()  # the constrained one, which has these settings
    layout.set(w_pad=0.12, h_pad=0.12, rect=(0.01, 0.01, 0.98, 0.97))
    return figure, list(axes[0])


def draw_photo(axes: Axes, image: Image, title: str = "", *, grey: bool = False) -> None:
    """Draws an (H, W, 3) RGB image without axes; ``grey`` takes its colours away, to leave them for what is on it."""
    axes.imshow(_greyed(image) if grey else image, interpolation="nearest")
    axes.set_axis_off()
    axes.set_title(title, pad=10, fontsize=_PANEL)


def draw_map(axes: Axes, values: npt.NDArray[Any], image: Image, title: str = "", **options: Any) -> Any:
    """Draws an (h, w) or (h, w, 3) map over the area of an image, one square for each cell; returns what was drawn.

    Args:
        axes: of the panel.
        values: of the cells; those of one channel become colours of ``HEAT``.
        image: (H, W, 3), for its size.
        title: of the panel.
        **options: of ``Axes.imshow``.
    """
    height, width = image.shape[:2]
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    drawn = axes.imshow(values, extent=extent, interpolation="nearest", **{"cmap": HEAT, **options})
    axes.set_axis_off()
    axes.set_title(title, pad=10, fontsize=_PANEL)
    return drawn


def draw_tint(axes: Axes, mask: npt.NDArray[np.bool_], colour: str, opacity: float = _TINT) -> None:
    """Tints the True pixels of an (H, W) mask."""
    from matplotlib.colors import to_rgb

    layer = np.zeros((*mask.shape, 4))
    layer[..., :3] = to_rgb(colour)
    layer[..., 3] = mask * opacity
    axes.imshow(layer, interpolation="nearest")


def draw_outline(axes: Axes, values: npt.NDArray[Any], level: float, colour: str, style: str = "-") -> None:
    """Draws the line where (H, W) values cross a level, on a white one, so that it is seen on every photo."""
    if values.min() < level < values.max():
        axes.contour(values, levels=[level], colors=["white"], linewidths=6, zorder=3)
        axes.contour(values, levels=[level], colors=[colour], linewidths=3.5, linestyles=style, zorder=4)


def zoom_to(axes: Axes, mask: npt.NDArray[np.bool_]) -> None:
    """Shows the part of the photo around an (H, W) mask, with half its size on each side, in the photo's own form."""
    box = box_of(mask)
    if box is None:
        return
    height, width = mask.shape
    share = min(1.0, 2 * max((box[2] - box[0]) / width, (box[3] - box[1]) / height))
    limits = []
    for index, side in enumerate((width, height)):
        middle = (box[index] + box[index + 2]) / 2
        low = min(max(0.0, middle - share * side / 2), (1 - share) * side)
        limits.append((low - 0.5, low + share * side - 0.5))
    axes.set(xlim=limits[0], ylim=limits[1][::-1])


def draw_prompt(axes: Axes, prompt: Prompt) -> None:
    """Draws the points, as discs with a plus or a minus, and the box of a prompt."""
    if prompt.box_xyxy is not None:
        x0, y0, x1, y1 = (float(side) - 0.5 for side in prompt.box_xyxy)
        for width, colour in ((6, "white"), (3, INK)):
            axes.plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], color=colour, linewidth=width)
    for (x, y), label in zip(prompt.points_xy - 0.5, prompt.labels, strict=True):
        colour = BLUE if label == INCLUDE else VERMILION
        axes.plot([x], [y], "o", markersize=21, color=colour, markeredgecolor="white", markeredgewidth=3, zorder=5)
        sign = "+" if label == INCLUDE else "\N{MINUS SIGN}"
        axes.text(x, y, sign, color="white", ha="center", va="center_baseline", weight="bold", fontsize=20, zorder=6)


def _greyed(image: Image) -> npt.NDArray[np.uint8]:
    grey = np.asarray(image[..., :3] @ np.array([0.3, 0.59, 0.11]), np.uint8)
    return np.repeat(grey[..., None], 3, 2)

"""Figures for a slide: each function takes ``Steps``, or masks, and returns a matplotlib ``Figure``.

Owns what is on each figure. ``maps`` computes the numbers, ``figure_parts`` draws. A figure is not shown by the call:
in a notebook make it the last value of a cell, elsewhere call its ``savefig``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from samwidget.core import INCLUDE, iou
from samwidget.errors import PromptError
from samwidget.explain import maps
from samwidget.explain.figure_parts import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    SKY,
    VERMILION,
    draw_map,
    draw_outline,
    draw_photo,
    draw_prompt,
    draw_tint,
    new_figure,
    zoom_to,
)
from samwidget.explain.inside import Steps

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Mask = npt.NDArray[np.bool_]

_LAYERS_IN_FIGURE = 3


def draw_embedding(steps: Steps, name: str = "features") -> Figure:
    """The photo beside its features as colours: parts that the network finds alike have one colour.

    Args:
        steps: of a prediction.
        name: the step whose (C, h, w) features are drawn.
    """
    figure, (photo, colours) = new_figure(2, "What the network sees: like parts get like colours")
    draw_photo(photo, steps.image, "the photo")
    features = steps.content(name)
    height, width = features.shape[1:]
    title = f"{width} \N{MULTIPLICATION SIGN} {height} cells of {len(features)} numbers"
    draw_map(colours, maps.feature_colours(features), steps.image, title)
    return figure


def draw_likeness(steps: Steps, point_xy: tuple[float, float] | None = None, name: str = "features") -> Figure:
    """The photo beside a map of how much each cell's features are like those at one point.

    Args:
        steps: of a prediction.
        point_xy: in image pixels; None takes the first included point of the prompt, or the middle of its box.
        name: the step whose (C, h, w) features are compared.

    Raises:
        PromptError: the point lies outside the image, or there is none.
    """
    x, y = _point_of(steps) if point_xy is None else point_xy
    features = steps.content(name)
    values = maps.likeness(features, _cell_of(steps, (x, y), (features.shape[1], features.shape[2])))
    figure, (photo, heat) = new_figure(2, "What looks like this point, for the network?")
    draw_photo(photo, steps.image, "the point")
    drawn = draw_map(heat, values, steps.image, "likeness of the features", vmin=0, vmax=1)
    for axes in (photo, heat):
        axes.plot([x - 0.5], [y - 0.5], "o", markersize=17, color=VERMILION, markeredgecolor="white", markeredgewidth=3)
    bar = figure.colorbar(drawn, ax=heat, ticks=[0, 0.5, 1], shrink=0.75, pad=0.02)
    bar.ax.set_yticklabels(["0", "0.5", "1"], fontsize=18)
    return figure


def draw_attention(steps: Steps, token: str | None = None) -> Figure:
    """Where the network reads in the image: one panel for each attention layer, the mean over its heads.

    Args:
        steps: of a prediction.
        token: of SAM, one of ``steps.tokens``; None takes that of the candidate that was chosen. ``nano`` has no
            tokens: there it is the cell under the prompt that reads.

    Raises:
        PromptError: there is no such token.
    """
    names = steps.attention_names[-_LAYERS_IN_FIGURE:]
    if steps.tokens:
        token = f"candidate {steps.level + 1}" if token is None else token
        if token not in steps.tokens:
            raise PromptError(f"there is no token {token!r}", hint=f"give one of {', '.join(steps.tokens)}")
        index = steps.tokens.index(token)
        panels = [(name, steps.content(name)[:, index].mean(0)) for name in names]
        title = f"Where does the token \N{LEFT DOUBLE QUOTATION MARK}{token}\N{RIGHT DOUBLE QUOTATION MARK} read?"
    else:
        if token is not None:
            raise PromptError(f"{steps.model} has no tokens", hint="leave token out")
        height, width = steps.content("deep features").shape[1:]
        row, column = _cell_of(steps, _point_of(steps), (height, width))
        panels = [("attention", steps.content("attention")[:, row, column].mean(0))]
        title = "Where does the cell under the prompt read?"
    figure, (photo, *heats) = new_figure(1 + len(panels), title)
    draw_photo(photo, steps.image, "the prompt")
    draw_prompt(photo, steps.prompt)
    for heat, (name, values) in zip(heats, panels, strict=True):
        # The square root: a few cells get most of the attention, and would leave the others black.
        draw_map(heat, np.sqrt(values), steps.image, name, vmin=0)
        draw_outline(heat, steps["full-size logits"], 0, VERMILION)
    return figure


def draw_candidates(steps: Steps, truth: Mask | None = None) -> Figure:
    """The three candidates side by side with their scores; the chosen one has a frame.

    Args:
        steps: of a prediction.
        truth: (H, W) bool, the object that was meant. With it, each candidate's IoU stands below its score.
    """
    masks = steps.masks.to_bool()
    figure, panels = new_figure(len(masks), "One prompt, three candidates")
    for index, (axes, mask) in enumerate(zip(panels, masks, strict=True)):
        title = f"candidate {index + 1}\nscore {steps.masks.scores[index]:.2f}"
        if truth is not None:
            title += f"\nIoU {iou(mask, truth):.2f}"
        draw_photo(axes, steps.image, title)
        draw_tint(axes, mask, BLUE)
        draw_outline(axes, mask.astype(float), 0.5, BLUE)
        draw_prompt(axes, steps.prompt)
        zoom_to(axes, np.any(masks, 0))
        if index == steps.level:
            axes.set_axis_on()
            axes.set(xticks=[], yticks=[])
            for side in axes.spines.values():
                side.set(visible=True, linewidth=7, edgecolor=ORANGE)
            axes.set_xlabel("chosen", color=INK, labelpad=10, weight="bold", fontsize=22)
    return figure


def draw_threshold_sweep(steps: Steps) -> Figure:
    """Three outlines on the photo, and the area of the mask over the threshold, with the stability marked.

    The outlines are those at the two thresholds that the stability compares, and at 0 between them.
    """
    logits, offset = steps["full-size logits"], steps.stability_offset
    reach = max(4 * offset, float(np.ceil(np.percentile(np.abs(logits), 90))))
    sweep = maps.threshold_sweep(logits, reach)
    title = "The threshold: how much belongs to the object?"
    figure, (photo, plot) = new_figure(2, title, widths=(1, 1.15))
    draw_photo(photo, steps.image, "outlines at three thresholds", grey=True)
    zoom_to(photo, logits > -offset)
    for threshold, colour, style in ((-offset, ORANGE, "--"), (0.0, BLUE, "-"), (offset, VERMILION, ":")):
        draw_outline(photo, logits, threshold, colour, style)
        plot.axvline(threshold, color=colour, linestyle=style, linewidth=4, label=f"threshold {threshold:g}")
    plot.plot(sweep.thresholds, 100 * sweep.areas, color=INK, linewidth=5, zorder=4, label="area of the mask")
    plot.axvspan(-offset, offset, color=SKY, alpha=0.25, linewidth=0)
    plot.set(xlabel="threshold, in logits", ylabel="area, % of the photo", xlim=(-reach, reach))
    plot.set_ylim(0, None)
    plot.locator_params(nbins=5)
    plot.set_title(f"stability {maps.stability(logits, offset):.2f}", pad=10, fontsize=22)
    plot.legend(frameon=False, fontsize=17, loc="upper right")
    return figure


def draw_stability(steps: Steps) -> Figure:
    """The three candidates with the band of pixels that a small change of the threshold adds or takes away."""
    offset = steps.stability_offset
    logits = steps.masks.to_logits()
    figure, panels = new_figure(len(logits), "Stability: what changes with the threshold?")
    area = np.any(logits > -offset, 0)
    for index, (axes, of_candidate) in enumerate(zip(panels, logits, strict=True)):
        title = f"candidate {index + 1}\nstability {maps.stability(of_candidate, offset):.2f}"
        draw_photo(axes, steps.image, title, grey=True)
        draw_tint(axes, of_candidate > offset, BLUE)
        draw_tint(axes, (of_candidate > -offset) & ~(of_candidate > offset), ORANGE, 0.95)
        zoom_to(axes, area)
    names = (f"above {offset:g}: certain", f"between \N{MINUS SIGN}{offset:g} and {offset:g}: changes")
    _draw_legend(figure, list(zip((BLUE, ORANGE), names, strict=True)))
    return figure


def draw_errors(image: npt.NDArray[np.uint8], mask: Mask, truth: Mask) -> Figure:
    """The mask compared with the truth: what is right, what is missing and what is too much.

    Args:
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) bool.
        truth: (H, W) bool, the object that was meant.

    Raises:
        PromptError: mask and truth are no masks of one size.
    """
    errors = maps.errors_of(mask, truth)
    figure, (photo, map_axes) = new_figure(2, f"Errors of the mask: IoU {errors.iou:.2f}")
    draw_photo(photo, image, "the mask")
    draw_tint(photo, mask, BLUE)
    draw_outline(photo, mask.astype(float), 0.5, BLUE)
    draw_photo(map_axes, image, "compared with the truth", grey=True)
    parts = (
        (GREEN, "right", mask & truth, 0.45),
        (ORANGE, "missing", errors.missing, 0.95),
        (VERMILION, "too much", errors.excess, 0.95),
    )
    for colour, _, part, opacity in parts:
        draw_tint(map_axes, part, colour, opacity)
    for axes in (photo, map_axes):
        zoom_to(axes, mask | truth)
    shares = [(colour, f"{name}: {part.sum()} px") for colour, name, part, _ in parts]
    _draw_legend(figure, shares)
    return figure


def _draw_legend(figure: Figure, items: list[tuple[str, str]]) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(facecolor=colour, label=label) for colour, label in items]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=19)


def _point_of(steps: Steps) -> tuple[float, float]:
    """x, y of the first included point of the prompt, or the middle of its box, or of its mask."""
    prompt = steps.prompt
    included = prompt.points_xy[prompt.labels == INCLUDE]
    if len(included):
        return float(included[0, 0]), float(included[0, 1])
    if prompt.box_xyxy is not None:
        x0, y0, x1, y1 = (float(side) for side in prompt.box_xyxy)
        return (x0 + x1) / 2, (y0 + y1) / 2
    raise PromptError("the prompt has no point and no box", hint="give point_xy")


def _cell_of(steps: Steps, point_xy: tuple[float, float], grid_hw: tuple[int, int]) -> tuple[int, int]:
    """Row and column, in a grid over the content of the input, of the cell that holds a point of the image."""
    height, width = steps.image.shape[:2]
    x, y = point_xy
    if not (0 <= x <= width and 0 <= y <= height):
        raise PromptError(
            f"the point ({x:g}, {y:g}) lies outside the image", hint=f"x is 0 to {width}, y is 0 to {height}"
        )
    return min(int(y / height * grid_hw[0]), grid_hw[0] - 1), min(int(x / width * grid_hw[1]), grid_hw[1] - 1)

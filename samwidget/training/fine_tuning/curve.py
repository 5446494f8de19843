"""The live curve: how good the masks are on photos that are learned from and on those that are held out, step by step.

In a notebook it is a drawing that is replaced while the cell runs, and that a saved notebook keeps; elsewhere a bar of
text. Owns both. ``tune`` gives it the points.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

WIDTH, HEIGHT, MARGIN = 640, 300, 56
LEARNING_COLOUR, HELD_OUT_COLOUR = "#e69f00", "#0072b2"  # told apart with any colour vision
_FRAME = "font:16px system-ui,sans-serif;max-width:640px"  # in the text colour of the notebook, light or dark


@dataclass(frozen=True)
class CurvePoint:
    """The state at a check.

    Attributes:
        step: number of steps so far.
        share: of the time, or of the steps, 0 to 1.
        minutes: since the beginning.
        loss: mean of the latest steps; 0.0 before the first.
        learning_iou: mean IoU after one click on objects that are learned from.
        held_out_iou: the same on held-out photos; None where there are none.
    """

    step: int
    share: float
    minutes: float
    loss: float
    learning_iou: float
    held_out_iou: float | None


class LiveCurve:
    """Shows the curve while it grows.

    Args:
        title: what learns.
        is_shown: False shows nothing.
    """

    def __init__(self, title: str, is_shown: bool = True) -> None:
        self._title, self._note = title, ""
        self._points: list[CurvePoint] = []
        self._display: Any = None  # IPython's handle of the drawing
        self._bar: Any = None  # tqdm's bar
        if is_shown and _is_notebook():
            from IPython.display import HTML, display

            self._display = display(HTML(self._html()), display_id=True)  # type: ignore[no-untyped-call]
        elif is_shown:
            self._bar = tqdm(total=100, desc=title, unit="%", bar_format="{desc}: {percentage:3.0f}% {postfix}")

    def say(self, note: str) -> None:
        """Shows one sentence, such as what is done now."""
        self._note = note
        self._show()

    def add(self, point: CurvePoint) -> None:
        """Adds a point."""
        self._points.append(point)
        self._show()

    def close(self, note: str) -> None:
        """Shows the last sentence and ends."""
        self.say(note)
        if self._bar is not None:
            self._bar.close()

    def _show(self) -> None:
        if self._display is not None:
            from IPython.display import HTML

            self._display.update(HTML(self._html()))  # type: ignore[no-untyped-call]
        elif self._bar is not None:
            if self._points:
                self._bar.n = round(100 * self._points[-1].share)
            self._bar.set_postfix_str(" ".join([*_numbers(self._points), self._note]))

    def _html(self) -> str:
        return (
            f'<div style="{_FRAME}"><b>{self._title}</b>{curve_svg(self._points)}'
            f"<div>{' &nbsp; '.join(_numbers(self._points))}</div><div>{self._note}</div></div>"
        )


def curve_svg(points: Sequence[CurvePoint]) -> str:
    """The two curves as a drawing: IoU after one click over steps.

    Args:
        points: in the order of their steps.
    """
    right, bottom = WIDTH - 12, HEIGHT - 40
    values = [value for point in points for value in (point.learning_iou, point.held_out_iou) if value is not None]
    low = max(0.0, min(values, default=0.0) - 0.05)
    high = min(1.0, max(values, default=1.0) + 0.05)
    last = max([point.step / max(point.share, 1e-6) for point in points if point.step], default=1.0)

    def xy_text(step: float, value: float) -> str:
        x = MARGIN + (right - MARGIN) * min(1.0, step / last)
        return f"{x:.1f},{bottom - (bottom - 12) * (value - low) / (high - low):.1f}"

    lines = []
    for tick in range(5):
        value = low + (high - low) * tick / 4
        y = xy_text(0, value).split(",")[1]
        lines.append(f'<path d="M{MARGIN},{y}H{right}" stroke="currentColor" opacity="0.2"/>')
        lines.append(f'<text x="{MARGIN - 8}" y="{y}" text-anchor="end" dominant-baseline="middle">{value:.2f}</text>')
    for name, colour, dash, series in (
        ("photos it learns from", LEARNING_COLOUR, "8 5", [(p.step, p.learning_iou) for p in points]),
        ("held-out photos", HELD_OUT_COLOUR, "", [(p.step, p.held_out_iou) for p in points]),
    ):
        line = " ".join(xy_text(step, value) for step, value in series if value is not None)
        if not line:
            continue
        lines.append(
            f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="4" stroke-dasharray="{dash}"/>'
        )
        x, y = line.split()[-1].split(",")
        lines.append(f'<circle cx="{x}" cy="{y}" r="6" fill="{colour}"><title>{name}</title></circle>')
    axis = f'<text x="{(MARGIN + right) / 2}" y="{HEIGHT - 10}" text-anchor="middle">steps (up to {last:.0f})</text>'
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="100%" role="img" aria-label="IoU after one click over steps" '
        'style="display:block;font:15px system-ui,sans-serif;fill:currentColor">'
        f"{''.join(lines)}{axis if points else ''}</svg>"
    )


def _numbers(points: Sequence[CurvePoint]) -> list[str]:
    """The latest IoUs as short texts, the legend of the drawing."""
    if not points:
        return []
    point = points[-1]
    texts = [f"- - photos it learns from: {point.learning_iou:.2f}"]
    return texts if point.held_out_iou is None else [*texts, f"held-out photos: {point.held_out_iou:.2f}"]


def _is_notebook() -> bool:
    """Whether a kernel runs this, whose cells show drawings."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and hasattr(shell, "kernel")

"""What a photo and a click cost: measured for a table, and shown as bars while one clicks. Used by lesson 2."""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import ipywidgets
import numpy as np
import numpy.typing as npt

from samwidget.core import INCLUDE, Prompt
from samwidget.explain.figure_parts import BLUE, ORANGE
from samwidget.explain.lessons.exercises import Lesson
from samwidget.predict import SamPredictor
from samwidget.widget import SamWidget

COFFEE = Prompt().with_point(290, 134, INCLUDE)
"""The click that is measured, on the coffee in the cup."""
_BARS_MAX = 12


@dataclass(frozen=True)
class Costs:
    """What a model takes for one photo and one click, measured several times.

    Attributes:
        encode_ms: of the encoder, each time anew.
        decode_ms: of the decoder, for one click.
    """

    encode_ms: tuple[float, ...]
    decode_ms: tuple[float, ...]

    @property
    def rows(self) -> tuple[tuple[str, tuple[float, ...]], ...]:
        """The name of each part, and its times."""
        return ("encoder, one photo", self.encode_ms), ("decoder, one click", self.decode_ms)

    def __repr__(self) -> str:
        return "\n".join(
            f"{name}: {', '.join(f'{value:.0f}' for value in times)} ms; median {median(times):.0f} ms"
            for name, times in self.rows
        )

    def _repr_html_(self) -> str:
        cell = '<td style="text-align:left;padding:4px 12px">'
        rows = "".join(
            f"<tr>{cell}{name}</td>{cell}{', '.join(f'{value:.0f}' for value in times)}</td>"
            f"{cell}<b>{median(times):.0f} ms</b></td></tr>"
            for name, times in self.rows
        )
        head = "".join(f"{cell}<b>{title}</b></td>" for title in ("part", "each time, in ms", "median"))
        return f'<table style="font-size:16px"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def measure_costs(lesson: Lesson, repeats: int = 5) -> Costs:
    """Measures encoder and decoder on the photo of a lesson. Nothing is taken from the cache of embeddings.

    Args:
        lesson: made by ``encode_once``.
        repeats: how often each is measured.

    Raises:
        ModelError: the model failed.
    """
    predictor = lesson.predictor
    times = [
        (_encode_ms(predictor, lesson.image), _decode_ms(predictor, lesson.image, COFFEE)) for _ in range(repeats + 1)
    ]
    encode_ms, decode_ms = zip(*times[1:], strict=True)  # the first time is slower
    return Costs(encode_ms, decode_ms)


class ClickMeter(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A bar for each change of a prompt in a widget: how long the encoder and the decoder take for it.

    Args:
        widget: whose clicks are measured.

    Attributes:
        forgets: the button; while it is down, the embedding is made again for each click.
        clicks: (encoder, decoder) in ms of each click so far; deleting all objects begins again.
    """

    def __init__(self, widget: SamWidget) -> None:
        self.clicks: list[tuple[float, float]] = []
        self._prompts: dict[int, Prompt] = {}  # of the objects, at the last change
        self.forgets = ipywidgets.ToggleButton(
            value=False,
            description="Forget the embedding after each click",
            layout=ipywidgets.Layout(width="320px"),
        )
        self._bars = ipywidgets.HTML()
        super().__init__([self.forgets, self._bars], layout=ipywidgets.Layout(width="100%", max_width="960px"))
        self._show()
        self._update(widget)
        self._stop = widget.on_change(self._update)

    def stop(self) -> None:
        """Ends the measuring; the bars stay."""
        self._stop()

    def _update(self, widget: SamWidget) -> None:
        prompts = {item.id: item.prompt for item in widget.objects if not item.prompt.is_empty}
        changed = [prompt for number, prompt in prompts.items() if self._prompts.get(number) is not prompt]
        self._prompts = prompts
        if not prompts:
            self.clicks = []
        for prompt in changed:
            encodes = self.forgets.value or not self.clicks
            encode_ms = _encode_ms(widget.predictor, widget.image) if encodes else 0.0
            self.clicks.append((encode_ms, _decode_ms(widget.predictor, widget.image, prompt)))
        self._show()

    def _show(self) -> None:
        self._bars.value = _bars_of(self.clicks)


def meter_clicks(widget: SamWidget) -> ClickMeter:
    """A widget with a bar for each click that is made in a ``SamWidget``: what the encoder takes, and the decoder."""
    return ClickMeter(widget)


def _milliseconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - begin)


def _encode_ms(predictor: SamPredictor, image: npt.NDArray[np.uint8]) -> float:
    """How long the encoder takes; ``embed`` would take the embedding from its cache."""
    return _milliseconds(
        lambda: predictor.run(lambda segmenter: segmenter.encode(image, threads=predictor.thread_count))
    )


def _decode_ms(predictor: SamPredictor, image: npt.NDArray[np.uint8], prompt: Prompt) -> float:
    embedding = predictor.embed(image)
    return _milliseconds(lambda: predictor.predict_many([prompt], embedding))


def _bars_of(clicks: Sequence[tuple[float, float]]) -> str:
    """HTML: a bar for each of the last clicks, and a line with the sum of all."""
    if not clicks:
        return '<div style="font-size:18px">Click an object in the photo.</div>'
    longest = max(sum(click) for click in clicks)
    rows = []
    for number, (encode, decode) in list(enumerate(clicks, start=1))[-_BARS_MAX:]:
        bars = "".join(
            f'<span style="display:inline-block;height:18px;width:{70 * value / longest:.1f}%;background:{colour}">'
            "</span>"
            for value, colour in ((encode, ORANGE), (decode, BLUE))
        )
        text = f"{encode:.0f} + {decode:.0f} ms" if encode else f"{decode:.0f} ms"
        rows.append(
            '<div style="display:flex;align-items:center;gap:8px;line-height:24px">'
            f'<span style="width:70px">click {number}</span>'
            f'<span style="flex:1;display:flex;align-items:center;gap:0">{bars}'
            f'<span style="padding-left:8px">{text}</span></span></div>'
        )
    encodes = sum(encode > 0 for encode, _ in clicks)
    total = sum(encode + decode for encode, decode in clicks)
    key = " &nbsp; ".join(
        f'<span style="display:inline-block;width:14px;height:14px;background:{colour}"></span> {html.escape(name)}'
        for colour, name in ((ORANGE, f"encoder: {encodes} times"), (BLUE, f"decoder: {len(clicks)} times"))
    )
    return (
        f'<div style="font-size:16px">{"".join(rows)}'
        f'<div style="padding-top:8px">{key} &nbsp; <b>in all {total:.0f} ms</b></div></div>'
    )

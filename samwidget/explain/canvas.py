"""Player: a film on an ipycanvas, with play, pause, scrub and the levels of detail.

Owns the widgets of a live notebook. ``page`` has the player that needs no kernel; ``play`` displays both, and the page
shows itself only where the live one is not.
"""

from __future__ import annotations

import contextlib
import io
import uuid
from typing import Any

import ipywidgets
import numpy as np
from ipycanvas import Canvas, hold_canvas
from PIL import Image

from samwidget.explain.film import HEIGHT, WIDTH, Area, Disc, Film, Item, Line, Picture, Scene, Text
from samwidget.explain.page import page_of

# Canvas pixels for each pixel of a scene, for screens with small pixels.
_SHARPNESS = 2
LETTERS = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"


class Player(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Plays a film on a canvas; another film may be put in at any time.

    Args:
        film: the first one.
    """

    def __init__(self, film: Film) -> None:
        self.canvas = Canvas(width=_SHARPNESS * WIDTH, height=_SHARPNESS * HEIGHT)
        self.canvas.layout = ipywidgets.Layout(width="100%", max_width=f"{WIDTH}px", height="auto")
        self.details = ipywidgets.ToggleButtons(description="", style={"button_width": "auto"})
        self.play = ipywidgets.Play(show_repeat=False)
        self.slider = ipywidgets.IntSlider(readout=False, layout=ipywidgets.Layout(flex="1"), description="")
        self.slider.tooltip = "Scene"
        self.position = ipywidgets.Label()
        self.sentence = ipywidgets.HTML()
        ipywidgets.jslink((self.play, "value"), (self.slider, "value"))
        controls = ipywidgets.HBox(
            [self.play, self.slider, self.position], layout=ipywidgets.Layout(align_items="center")
        )
        layout = ipywidgets.Layout(max_width=f"{WIDTH}px", width="100%")
        super().__init__([self.details, self.canvas, self.sentence, controls], layout=layout)
        self._bitmaps: dict[int, Canvas] = {}
        self.film = film
        self.slider.observe(self._draw, "value")
        self.details.observe(self._begin_detail, "value")
        self.canvas.on_client_ready(self._draw)

    @property
    def film(self) -> Film:
        """The film that plays."""
        return self._film

    @film.setter
    def film(self, film: Film) -> None:
        self._film = film
        for bitmap in self._bitmaps.values():
            bitmap.close()
        self._bitmaps = {}
        self.play.interval = round(1000 * film.seconds)
        names = tuple(film.scenes)
        chosen = self.details.value if self.details.value in names else names[0]
        self.details.options = names
        self.details.value = chosen
        self.details.layout.display = "none" if len(names) == 1 else ""
        self._begin_detail()

    @property
    def scene(self) -> Scene:
        """The scene that is seen."""
        scenes: tuple[Scene, ...] = self._film.scenes[self.details.value]
        index: int = self.slider.value
        return scenes[index]

    def _begin_detail(self, *_: object) -> None:
        """Goes to the first scene of the detail that was chosen."""
        last = len(self._film.scenes[self.details.value]) - 1
        self.play.playing = False
        with contextlib.ExitStack() as held:
            for control in (self.play, self.slider):
                held.enter_context(control.hold_trait_notifications())
                control.value, control.max = 0, last
        self._draw()

    def _draw(self, *_: object) -> None:
        scene = self.scene
        self.position.value = f"{self.slider.value + 1} of {self.slider.max + 1}"
        self.sentence.value = f'<div style="font-size:18px;line-height:1.4;min-height:50px">{scene.sentence}</div>'
        # In one message, new bitmaps included: ipycanvas handles several messages at the same time.
        with hold_canvas():
            self.canvas.clear()
            self.canvas.save()
            self.canvas.scale(_SHARPNESS)
            self.canvas.fill_style = "#ffffff"
            self.canvas.fill_rect(0, 0, WIDTH, HEIGHT)
            for item in scene.items:
                self._draw_item(item)
            self.canvas.restore()

    def _bitmap(self, image: int) -> Canvas:
        """An image of the film on a canvas of its own, sent to the browser when it is drawn for the first time."""
        if image not in self._bitmaps:
            pixels = np.asarray(Image.open(io.BytesIO(self._film.images[image])).convert("RGB"))
            bitmap = Canvas(width=pixels.shape[1], height=pixels.shape[0])
            bitmap.put_image_data(pixels)
            self._bitmaps[image] = bitmap
        return self._bitmaps[image]

    def _draw_item(self, item: Item) -> None:
        canvas: Any = self.canvas  # ipycanvas has no types
        if isinstance(item, Picture):
            canvas.draw_image(self._bitmap(item.image), item.x, item.y, item.width, item.height)
        elif isinstance(item, Text):
            canvas.font = f"{'bold ' if item.bold else ''}{item.size}px {LETTERS}"
            canvas.text_align, canvas.fill_style = item.align, item.fill
            canvas.fill_text(item.text, item.x, item.y)
        elif isinstance(item, Line):
            canvas.stroke_style, canvas.line_width = item.fill, item.width
            canvas.begin_path()
            for x, y in item.points:
                canvas.line_to(x, y)
            canvas.stroke()
        elif isinstance(item, Disc):
            canvas.fill_style = item.edge
            canvas.fill_circle(item.x, item.y, item.radius + 2.5)
            canvas.fill_style = item.fill
            canvas.fill_circle(item.x, item.y, item.radius)
        else:
            assert isinstance(item, Area), "these are all kinds"
            canvas.fill_style = item.fill
            canvas.fill_rect(item.x, item.y, item.width, item.height)


def play(film: Film) -> Player:
    """Displays a film in the notebook: on a canvas, and as a page that appears where the canvas does not.

    Returns:
        The player, whose ``film`` may be replaced.
    """
    from IPython.display import display, publish_display_data

    player = Player(film)
    name = f"samwidget-film-{uuid.uuid4().hex[:12]}"
    player.add_class(name)
    display(player)  # type: ignore[no-untyped-call]
    bundle: dict[str, Any] = {"text/html": page_of(film.to_json(), name), "text/plain": repr(film)}
    publish_display_data(bundle)  # type: ignore[no-untyped-call]
    return player

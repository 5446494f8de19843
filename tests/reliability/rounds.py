"""What the user of ``soak`` does: one round of ordinary work with a photo, at a person's pace.

It knows the parts and keys of the widget, and neither memory nor time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tests.browser.lab import Notebook, Widget

PHOTOS = sorted((Path(__file__).parents[2] / "notebooks/photos").glob("*.jpg"))
_NAMES = [photo.name for photo in PHOTOS]
# One cell, which is run again and again: JupyterLab keeps parts of its own toolbars in memory whenever another cell
# becomes the active one. Widgets are shown with display(): as values, IPython would keep them all in Out.
CELLS = [
    f"""import samwidget
from samwidget import SamWidget
if "w" in globals():
    w.label_map(), w.masks, w.snapshot(), w.request()
    w.close()
else:
    turn, photos, board = 0, {_NAMES}, SamWidget("coffee.jpg", height=300)
w = SamWidget(photos[turn % len(photos)], height=420)
turn += 1
display(board, w, w)""",
]
# The same with a widget that has the same text, shows a picture as small as a snapshot, and does nothing else: what
# JupyterLab, anywidget, the browser and the developer tools keep of it.
CONTROL_CELLS = [
    f"""from pathlib import Path
import anywidget, samwidget, traitlets
from samwidget.images import SNAPSHOT_SIDE_MAX, encode_small_jpeg, load_rgb, shrink
if "w" in globals():
    w.close()
else:
    static, photos = Path(samwidget.__file__).parent / "static", {_NAMES}
    code, _, _ = (static / "widget.js").read_text().rpartition("export default")
    class Control(anywidget.AnyWidget):
        _esm = code + '''export default {{ render({{ model, el }}) {{
            el.textContent = `turn ${{model.get("turn")}};`;
            if (!model.get("picture")) return;
            const picture = document.createElement("img");
            picture.src = URL.createObjectURL(new Blob([model.get("picture")]));
            el.append(picture);
            return () => URL.revokeObjectURL(picture.src);
        }} }}'''
        _css = (static / "widget.css").read_text()
        turn, picture = traitlets.Int().tag(sync=True), traitlets.Bytes(None, allow_none=True).tag(sync=True)
    turn, board = 0, Control()
turn += 1
w = Control(turn=turn, picture=encode_small_jpeg(shrink(load_rgb(photos[turn % len(photos)]), SNAPSHOT_SIDE_MAX)))
display(board, w, w)""",
]
_BOARD, _FIRST, _SECOND = 0, 1, 2
_LAST_WAIT = "performance.getEntriesByName('samwidget:click-to-drawn').at(-1)?.duration ?? null"


def run_again(notebook: Notebook) -> None:
    """Runs the first cell once more, with the keyboard."""
    notebook.page.locator(".jp-CodeCell .cm-content").first.click(position={"x": 5, "y": 5})
    notebook.page.keyboard.press("Control+Enter")


class User:
    """Works with the widgets of one notebook.

    Attributes:
        waits_ms: from each click to its drawn mask, until somebody clears the list.
        counts: how often each action was done.
    """

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook
        self._page = notebook.page
        self._rng = np.random.default_rng(0)
        self.waits_ms: list[float] = []
        self.counts: Counter[str] = Counter()
        self._image = ""

    def open(self) -> None:
        """Runs the cell, and waits for its widgets."""
        self._notebook.run_all()
        self._wait_for_widgets()

    def round(self, number: int) -> None:
        """Changes the photo and works with it; at the end everything that was made is gone."""
        with self._act("photo"):
            run_again(self._notebook)
            self._wait_for_widgets()
        widget = self._notebook.widget(_FIRST)
        self._segment(widget)
        self._change_mind(widget)
        self._look_around(widget)
        if number % 2:
            self._find_everything(widget)
        self._use_second_view(widget)
        self._use_board()
        with self._act("clear"), widget.change():
            widget.part("clear").click()
        widget.leave()

    def _wait_for_widgets(self) -> None:
        image = self._image
        for index in (_BOARD, _FIRST, _SECOND):
            self._notebook.widget(index).ready()
        first = self._notebook.widget(_FIRST)
        # The views of the run before stay for a moment.
        self._image = first.wait(f"s.phase === 'ready' && s.image && s.image !== {image!r}")["image"]
        self._notebook.widget(_SECOND).wait(f"s.phase === 'ready' && s.image === {self._image!r}")

    def _segment(self, widget: Widget) -> None:
        self._hover(widget)
        self._click(widget, *self._somewhere())
        self._click(widget, *self._somewhere())
        self._click(widget, *self._somewhere(), button="right")
        for key in ("2", "3"):
            # Another candidate may be the one that is shown: then nothing changes.
            with self._act("candidate"), widget.change(settle=False):
                widget.press(key, settle=False)
            widget.wait("s.pending === 0")
        with self._act("name"):
            widget.objects().first.locator('[data-sw="name"]').dblclick()
            self._page.keyboard.press("Control+a")
            self._page.keyboard.type(f"thing {self.counts['name']}")
            widget.press("Enter")
            widget.wait("s.active === null && s.pending === 0")
        widget.part("tool-box").click()
        x, y = self._somewhere()
        with self._act("box"):
            widget.drag((x - 30, y - 30), (x + 40, y + 35))
        widget.part("tool-include").click()
        self._click(widget, x, y)
        with self._act("accept"):
            widget.part("accept").click()
            widget.wait("s.active === null && s.pending === 0")

    def _change_mind(self, widget: Widget) -> None:
        for key, name in (("Control+z", "undo"), ("Control+z", "undo"), ("Control+Shift+z", "redo")):
            with self._act(name):
                widget.press(key)
        with self._act("hide"), widget.change():
            widget.objects().first.locator('[data-sw="visible"]').click()

    def _look_around(self, widget: Widget) -> None:
        with self._act("zoom"):
            self._page.mouse.move(*widget.at(*self._somewhere()))
            self._page.keyboard.down("Control")
            for _ in range(4):
                self._page.mouse.wheel(0, -120)
                self._page.wait_for_timeout(60)
            self._page.keyboard.up("Control")
        with self._act("pan"):
            widget.part("tool-pan").click()
            self._page.mouse.move(*widget.at(200, 150))
            self._page.mouse.down()
            self._page.mouse.move(*widget.at(230, 170))
            self._page.mouse.up()
            widget.part("tool-include").click()
        with self._act("fit"):
            widget.part("stage").focus()
            self._page.keyboard.press("0")
        with self._act("threshold"):
            widget.part("threshold").focus()
            for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "ArrowLeft"):
                self._page.keyboard.press(key)

    def _find_everything(self, widget: Widget) -> None:
        with self._act("everything"):
            widget.part("everything").click()
            widget.wait("s.everything.phase === 'done' && s.pending === 0", timeout_s=600)
        with self._act("keep"):
            widget.part("find-keep").click()
            widget.wait("s.everything.phase === 'none' && s.pending === 0")
        for _ in range(2):
            with self._act("delete"), widget.change():
                row = widget.objects().first
                row.hover()
                row.locator('[data-sw="delete"]').click()

    def _use_second_view(self, widget: Widget) -> None:
        second = self._notebook.widget(_SECOND)
        self._click(second, *self._somewhere())
        with self._act("second view"):
            widget.wait(f"s.revision === {second.state()['revision']}")
            # The click may have met a corner of the box, and so removed the box: then nothing is left to accept.
            second.press("Enter", settle=False)
            second.wait("s.active === null && s.pending === 0")

    def _use_board(self) -> None:
        board = self._notebook.widget(_BOARD).ready()
        self._click(board, *self._somewhere())
        with self._act("undo"):
            board.press("Control+z")

    def _hover(self, widget: Widget) -> None:
        with self._act("hover"):
            for _ in range(12):
                self._page.mouse.move(*widget.at(*self._somewhere()))
                self._page.wait_for_timeout(80)

    def _click(self, widget: Widget, x: float, y: float, button: str = "left") -> None:
        with self._act("click"):
            self._page.mouse.move(*widget.at(x, y))
            self._page.wait_for_timeout(200)
            widget.click(x, y, button=button, press_ms=80)
            wait_ms = self._page.evaluate(_LAST_WAIT)
            if wait_ms is not None:
                self.waits_ms.append(wait_ms)

    def _somewhere(self) -> tuple[float, float]:
        """Returns a pixel that each photo has, and above which no panel lies."""
        x, y = self._rng.uniform((60, 40), (300, 160))
        return float(x), float(y)

    @contextmanager
    def _act(self, name: str) -> Iterator[None]:
        yield
        self.counts[name] += 1
        self._rest()

    def _rest(self) -> None:
        self._page.wait_for_timeout(float(self._rng.uniform(500, 1100)))

"""How many clicks, drags and keys six pieces of work need, counted while they are done in a real JupyterLab.

The table is in docs/labelling.md. Each piece of work is done with the real pointer and keyboard, and is checked in the
kernel: a count is that of a way that works.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.lab import CHROMIUM_FLAGS, Lab, Notebook, Widget

PHOTO = Path(__file__).parents[2] / "notebooks/photos/coins.jpg"
CELL = """import numpy as np
from samwidget import SamWidget

w = SamWidget('coins.jpg', classes=['small', 'medium', 'large'], session='coins.samw')

def given(name, *boxes):  # a mask as another tool may have left it
    mask = np.zeros(w.image.shape[:2], bool)
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1, x0:x1] = True
    return w.add_masks([mask], names=[name])[0].id

w"""
FILE_CELL = """from samwidget import SamWidget
w = SamWidget('coins.jpg')
w"""
# Ten photos of coins, each of its own size, so that none is the same as another.
FOLDER_CELL = """from pathlib import Path
from PIL import Image
from samwidget import SamWidget

folder = Path('ten')
folder.mkdir(exist_ok=True)
for i in range(10):
    Image.open('coins.jpg').resize((384 + i, 303)).save(folder / f'{i}.jpg')
w = SamWidget(folder, classes=['coin'], session='ten.samw')
w"""
STATES = "[image.state for image in w.session.images]"
# The photos that are looked at once more.
DOUBTFUL = (3, 6)
# Where a coin is, its class and its name: two small ones, two medium ones and a large one.
COINS = [
    ((45, 54), "small", "cent"),
    ((101, 57), "small", "penny"),
    ((149, 54), "medium", "dime"),
    ((216, 52), "medium", "mark"),
    ((335, 44), "large", "crown"),
]
# A stool without one of its legs, and where the leg is.
STOOL = "given('stool', [60, 200, 150, 215], [65, 215, 75, 280])"
LEG = [(138, 214), (138, 245), (138, 278)]
# Two pieces of one thing with something before it.
PIECES = "[given('left', [200, 220, 230, 260]), given('right', [250, 220, 280, 260])]"


@dataclass
class Count:
    """What a person did.

    Attributes:
        clicks: of the pointer, also with a key held.
        drags: of the pointer.
        keys: presses, each once; a key that is held for a click does not count.
        letters: of names and classes that were typed, apart from the keys.
    """

    clicks: int = 0
    drags: int = 0
    keys: int = 0
    letters: int = 0

    def row(self, work: str) -> str:
        """Returns the row of a table."""
        total = self.clicks + self.drags + self.keys
        return f"| {work} | {self.clicks} | {self.drags} | {self.keys} | **{total}** | {self.letters} |"


class Person:
    """Does the work through the page, and counts."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.count = Count()

    def click(self, x: float, y: float, *, held: str | None = None) -> None:
        """Clicks, perhaps with a key held."""
        self.count.clicks += 1
        if held:
            self.page.keyboard.down(held)
        self.page.mouse.click(x, y)
        if held:
            self.page.keyboard.up(held)

    def drag(self, points: list[tuple[float, float]]) -> None:
        """Drags through these points."""
        self.count.drags += 1
        self.page.mouse.move(*points[0])
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*point, steps=5)
        self.page.mouse.up()

    def press(self, key: str) -> None:
        """Presses one key, perhaps with others held."""
        self.count.keys += 1
        self.page.keyboard.press(key)

    def write(self, text: str) -> None:
        """Types the letters of a name."""
        self.count.letters += len(text)
        self.page.keyboard.type(text)


def middle(part) -> tuple[float, float]:
    """Returns the middle of an element, CSS pixels of the page."""
    box = part.bounding_box()
    return box["x"] + box["width"] / 3, box["y"] + box["height"] / 2


def name_five(widget: Widget) -> Count:
    """Five named objects in three classes."""
    person, class_before = Person(widget.page), None
    for place, class_name, name in COINS:
        with widget.change():
            person.click(*widget.at(*place))
        if class_name != class_before:
            with widget.change():
                person.press(str(["small", "medium", "large"].index(class_name) + 1))
        class_before = class_name
        person.write(name)
        with widget.change():
            person.press("Enter")
    made = widget.notebook.python("[[item.class_name, item.name] for item in w.objects]")
    assert made == [[class_name, name] for _, class_name, name in COINS], made
    return person.count


def mend_leg(widget: Widget) -> Count:
    """A missing leg is painted on an object that is finished."""
    with widget.change():
        number = widget.notebook.python(STOOL)
    before = widget.notebook.python("int(w.objects[-1].area)")
    person = Person(widget.page)
    with widget.change():
        person.click(*middle(widget.root.locator(f'[data-object-id="{number}"] [data-sw="name"]')))
    person.press("d")
    widget.wait("s.tool === 'brush'")
    with widget.change():
        person.drag([widget.at(*point) for point in LEG])
    with widget.change():
        person.press("Enter")
    after = widget.notebook.python("int(w.objects[-1].area)")
    assert after > before + 65 * 5, (before, after)
    widget.notebook.python("setattr(w, 'tool', 'include')")
    widget.wait("s.tool === 'include'")
    return person.count


def merge_two(widget: Widget) -> Count:
    """Two pieces become one object."""
    ids = widget.notebook.python(PIECES)
    widget.wait(f"s.objects === {widget.notebook.python('len(w.objects)')}")
    person = Person(widget.page)
    for number in ids:
        row = widget.root.locator(f'[data-object-id="{number}"] [data-sw="name"]')
        row.scroll_into_view_if_needed()
        person.click(*middle(row), held="Control")
    with widget.change():
        person.press("m")
    assert widget.notebook.python("int(w.objects[-1].area)") == 2 * 40 * 30
    return person.count


def export_five(widget: Widget) -> Count:
    """Five named objects become a COCO file. The last name ends with the click on the button."""
    person = Person(widget.page)
    for number, (place, _, name) in enumerate(COINS):
        with widget.change():
            person.click(*widget.at(*place))
        person.write(name)
        if number < len(COINS) - 1:
            with widget.change():
                person.press("Enter")
    person.click(*middle(widget.part("export")))
    with widget.page.expect_download() as download:
        person.click(*middle(widget.part("export-coco")))
    data = json.loads(download.value.path().read_text())
    assert len(data["annotations"]) == len(COINS), data
    assert widget.notebook.python("[item.name for item in w.objects]") == [name for *_, name in COINS]
    return person.count


def label_ten(widget: Widget) -> Count:
    """Ten photos get an object each; two are marked on the way and looked at again at the end."""
    person = Person(widget.page)
    for index in range(10):
        widget.wait(f"s.index === {index} && s.pending === 0 && s.phase === 'ready'")
        with widget.change():
            person.click(*widget.at(101, 57))
        person.press("Control+Shift+Enter" if index in DOUBTFUL else "Control+Enter")
    for index in DOUBTFUL:
        widget.wait(f"s.index === {index} && s.pending === 0 && s.phase === 'ready'")
        person.press("Control+Enter")
    widget.notebook.wait_for_python(f"{STATES} == ['done'] * 10")
    assert widget.notebook.python("[len(image.objects) for image in w.session.images]") == [1] * 10
    return person.count


def go_on(notebook: Notebook) -> Count:
    """The kernel is gone; the cell is run again, and all is there."""
    made = "[[item.class_name, item.name, int(item.area)] for item in w.objects]"
    before = notebook.python(made)
    notebook.python("w.save()")
    notebook.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    notebook.wait_for_kernel("idle")
    notebook.wait_for_python("'w' not in globals()")
    person, line = Person(notebook.page), notebook.page.locator(".jp-InputArea-editor .cm-line").first
    line.scroll_into_view_if_needed()
    person.click(*middle(line))
    person.press("Shift+Enter")
    notebook.wait_for_python("'w' in globals()", timeout_s=60)
    notebook.widget().ready()
    assert notebook.python(made) == before
    return person.count


def main() -> str:
    """Returns the table of counts."""
    folder = Path(tempfile.mkdtemp())
    shutil.copy(PHOTO, folder)
    lab = Lab(folder)
    lines = [
        "### Actions (JupyterLab, Chromium)",
        "",
        "| work | clicks | drags | keys | actions | letters of names |",
        "|---|---|---|---|---|---|",
    ]
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
            notebook = Notebook(lab, browser.new_page(viewport={"width": 1280, "height": 900}), "actions", [CELL])
            notebook.run_all()
            widget = notebook.widget().ready()
            lines.append(name_five(widget).row("five named objects in three classes"))
            lines.append(mend_leg(widget).row("a missing leg mended with the brush"))
            lines.append(merge_two(widget).row("two pieces merged"))
            lines.append(go_on(notebook).row("going on tomorrow"))
            notebook.shut_down()
            for name, cell, work, count in (
                ("file", FILE_CELL, "five named objects to a COCO file", export_five),
                ("folder", FOLDER_CELL, "ten photos labelled and checked", label_ten),
            ):
                notebook = Notebook(lab, browser.new_page(viewport={"width": 1280, "height": 900}), name, [cell])
                notebook.run_all()
                lines.append(count(notebook.widget().ready()).row(work))
                notebook.shut_down()
            browser.close()
    finally:
        lab.close()
        shutil.rmtree(folder, ignore_errors=True)
    return "\n".join(lines) + "\n"

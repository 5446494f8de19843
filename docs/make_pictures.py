"""Takes the pictures of README and docs from the real widget in a real JupyterLab: ``make pictures``."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from docs import make_nano_pictures
from tests.browser.lab import CHROMIUM_FLAGS, Lab, Notebook, Widget

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs/pictures"
CELL = "from samwidget import SamWidget\nw = SamWidget('astronaut.jpg')\nw"
LABELLING_CELL = (
    "from samwidget import SamWidget\n"
    "w = SamWidget('coins.jpg', classes=['small', 'medium', 'large'], session='labels.samw')\nw"
)

FOLDER_CELL = (
    "from samwidget import SamWidget\n"
    "w = SamWidget('photos/', classes=['person', 'animal', 'thing'], session='photos.samw')\nw"
)


def use(widget: Widget, notebook: Notebook) -> None:
    """Makes two objects and accepts them; refines a third one with an include and an exclude click."""
    widget.click(225, 90)
    widget.click(100, 400)
    widget.press("Enter")
    widget.drag((2, 2), (108, 318))
    widget.press("Enter")
    widget.click(350, 420)
    widget.click(470, 300, button="right")
    for number, name in enumerate(("astronaut", "flag", "helmet"), start=1):
        notebook.python(f"w.rename({number}, {name!r})")
    widget.wait("s.pending === 0")
    notebook.page.mouse.move(*widget.at(412, 233))
    notebook.page.wait_for_timeout(500)


def label(widget: Widget, notebook: Notebook) -> None:
    """Labels coins with classes and names; paints on the last one with the brush in hand."""
    coins = [((45, 54), "1"), ((101, 57), "2"), ((155, 52), "2"), ((216, 54), "2"), ((276, 53), "1"), ((335, 44), "3")]
    for number, (coin, key) in enumerate(coins, start=1):
        widget.click(*coin)
        notebook.page.keyboard.press(key)
        notebook.page.keyboard.type(f"coin {number}")
        widget.press("Enter")
    widget.click(100, 130)
    widget.press("2")
    widget.part("tool-brush").click()
    widget.wait("s.pending === 0")
    notebook.page.mouse.move(*widget.at(113, 118))
    notebook.page.wait_for_timeout(1500)


def label_folder(widget: Widget, notebook: Notebook) -> None:
    """Labels two photos and accepts them; of the third one an object is labelled, and the next is being refined."""
    for index, (point, key) in enumerate([((225, 90), "1"), ((180, 190), "2")]):
        widget.click(*point)
        widget.press(key)
        widget.press("Enter")
        widget.press("Control+Enter", settle=False)
        widget.wait(f"s.index === {index + 1} && s.pending === 0 && s.phase === 'ready'")
    widget.drag((74, 60), (482, 380))
    widget.press("3")
    widget.press("Enter")
    widget.drag((173, 18), (408, 307))
    widget.wait("s.pending === 0")
    notebook.page.mouse.move(*widget.at(300, 330))
    notebook.page.wait_for_timeout(2000)


def main() -> None:
    """Writes docs/pictures/widget.png, widget_dark.png, labelling.png, folder.png and nano.jpg."""
    PICTURES.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp())
    for photo in ("astronaut.jpg", "coins.jpg"):
        shutil.copy(ROOT / "notebooks/photos" / photo, folder)
    shutil.copytree(ROOT / "notebooks/photos", folder / "photos")
    lab = Lab(folder)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
            for theme, file in (("JupyterLab Light", "widget.png"), ("JupyterLab Dark", "widget_dark.png")):
                page = browser.new_page(viewport={"width": 1240, "height": 900}, device_scale_factor=1.5)
                notebook = Notebook(lab, page, file.removesuffix(".png"), [CELL])
                page.evaluate(f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: '{theme}'}})")
                notebook.run_all()
                widget = notebook.widget().ready()
                use(widget, notebook)
                widget.root.screenshot(path=PICTURES / file)
            page = browser.new_page(viewport={"width": 1240, "height": 900}, device_scale_factor=1.5)
            notebook = Notebook(lab, page, "labelling", [LABELLING_CELL])
            page.evaluate("window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})")
            notebook.run_all()
            widget = notebook.widget().ready()
            label(widget, notebook)
            widget.root.screenshot(path=PICTURES / "labelling.png")
            page = browser.new_page(viewport={"width": 1240, "height": 1000}, device_scale_factor=1.5)
            notebook = Notebook(lab, page, "folder", [FOLDER_CELL])
            notebook.run_all()
            widget = notebook.widget().ready()
            label_folder(widget, notebook)
            widget.root.screenshot(path=PICTURES / "folder.png")
            browser.close()
    finally:
        lab.close()
    make_nano_pictures.main()


if __name__ == "__main__":
    main()

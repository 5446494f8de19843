"""A folder of photos: turn pages, label and accept, go on after the kernel died, export; wide and narrow cells."""

import json
import os
import signal

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ARTIFACTS
from tests.browser.test_accessibility import Checked
from tests.browser.test_display import CUT, resize

# Small photos, which are encoded soon; each is another part, so that none is the same as another.
CELL = """from pathlib import Path

import ipywidgets
from PIL import Image
from samwidget import SamWidget

folder = Path('{folder}')
folder.mkdir(exist_ok=True)
for i in range({count}):
    name = ['coins', 'coffee', 'chelsea', 'astronaut'][i % 4]
    Image.open(name + '.jpg').resize((330, 230)).crop((i, i, 300 + i, 200 + i)).save(folder / f'{{i:02}}.jpg')
w = SamWidget(folder, classes=['coin', 'cat'], session='{folder}.samw')
frame = ipywidgets.VBox([ipywidgets.HBox([w])], layout=ipywidgets.Layout(width='1100px'))
frame"""
STATES = "[image.state for image in w.session.images]"
COUNTS = "[len(image.objects) for image in w.session.images]"


def open_folder(in_notebook, folder, count, theme="JupyterLab Light"):
    notebook = in_notebook(CELL.format(folder=folder, count=count), width=1400, height=1000)
    notebook.change_theme(theme)
    widget = notebook.widget().ready()
    wait_for_photo(widget, 0)
    notebook.wait_for_frames()
    return notebook, widget


def wait_for_photo(widget, index):
    widget.wait(f"s.index === {index} && s.pending === 0 && s.phase === 'ready'")


def export_coco(notebook, widget):
    """What the button saves of all labelled photos."""
    widget.part("export").click()
    expect(widget.part("export-coco")).to_be_focused()
    with notebook.page.expect_download() as download:
        notebook.page.keyboard.press("Enter")
    return json.loads(download.value.path().read_text())


def test_photos_are_labelled_one_after_the_other_and_outlive_the_kernel(open_notebook):
    notebook, widget = open_folder(open_notebook, "labelled", 4)
    frames = widget.part("frame")
    expect(frames).to_have_count(4)
    expect(frames.locator("img:not([hidden])")).to_have_count(4)
    for index in range(2):
        wait_for_photo(widget, index)
        widget.click(150, 100)
        notebook.page.keyboard.press("Control+Enter")
    wait_for_photo(widget, 2)
    assert widget.state()["objects"] == 0, "the objects of the photo before are gone with it"
    notebook.page.keyboard.press("c")
    widget.wait("s.objects > 0 && s.pending === 0")
    notebook.page.keyboard.press("Control+Shift+Enter")
    wait_for_photo(widget, 3)
    notebook.wait_for_python(f"{STATES}[2] == 'to_check'")
    assert notebook.python(STATES)[:3] == ["done", "done", "to_check"]
    expect(widget.part("image-counts")).to_have_text("2 of 4 done")
    data = export_coco(notebook, widget)
    assert [image["file_name"] for image in data["images"]] == ["00.jpg", "01.jpg", "02.jpg"], "none that is new"
    assert len(data["annotations"]) == sum(notebook.python(COUNTS))
    notebook.python("w.save()")
    before = notebook.python(f"[{STATES}, {COUNTS}]")

    os.kill(int(notebook.python("__import__('os').getpid()")), signal.SIGKILL)
    notebook.page.get_by_text("appears to have died").wait_for()
    notebook.page.keyboard.press("Enter")
    notebook.wait_for_kernel("idle")
    notebook.run_all()
    widget = notebook.widget().ready()
    assert notebook.python(f"[{STATES}, {COUNTS}]") == before
    expect(widget.part("image-counts")).to_have_text("2 of 4 done")
    widget.root.screenshot(path=ARTIFACTS / "folder-again.png")
    widget.part("frame").nth(1).click()
    wait_for_photo(widget, 1)
    assert widget.state()["objects"] == before[1][1]


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_the_strip_has_no_fault_at_any_width(warm_notebook, theme):
    notebook, widget = open_folder(warm_notebook, f"strip_{theme.split()[1]}", 30, theme)
    checked = Checked(notebook, widget)
    widget.click(150, 100)
    for width, strip in ((1100, "open"), (680, "line"), (360, "line"), (240, "line")):
        resize(notebook, widget, width)
        notebook.page.wait_for_function(f"document.querySelector('.samwidget').dataset.strip === '{strip}'")
        assert widget.root.evaluate(CUT) == [], width
        checked.check("folder", [width])
        widget.root.screenshot(path=ARTIFACTS / f"folder-{theme.split()[1]}-{width}.png")
    widget.part("strip-fold").click()
    expect(widget.part("frame").first).to_be_visible()
    checked.check("folder, opened", [240])
    resize(notebook, widget, 1100)
    widget.part("image-filter").click()
    checked.check("filter", [1100])
    widget.part("filter-in_work").click()
    expect(widget.part("image-counts")).to_have_text("1 of 30 listed")
    assert checked.violations == [], "\n".join(checked.violations)

"""Classes in a real JupyterLab: label objects by keyboard and mouse, change and merge several at once, and undo."""

import numpy as np
from playwright.sync_api import expect

from tests.browser.conftest import ARTIFACTS
from tests.browser.pixels import stage_pixels

CELL = "from samwidget import SamWidget\nw = SamWidget('coins.jpg', classes=['small', 'large'])\nw"
COINS = [(45, 54), (101, 57), (335, 44), (276, 53)]
OBJECTS = "[[item.name, item.class_name] for item in w.objects]"


def chip(widget, name):
    return widget.root.locator(f'[data-sw="class"][data-class-name="{name}"]')


def name_of(widget, index):
    return widget.objects().nth(index).locator('[data-sw="name"]')


def label_three(notebook, widget):
    """Labels three coins: the first with keys, the second with the mouse, the third as the second."""
    widget.click(*COINS[0])
    notebook.page.keyboard.press("1")
    notebook.page.keyboard.type("penny")
    widget.press("Enter")
    widget.click(*COINS[2])
    with widget.change():
        chip(widget, "large").click()
    widget.press("Enter")
    widget.click(*COINS[1])
    widget.press("Enter")
    notebook.wait_for_python(f"{OBJECTS} == [['penny', 'small'], ['object 2', 'large'], ['object 3', 'large']]")


def test_label_change_merge_and_undo(warm_notebook):
    notebook = warm_notebook(CELL)
    widget = notebook.widget().ready()
    label_three(notebook, widget)
    expect(chip(widget, "large")).to_have_attribute("aria-pressed", "true")
    expect(chip(widget, "large")).to_have_accessible_name("large, 2 objects (2)")

    name_of(widget, 1).click(modifiers=["ControlOrMeta"])
    name_of(widget, 2).click(modifiers=["Shift"])
    expect(widget.part("selection")).to_contain_text("2 selected")
    widget.press("1")
    assert notebook.python(f"[name for _, name in {OBJECTS}]") == ["small"] * 3
    assert notebook.python("len({item.colour for item in w.objects})") == 1
    widget.root.screenshot(path=ARTIFACTS / "classes-selected.png")

    areas = notebook.python("[int(item.area) for item in w.objects]")
    with widget.change():
        widget.part("selection-merge").click()
    assert notebook.python(OBJECTS) == [["penny", "small"], ["object 2", "small"]]
    assert notebook.python("int(w.objects[1].area)") == areas[1] + areas[2]
    expect(widget.part("selection")).to_be_hidden()

    widget.press("Control+z")
    widget.press("Control+z")
    assert notebook.python(f"[name for _, name in {OBJECTS}]") == ["small", "large", "large"]


def test_a_class_on_the_fly_and_its_menu(warm_notebook):
    notebook = warm_notebook("from samwidget import SamWidget\nw = SamWidget('coins.jpg')\nw")
    widget = notebook.widget().ready()
    expect(widget.root.locator(".sw-chips")).to_be_hidden()
    widget.click(*COINS[0])
    notebook.page.keyboard.press("/")
    notebook.page.keyboard.type("coin")
    widget.press("Enter")
    notebook.wait_for_python(f"{OBJECTS} == [['object 1', 'coin']] and list(w.classes) == ['coin']")
    widget.press("Enter")
    widget.click(*COINS[1])
    assert notebook.python("w.objects[1].class_name") == "coin", "the next object has it, too"
    chip(widget, "coin").click()
    widget.part("class-rename").click()
    notebook.page.keyboard.type("penny")
    widget.press("Enter")
    assert notebook.python(f"[name for _, name in {OBJECTS}]") == ["penny", "penny"]


def test_a_locked_object_stays(warm_notebook):
    notebook = warm_notebook(CELL)
    widget = notebook.widget().ready()
    widget.click(*COINS[0])
    widget.press("Enter")
    row = widget.objects().first
    row.hover()
    with widget.change():
        row.locator('[data-sw="lock"]').click()
    row.locator('[data-sw="delete"]').click()
    widget.wait("s.failure !== null")
    expect(widget.root.locator(".sw-banner")).to_contain_text("lock")
    assert notebook.python("len(w.objects)") == 1


def test_a_list_with_classes_fits_a_narrow_cell(open_notebook):
    notebook = open_notebook(
        "from samwidget import SamWidget\nimport ipywidgets\nw = SamWidget('coins.jpg', classes=['small', 'large'])\n"
        "ipywidgets.VBox([w], layout=ipywidgets.Layout(width='240px'))",
        scale=2,
        touch=True,
    )
    widget = notebook.widget().ready()
    label_three(notebook, widget)
    row = widget.objects().first.bounding_box()
    notebook.page.touchscreen.tap(row["x"] + 60, row["y"] + 20)
    widget.wait("s.active === 1")
    for part in (chip(widget, "large"), widget.objects().first, widget.part("class-add").last):
        box, root = part.bounding_box(), widget.root.bounding_box()
        assert box["x"] >= root["x"]
        assert box["x"] + box["width"] <= root["x"] + root["width"]
    widget.root.screenshot(path=ARTIFACTS / "classes-narrow.png")


CROWD = """
import numpy as np
from samwidget import SamWidget

w = SamWidget("coins.jpg", classes=["small", "large"], hover=False)
y, x = np.mgrid[: w.image.shape[0], : w.image.shape[1]]
labels = np.where(np.hypot(x % 30 - 15, y % 30 - 15) < 11, 1 + x // 30 + 13 * (y // 30), 0)
w.add_masks(labels, class_names=["small", "large"] * 65)
w
"""


def test_a_long_list_of_a_crowded_photo(warm_notebook):
    """The list finds, orders and brings to the front; the photo points at its rows; panning leaves the right pixels."""
    notebook = warm_notebook(CROWD)
    widget = notebook.widget().ready()
    widget.wait("s.objects === 130")
    widget.part("stage").focus()
    notebook.page.keyboard.press("Control+f")
    notebook.page.keyboard.type("large 7")
    expect(widget.part("count")).to_have_text("5 of 130")
    widget.root.screenshot(path=ARTIFACTS / "list-found.png")
    notebook.page.keyboard.press("Enter")
    notebook.page.keyboard.press("Control+a")
    expect(widget.part("selection")).to_contain_text("5 selected")
    widget.part("order").click()
    widget.root.screenshot(path=ARTIFACTS / "list-order.png")
    widget.part("order-name").click()
    with widget.change():
        widget.part("selection-to-front").click()
    assert all("7" in name for name in notebook.python("[item.name for item in w.objects[-5:]]"))
    widget.press("Control+z")
    notebook.page.keyboard.press("Control+f")
    notebook.page.keyboard.press("Escape")
    notebook.page.keyboard.press("Escape")
    notebook.page.keyboard.press("Escape")

    last = widget.root.locator('[data-object-id="130"]')
    expect(last).not_to_be_in_viewport()
    notebook.page.mouse.move(*widget.at(12 * 30 + 15, 9 * 30 + 15))
    expect(last).to_be_in_viewport()

    before = widget.state()["stage"]
    notebook.python("setattr(w, 'tool', 'pan')")
    widget.wait("s.tool === 'pan'")
    notebook.page.keyboard.press("+")
    notebook.page.keyboard.press("+")
    widget.wait(f"s.stage.scale > {before['scale'] * 1.5}")
    for start, end in [((200, 150), (240, 120)), ((150, 200), (120, 90)), ((200, 100), (300, 190))]:
        widget.drag(start, end, settle=False)
        notebook.wait_for_frames()
    widget.leave()
    panned = stage_pixels(widget).astype(int)
    notebook.python("setattr(w, 'opacity', 0.9)")
    widget.wait("s.opacity === 0.9")
    notebook.python("setattr(w, 'opacity', 0.45)")
    widget.wait("s.opacity === 0.45")
    notebook.wait_for_frames()
    painted = stage_pixels(widget).astype(int)
    assert np.abs(panned - painted).max() <= 4, "what panning left is not what a new painting gives"

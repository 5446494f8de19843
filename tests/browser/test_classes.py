"""Classes in a real JupyterLab: label objects by keyboard and mouse, change and merge several at once, and undo."""

from playwright.sync_api import expect

from tests.browser.conftest import ARTIFACTS

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


def test_label_change_merge_and_undo(open_notebook):
    notebook = open_notebook(CELL)
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


def test_a_class_on_the_fly_and_its_menu(open_notebook):
    notebook = open_notebook("from samwidget import SamWidget\nw = SamWidget('coins.jpg')\nw")
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


def test_a_locked_object_stays(open_notebook):
    notebook = open_notebook(CELL)
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

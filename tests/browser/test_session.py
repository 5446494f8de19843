"""Work that outlives its kernel: label, mend, kill, run the cell again, and go on where it stopped."""

import os
import signal

from playwright.sync_api import expect

from tests.browser.conftest import ARTIFACTS
from tests.browser.lab import KERNEL

CELL = "from samwidget import SamWidget\nw = SamWidget('coins.jpg', classes=['small', 'large'], session='kill.samw')\nw"
COINS = [(45, 54), (101, 57), (335, 44)]
OBJECTS = "[[item.id, item.name, item.class_name, int(item.area)] for item in w.objects]"


def label(notebook, widget, coin, key, name):
    widget.click(*coin)
    notebook.page.keyboard.press(key)
    notebook.page.keyboard.type(name)
    widget.press("Enter")


def test_labels_and_undo_survive_the_kernel(open_notebook):
    notebook = open_notebook(CELL)
    widget = notebook.widget().ready()
    for coin, key, name in zip(COINS, "121", ("cent", "dime", "mark"), strict=True):
        label(notebook, widget, coin, key, name)
    before_stroke = notebook.python(OBJECTS)
    assert [row[1:3] for row in before_stroke] == [["cent", "small"], ["dime", "large"], ["mark", "small"]]

    widget.objects().nth(2).locator('[data-sw="name"]').click()
    widget.part("tool-brush").click()
    widget.stroke((200, 200), (220, 205))
    expect(widget.part("saved")).to_contain_text("Saved to kill.samw")
    labelled = notebook.python(OBJECTS)
    assert labelled[2][3] > before_stroke[2][3]

    os.kill(int(notebook.python("__import__('os').getpid()")), signal.SIGKILL)
    notebook.page.get_by_text("appears to have died").wait_for()
    notebook.page.keyboard.press("Enter")
    widget.wait("s.dot === 'off' && s.failure === 'no_kernel'")
    notebook.wait_for_kernel("idle")
    notebook.run_all()
    widget = notebook.widget().ready()
    assert notebook.python(OBJECTS) == labelled
    expect(widget.objects()).to_have_count(3)
    widget.root.screenshot(path=ARTIFACTS / "session-again.png")

    with widget.change():
        widget.part("undo").click()
    assert notebook.python(OBJECTS) == before_stroke, "undo takes back what the kernel before did"
    with widget.change():
        widget.part("redo").click()
    assert notebook.python(OBJECTS) == labelled


def test_save_on_screen(warm_notebook):
    notebook = warm_notebook("from samwidget import SamWidget\nw = SamWidget('coins.jpg')\nw")
    widget = notebook.widget().ready()
    widget.click(*COINS[0])
    expect(widget.part("saved")).to_have_text("Save session")
    notebook.page.keyboard.press("Control+Shift+s")
    expect(widget.part("save-field")).to_have_value("coins.samw")
    notebook.page.keyboard.type("missing/on_screen")
    notebook.page.keyboard.press("Enter")
    expect(widget.part("save-note")).to_contain_text("There is no folder")
    widget.part("save-field").fill("on_screen")
    widget.part("save-button").click()
    expect(widget.part("saved")).to_contain_text("Saved to on_screen.samw")
    widget.click(*COINS[1])
    expect(widget.part("saved")).to_contain_text("Saved to on_screen.samw")
    notebook.wait_for_python("w.saving['phase'] == 'saved'")
    assert notebook.python("len(__import__('samwidget').replay('on_screen.samw', 'coins.jpg'))") == 1


def test_a_saved_notebook_and_a_restarted_kernel_have_their_prompts(open_notebook):
    notebook = open_notebook(
        "from samwidget import SamWidget\nw = SamWidget('coins.jpg', classes=['small', 'large'])\nw"
    )
    widget = notebook.widget().ready()
    for coin, key, name in zip(COINS, "121", ("cent", "dime", "mark"), strict=True):
        label(notebook, widget, coin, key, name)
    labelled = notebook.python(OBJECTS)
    notebook.set_save_widget_state(True)
    notebook.save()
    notebook.shut_down()
    notebook.open()  # another page, another kernel
    notebook.widget().wait("s.dot === 'off'")
    notebook.run_all()
    widget = notebook.widget().ready()
    expect(widget.part("restore")).to_have_text("Restore 3 objects")
    widget.root.screenshot(path=ARTIFACTS / "session-restore.png")
    with widget.change():
        widget.part("restore").click()
    assert notebook.python(OBJECTS) == labelled
    expect(widget.part("restore")).to_be_hidden()

    notebook.page.evaluate(f"{KERNEL}.restart()")
    widget.wait("s.dot === 'off'")
    notebook.wait_for_kernel("idle")
    notebook.run_all()
    widget = notebook.widget().ready()
    widget.part("stage").focus()
    widget.press("w")
    assert notebook.python(OBJECTS) == labelled
    widget.press("Control+z")
    assert notebook.python("len(w.objects)") == 0
    notebook.set_save_widget_state(False)

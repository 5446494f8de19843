"""Naming: click, type the name, Enter, next click is the next object; by mouse, keyboard, touch and input method."""

import pytest

from tests.browser.conftest import FIRST_CELL

COINS_CELL = FIRST_CELL.replace("coffee", "coins")
# The middle of four coins of the upper row, image pixels.
COINS = [(44, 53), (100, 55), (154, 52), (215, 52)]
# On the first coin, too far from the first click to be a click on its point.
BESIDE = (26, 53)
# From now on masks come while the gate is open.
HOLD = """(lambda gate, predict: [globals().update(gate=gate), setattr(
    w.predictor, 'predict_many', lambda *args, **kwargs: (gate.wait(), predict(*args, **kwargs))[1])][1])(
    __import__('threading').Event(), w.predictor.predict_many)"""


@pytest.fixture
def coins(warm_notebook):
    """A view of the photo of coins."""
    return warm_notebook(COINS_CELL).widget().ready()


def names(widget):
    widget.wait("s.pending === 0")
    return widget.notebook.python("[item.name for item in w.objects]")


def clicks(widget):
    """How many clicks each object has."""
    widget.wait("s.pending === 0")
    return widget.notebook.python("[len(item.prompts.points_xy) for item in w.objects]")


def press(widget, *keys):
    for key in keys:
        widget.page.keyboard.press(key)


def write(widget, text):
    widget.page.keyboard.type(text)


def test_click_type_enter_click(coins):
    for coin, name in zip(COINS, ["ichor", "bronze 2", "nickel", "Obol"], strict=True):
        coins.click(*coin)
        write(coins, name)
        press(coins, "Enter")
    assert names(coins) == ["ichor", "bronze 2", "nickel", "Obol"]
    assert clicks(coins) == [1, 1, 1, 1]
    assert coins.state()["tool"] == "include", "no letter was a key"
    assert coins.notebook.page.locator(".jp-Cell").count() == 1


def test_click_f2_type_enter_enter_click(coins):
    coins.click(*COINS[0])
    press(coins, "F2")
    write(coins, "drachma")
    press(coins, "Enter", "Enter")
    coins.click(*COINS[1])
    assert names(coins) == ["drachma", "object 2"]
    assert clicks(coins) == [1, 1]


def test_escape_drops_the_name_and_nothing_else(coins):
    coins.click(*COINS[0])
    press(coins, "F2", "Escape")
    write(coins, "drachma")
    press(coins, "Escape")
    assert coins.part("name-field").count() == 0
    coins.click(*BESIDE)
    assert (names(coins), clicks(coins)) == (["object 1"], [2])


def test_a_click_keeps_the_name_and_refines(coins):
    coins.click(*COINS[0])
    write(coins, "drachma")
    coins.click(*BESIDE)
    assert (names(coins), clicks(coins)) == (["drachma"], [2])
    press(coins, "Enter")
    coins.click(*COINS[1])
    assert (names(coins), clicks(coins)) == (["drachma", "object 2"], [2, 1])


def test_a_letter_alone_and_then_a_click_is_the_tool(coins):
    coins.click(*COINS[0])
    press(coins, "e")
    assert coins.part("name-field").input_value() == "e"
    coins.click(*BESIDE)
    assert names(coins) == ["object 1"]
    assert coins.notebook.python("w.objects[0].prompts.labels.tolist()") == [1, 0]
    assert coins.state()["tool"] == "exclude"


def test_names_while_the_masks_are_on_their_way(coins):
    coins.notebook.python(HOLD)
    for coin, name in zip(COINS[:3], ["one", "two", "three"], strict=True):
        coins.click(*coin, settle=False)
        write(coins, name)
        press(coins, "Enter")
        if name == "two":
            coins.notebook.python("gate.set()")
            coins.wait("s.objects === 2 && s.pending === 0")
            coins.notebook.python("gate.clear()")
    coins.click(*COINS[3], settle=False)
    press(coins, "F2")
    write(coins, "four")
    press(coins, "Enter", "Enter")
    assert coins.state()["objects"] == 2
    coins.notebook.python("gate.set()")
    assert names(coins) == ["one", "two", "three", "four"]
    assert clicks(coins) == [1, 1, 1, 1]
    coins.wait("s.active === null")


def test_the_list_names_by_mouse_also_while_a_mask_is_on_its_way(coins):
    for coin in COINS[:2]:
        coins.click(*coin)
        press(coins, "Enter")
    rows = coins.objects()
    rows.nth(0).locator('[data-sw="name"]').dblclick()
    write(coins, "first")
    press(coins, "Enter")
    coins.notebook.python(HOLD)
    coins.click(*COINS[2], settle=False)
    rows.nth(1).locator('[data-sw="name"]').dblclick()
    coins.notebook.python("gate.set()")
    coins.wait("s.objects === 3")
    write(coins, "second")
    press(coins, "Enter")
    coins.click(*COINS[3], settle=False)
    assert names(coins) == ["first", "second", "object 3", "object 4"]
    assert clicks(coins) == [1, 1, 1, 1]


def test_by_touch(open_notebook):
    widget = open_notebook(COINS_CELL, touch=True, width=390, height=844).widget().ready()
    tap = widget.page.touchscreen.tap
    with widget.change():
        tap(*widget.at(*COINS[0]))
    row = widget.objects().first.locator('[data-sw="name"]')
    assert not widget.part("name-field").count()
    row.tap()
    write(widget, "drachma")
    press(widget, "Enter")
    with widget.change():
        tap(*widget.at(*COINS[1]))
    widget.part("accept").tap()
    widget.wait("s.active === null && s.pending === 0")
    row.tap()
    widget.wait("s.active === 1")
    row.tap()
    assert widget.part("name-field").input_value() == "drachma"
    write(widget, "obol")
    with widget.change():
        tap(*widget.at(COINS[0][0] + 40, COINS[0][1]))
    assert (names(widget), clicks(widget)) == (["obol", "object 2"], [2, 1])


def test_letters_of_every_keyboard(coins):
    coins.click(*COINS[0])
    keyboard = coins.page.context.new_cdp_session(coins.page)
    for letter in "éкß":
        keyboard.send("Input.dispatchKeyEvent", {"type": "keyDown", "key": letter, "text": letter})
        keyboard.send("Input.dispatchKeyEvent", {"type": "keyUp", "key": letter})
    press(coins, "Enter")
    assert names(coins) == ["éкß"]


def test_with_an_input_method(coins):
    coins.click(*COINS[0])
    keyboard = coins.page.context.new_cdp_session(coins.page)
    press(coins, "F2")
    keyboard.send("Input.imeSetComposition", {"text": "ying", "selectionStart": 4, "selectionEnd": 4})
    press(coins, "Enter", "Escape")  # of the input method: it chooses with them
    assert coins.part("name-field").count() == 1
    keyboard.send("Input.imeSetComposition", {"text": "", "selectionStart": 0, "selectionEnd": 0})
    keyboard.send("Input.insertText", {"text": "硬币"})
    press(coins, "Enter")
    coins.click(*COINS[1])
    assert names(coins) == ["硬币", "object 2"]


FAMILY = "🙂🪙 👩\u200d👩\u200d👧"


@pytest.mark.parametrize(
    ("text", "name"),
    [(FAMILY, FAMILY), ("", "object 1"), ("  ", "object 1"), ("n" * 300, "n" * 80), ("<b>&amp;", "<b>&amp;")],
    ids=["emoji", "empty", "blank", "long", "markup"],
)
def test_unusual_names(coins, text, name):
    coins.click(*COINS[0])
    press(coins, "F2", "Delete")
    if text:
        coins.page.keyboard.insert_text(text)
    press(coins, "Enter")
    coins.click(*COINS[1])
    assert names(coins) == [name, "object 2"]
    assert coins.objects().first.locator('[data-sw="name"]').inner_text() == name.strip()


def test_by_keyboard_alone(coins):
    coins.part("stage").focus()
    press(coins, "ArrowRight")
    for name in ("drachma", "stater"):
        with coins.change():
            press(coins, "Space")
        write(coins, name)
        press(coins, "Enter", *["ArrowUp"] * 4)
    press(coins, "]")  # after the last comes the first
    coins.wait("s.active === 1 && s.pending === 0")
    write(coins, "obol")
    press(coins, "Enter", "]")
    coins.wait("s.active === 2 && s.pending === 0")
    with coins.change():
        press(coins, "e", "ArrowLeft", "Space")
    assert names(coins) == ["obol", "stater"]
    assert coins.notebook.python("w.objects[1].prompts.labels.tolist()") == [1, 0]

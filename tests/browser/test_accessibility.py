"""axe-core over the widget in a real cell, in light and dark: no violation in any state, at any width."""

import json

import pytest

from tests.browser.conftest import ROOT
from tests.browser.test_display import FRAMED_CELL, resize

AXE = ROOT / "samwidget/frontend/node_modules/axe-core/axe.min.js"
CUP = (290, 110)
THEMES = ["JupyterLab Light", "JupyterLab Dark"]
# What axe finds, a line for each element; the whole widget is in sight, so that it can tell the colours apart.
RUN_AXE = """async (root) => {
    const { violations } = await axe.run(root, { resultTypes: ["violations"] });
    return violations.flatMap(({ id, impact, nodes }) =>
        nodes.map(({ target, any, all, none }) =>
            [id, impact, target.join(" "), ...[...any, ...all, ...none].map(({ message }) => message)].join(" | ")));
}"""


class Checked:
    """A widget whose states are checked one after the other, each at several widths."""

    def __init__(self, notebook, widget):
        self.notebook = notebook
        self.widget = widget
        self.violations = []
        notebook.page.evaluate(AXE.read_text())

    def check_in_each_theme(self, state):
        for theme in THEMES:
            self.notebook.change_theme(theme)
            self.check(f"{state}, {theme}")

    def check(self, state, widths=(1000, 240)):
        for width in widths:
            resize(self.notebook, self.widget, width)
            expected = "sw-wide" if width >= 720 else "sw-narrow"
            self.widget.root.and_(self.notebook.page.locator(f".{expected}")).wait_for()
            self.notebook.page.mouse.move(5, 5)
            self.notebook.wait_for_frames()
            self.widget.page.wait_for_timeout(250)  # colours fade in
            found = self.widget.root.evaluate(RUN_AXE)
            self.violations += [f"{state}, {width} px: {line}" for line in found]


def open_in(theme, in_notebook, cell=FRAMED_CELL):
    notebook = in_notebook(cell, width=1500, height=1000)
    notebook.change_theme(theme)
    return Checked(notebook, notebook.widget())


@pytest.fixture(params=THEMES)
def open_checked(request, warm_notebook):
    """A function that shows a widget in the warm notebook, in a theme."""
    return lambda cell=FRAMED_CELL: open_in(request.param, warm_notebook, cell)


@pytest.fixture
def open_own(open_notebook):
    """A function that shows a widget in a new notebook."""
    return lambda cell=FRAMED_CELL: open_in(THEMES[0], open_notebook, cell)


def test_axe_finds_nothing_in_any_state(open_checked):
    checked = open_checked()
    widget = checked.widget.ready()
    checked.check("empty", (1000, 480, 240))
    widget.click(*CUP)
    checked.check("candidates", (1000, 480, 240))
    widget.press("Enter")
    widget.click(100, 60)
    widget.objects().last.locator('[data-sw="visible"]').click()
    widget.wait("s.pending === 0")
    widget.press("Enter")
    checked.check("objects, one hidden")
    widget.part("stage").focus()
    checked.notebook.page.keyboard.press("?")
    widget.part("help-panel").wait_for()
    checked.check("help")
    checked.notebook.page.keyboard.press("Escape")
    checked.notebook.python("w.everything(keep=False, points_per_side=4)")
    widget.wait("s.everything.phase === 'done'")
    checked.check("found objects", (1000, 480, 240))
    assert checked.violations == [], "\n".join(checked.violations)


def test_axe_finds_nothing_where_there_are_classes(open_checked):
    with_classes = FRAMED_CELL.replace("('coffee.jpg')", "('coffee.jpg', classes=['cup', 'table'])")
    checked = open_checked(with_classes)
    widget, keyboard = checked.widget.ready(), checked.notebook.page.keyboard
    widget.click(*CUP)
    widget.press("1")
    checked.check("chips and candidates")
    widget.press("Enter")
    widget.click(100, 60)
    widget.press("Control+l")
    keyboard.press("Control+a")
    widget.part("selection").wait_for()
    checked.check("selected rows, one locked")
    keyboard.press("/")
    widget.part("class-field").wait_for()
    checked.check("field for a class", (1000,))
    keyboard.press("Escape")
    widget.root.locator('[data-sw="class"]').first.click(button="right")
    widget.part("class-only").wait_for()
    checked.check("menu of a class", (1000,))
    assert checked.violations == [], "\n".join(checked.violations)


def test_axe_finds_nothing_with_a_drawing_tool(open_checked):
    checked = open_checked()
    widget = checked.widget.ready()
    widget.part("tool-brush").click()
    checked.check("brush without an object", (1000, 480, 240))
    widget.click(*CUP)
    checked.check("a mask that was painted", (1000, 480, 240))
    widget.press("Enter")
    widget.part("tool-include").click()
    widget.click(100, 60)
    widget.part("mend-switch").click()
    checked.check("sliders in the place of the candidates", (1000, 480, 240))
    assert checked.violations == [], "\n".join(checked.violations)


def test_axe_finds_nothing_while_the_model_is_loaded_and_a_search_runs(open_own):
    hold = (
        "import threading\nimport samwidget.widget.everything as e, samwidget.widget.network as n\n"
        "gates = [threading.Event(), threading.Event()]\n"
        "load, advance, steps = n.Network.load, e.Everything._advance, []\n"
        "n.Network.load = lambda self: (gates[0].wait(), load(self))[1]\n"
        "def hold(self, search):\n"
        "    steps.append(1)\n"
        "    if len(steps) > 2:\n"
        "        gates[1].wait()\n"
        "    advance(self, search)\n"
        "e.Everything._advance = hold\n"
    )
    checked = open_own(hold + FRAMED_CELL)
    widget = checked.widget
    widget.wait("s.phase === 'loading' && s.image")
    checked.check_in_each_theme("loading")
    checked.notebook.python("gates[0].set()")
    widget.ready()
    widget.part("everything").click()
    widget.wait("s.everything.done > 0")
    checked.check_in_each_theme("searching")
    checked.notebook.python("gates[1].set()")
    assert checked.violations == [], "\n".join(checked.violations)


def test_axe_finds_nothing_in_a_failure(open_own):
    fail = (
        "import samwidget.widget.network as n\nfrom samwidget import ModelError\n"
        "def fail(self):\n    raise ModelError('the weights are damaged', hint='load them again')\n"
        "n.Network.load = fail\n"
    )
    checked = open_own(fail + FRAMED_CELL)
    checked.widget.wait("s.phase === 'failed' && s.image")
    checked.check_in_each_theme("failed model")
    assert checked.violations == [], "\n".join(checked.violations)


def test_axe_finds_nothing_in_a_notebook_without_a_kernel(open_own):
    checked = open_own()
    widget = checked.widget.ready()
    widget.click(*CUP)
    checked.notebook.python("w.wait()")
    checked.notebook.set_save_widget_state(True)
    checked.notebook.save()
    checked.notebook.shut_down()
    checked.notebook.open()
    again = Checked(checked.notebook, checked.notebook.widget())
    again.widget.part("snapshot").get_by_text("Saved picture").wait_for()
    for theme in THEMES:
        checked.notebook.change_theme(theme)
        violations = again.widget.root.evaluate(RUN_AXE)
        assert violations == [], "\n".join(violations)


def test_the_check_itself_finds_a_violation(warm_notebook):
    checked = open_in(THEMES[0], warm_notebook)
    checked.widget.ready()
    checked.widget.root.evaluate("(root) => root.querySelector('[data-sw=fit]').removeAttribute('aria-label')")
    checked.check("a button without a name", (1000,))
    assert [line for line in checked.violations if "button-name" in line], json.dumps(checked.violations)

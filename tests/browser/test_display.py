"""How it looks: pixel ratios, zoom, themes, widths, fingers, the first sight, and a notebook without a kernel."""

import shutil

import numpy as np
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import expect

from tests.browser.conftest import ARTIFACTS, FIRST_CELL, ROOT
from tests.browser.lab import KERNEL, PATIENCE_S, REPORT_STATE, Fingers
from tests.browser.pixels import assert_drawn, mask_of, stage_pixels

CUP = (290, 110)
TOOL_NAMES = (
    "select",
    "include",
    "exclude",
    "box",
    "scribble",
    "pan",
    "brush",
    "eraser",
    "lasso",
    "polygon",
    "outline",
)


@pytest.mark.parametrize("scale", [1.5, 2, 3])  # 1 is the scale of the other journeys
def test_a_click_lands_where_it_is_made_at_every_pixel_ratio(open_notebook, scale):
    notebook = open_notebook(scale=scale)
    widget = notebook.widget().ready()
    widget.click(*CUP)
    ((x, y),) = notebook.python("w.objects[0].prompts.points_xy.tolist()")
    assert abs(x - CUP[0]) < 1
    assert abs(y - CUP[1]) < 1
    assert_drawn(widget, mask_of(notebook))


def test_a_click_lands_where_it_is_made_when_zoomed(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    fitted = widget.state()["stage"]["scale"]
    notebook.page.mouse.move(*widget.at(*CUP))
    notebook.page.keyboard.down("Control")
    for _ in range(4):
        notebook.page.mouse.wheel(0, -240)
    notebook.page.keyboard.up("Control")
    widget.wait(f"s.stage.scale > {fitted * 1.5}")
    widget.click(*CUP)
    ((x, y),) = notebook.python("w.objects[0].prompts.points_xy.tolist()")
    assert abs(x - CUP[0]) < 0.75
    assert abs(y - CUP[1]) < 0.75
    widget.part("fit").click()
    widget.wait(f"Math.abs(s.stage.scale - {fitted}) < 1e-3")


def test_the_wheel_scrolls_the_page_until_the_widget_has_the_focus(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    before = widget.state()["stage"]["scale"]
    notebook.page.evaluate("document.activeElement.blur()")
    notebook.page.evaluate("window.hasWheeled = false")
    notebook.page.evaluate("addEventListener('wheel', () => { window.hasWheeled = true }, { capture: true })")
    notebook.page.mouse.move(*widget.at(*CUP))
    notebook.page.mouse.wheel(0, -200)
    notebook.page.wait_for_function("window.hasWheeled")
    notebook.wait_for_frames()
    assert widget.state()["stage"]["scale"] == before


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_it_follows_the_theme(warm_notebook, theme):
    notebook = warm_notebook()
    notebook.change_theme(theme)
    widget = notebook.widget().ready()
    widget.click(*CUP)
    expect(widget.root).to_have_attribute("data-theme", "light" if theme.endswith("Light") else "dark")
    ground = widget.part("status").evaluate("(node) => getComputedStyle(node).backgroundColor")
    light = np.mean([float(part) for part in ground.replace("rgba", "rgb")[4:-1].split(",")[:3]])
    assert (light > 200) if theme.endswith("Light") else (light < 70)
    widget.root.screenshot(path=ARTIFACTS / f"theme-{theme[-5:].strip().lower()}.png")


FRAMED_CELL = (
    "from samwidget import SamWidget\nimport ipywidgets\nw = SamWidget('coffee.jpg')\n"
    "frame = ipywidgets.VBox([ipywidgets.HBox([w])], layout=ipywidgets.Layout(width='1100px'))\nframe"
)
# What is cut: texts that are wider than their element, and parts beyond an edge of the widget. Names of objects may be
# long, and what is only there for assistive technology has no size. The film scrolls; tips that are not on the
# screen make the toolbar wide.
CUT = """(root) => {
    const edge = root.getBoundingClientRect();
    const isVisible = (node) => node.checkVisibility({ visibilityProperty: true });
    return [...root.querySelectorAll("*")].filter((node) => {
        const isOther = ".sw-live, .sw-name, .sw-stage *, .sw-progress, .sw-toolbar, .sw-film, .sw-film *";
        if (!isVisible(node) || node.matches(isOther)) return false;
        const { left, right, top, bottom, width } = node.getBoundingClientRect();
        const isBeyond = width > 0 && (left < edge.left - 1 || right > edge.right + 1 || bottom > edge.bottom + 1);
        const isCut = getComputedStyle(node).overflowX !== "visible" && node.scrollWidth > node.clientWidth + 1;
        return (isBeyond && !node.closest(".sw-scroll, .sw-help")) || isCut;
    }).map((node) => `${node.className}: ${node.textContent}`);
}"""
SHOWN_THOUGH_HIDDEN = """(root) => [...root.querySelectorAll("[hidden]")]
  .filter((node) => getComputedStyle(node).display !== "none").map((node) => node.className)"""
TOOLS = [f"tool-{name}" for name in TOOL_NAMES]
BUTTONS = [*TOOLS, "everything", "undo", "redo", "fit", "help"]


def resize(notebook, widget, width):
    """Makes the cell of FRAMED_CELL this wide, CSS pixels, and waits until the widget follows."""
    notebook.python(f"setattr(frame.layout, 'width', '{width}px')")
    notebook.page.wait_for_function(f"document.querySelector('.samwidget').getBoundingClientRect().width === {width}")
    notebook.wait_for_frames()


def assert_reachable(widget, names):
    """A click in the middle of each part would hit it."""
    for name in names:
        hit = widget.part(name).first.evaluate(
            "(node) => { const { x, y, width, height } = node.getBoundingClientRect();"
            " return node.contains(document.elementFromPoint(x + width / 2, y + height / 2)); }"
        )
        assert hit, name


WIDTHS = (240, 256, 290, 322, 360, 479, 480, 700, 719, 720, 800, 1100)


def test_nothing_is_cut_and_nothing_hidden_is_shown_at_any_width(warm_notebook):
    notebook = warm_notebook(FRAMED_CELL, width=1400, height=1000)
    widget = notebook.widget().ready()

    def check_shown(width):
        assert widget.root.evaluate(CUT) == [], width
        assert widget.root.evaluate(SHOWN_THOUGH_HIDDEN) == [], width

    for width in WIDTHS:
        resize(notebook, widget, width)
        check_shown(width)
        widget.click(*CUP)
        widget.leave()
        check_shown(width)
        assert_reachable(widget, [*BUTTONS, "candidate", "accept", "opacity", "threshold", "hover-toggle"])
        assert widget.part("accept").get_attribute("aria-label") == "Accept (Enter)"
        widget.root.screenshot(path=ARTIFACTS / f"width-{width}.png")
        notebook.python("w.everything(keep=False, points_per_side=4)")
        widget.wait("s.everything.phase === 'done'")
        check_shown(width)
        assert_reachable(widget, ["area-min", "score-min", "find-discard", "find-keep"])
        widget.root.screenshot(path=ARTIFACTS / f"width-{width}-everything.png")
        widget.part("find-discard").click()
        widget.wait("s.everything.phase === 'none'")
        with widget.change():
            notebook.python("w.clear()")


def test_the_tray_is_below_the_photo_and_nothing_moves_when_it_fills(warm_notebook):
    notebook = warm_notebook(FRAMED_CELL, width=1400, height=1000)
    widget = notebook.widget().ready()

    def boxes():
        return [widget.part(name).bounding_box() for name in ("stage", "tray")]

    for width in (240, 480, 800, 1100):
        resize(notebook, widget, width)
        stage, tray = empty = boxes()
        assert tray["y"] >= stage["y"] + stage["height"]
        widget.click(*CUP)
        assert boxes() == empty
        middle = {"x": stage["width"] / 2, "y": stage["height"] - 3}
        widget.part("stage").hover(position=middle)  # fails where something lies over the photo
        notebook.python("w.everything(keep=False, points_per_side=4)")
        widget.wait("s.everything.phase === 'done'")
        assert boxes() == empty
        widget.part("stage").hover(position=middle)
        notebook.page.keyboard.press("Escape")
        widget.wait("s.everything.phase === 'none'")
        assert boxes() == empty
        with widget.change():
            notebook.python("w.clear()")


def test_a_finger_clicks_and_scrolls_and_two_zoom(open_notebook):
    notebook = open_notebook(FIRST_CELL, *["'below'"] * 30, width=420, height=800)
    widget = notebook.widget().ready()
    scroller = notebook.page.locator(".jp-WindowedPanel-outer")
    top = lambda: scroller.evaluate("(node) => node.scrollTop")  # noqa: E731
    fingers = Fingers(notebook.page)

    before = top()
    x, y = widget.at(*CUP)
    fingers.swipe(((x, y), (x + 4, y - 180)))
    notebook.page.wait_for_function(f"document.querySelector('.jp-WindowedPanel-outer').scrollTop > {before + 80}")
    assert notebook.python("len(w.objects)") == 0

    widget.root.scroll_into_view_if_needed()
    notebook.wait_for_frames()
    with widget.change():
        fingers.tap(*widget.at(*CUP))
    assert notebook.python("[len(w.objects), w.objects[0].prompts.labels.tolist()]") == [1, [1]]

    before, scale = top(), widget.state()["stage"]["scale"]
    (x0, y0), (x1, y1) = widget.at(250, 150), widget.at(350, 250)
    fingers.swipe(((x0, y0), (x0 - 60, y0 - 60)), ((x1, y1), (x1 + 60, y1 + 60)))
    widget.wait(f"s.stage.scale > {1.5 * scale}")
    assert top() == before

    # The photo is zoomed: a finger is for the photo now.
    widget.part("tool-pan").click()
    offset = widget.state()["stage"]["y"]
    fingers.swipe(((x0, y0), (x0, y0 - 60)))
    widget.wait(f"s.stage.y < {offset - 30}")
    assert top() == before
    assert notebook.python("len(w.objects)") == 1


def test_the_first_run_of_the_demo_is_in_sight_and_does_not_jump(lab, chromium):
    folder = lab.folder / "first-run"
    shutil.copytree(ROOT / "notebooks", folder, dirs_exist_ok=True)
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    page.add_init_script(REPORT_STATE)
    page.goto(f"{lab.url}/lab/tree/first-run/01_first_mask.ipynb")
    page.wait_for_function(f"{KERNEL}?.status === 'idle'")
    page.locator(".jp-CodeCell").first.click()
    # What is on the screen in each frame: height of the stage, a snapshot instead of the photo, what is waited for.
    page.evaluate(
        "() => { window.seen = []; const look = () => {"
        " const root = document.querySelector('.samwidget');"
        " const state = JSON.parse(root?.getAttribute('data-sw-state') || '{}');"
        " if (root) window.seen.push(["
        "  root.querySelector('.sw-stage').getBoundingClientRect().height,"
        "  !root.querySelector('.sw-snapshot').hidden, root.querySelector('.sw-working').textContent, state.phase]);"
        " requestAnimationFrame(look); }; look(); }"
    )
    page.keyboard.press("Shift+Enter")
    page.wait_for_function("window.seen.some(([, , , phase]) => phase === 'ready')")
    seen = page.evaluate("window.seen")
    assert len({height for height, *_ in seen}) == 1, "the photo changed its height"
    assert seen[0][1], "the first frame has no picture"
    assert any(text in ("Loading the model…", "Encoding the image…") for _, _, text, _ in seen)
    bottom = page.locator(".jp-WindowedPanel-outer").evaluate("(node) => node.getBoundingClientRect().bottom")
    for part in (".sw-toolbar", '[data-sw="stage"]', '[data-sw="threshold"]', '[data-sw="status"]'):
        box = page.locator(f".samwidget {part}").bounding_box()
        assert 0 < box["y"] < box["y"] + box["height"] <= bottom, part
    page.screenshot(path=ARTIFACTS / "first-run.png")
    lab.shut_down("first-run")
    context.close()


def save_after_a_click(notebook):
    widget = notebook.widget().ready()
    widget.click(*CUP)
    notebook.python("w.wait()")
    notebook.page.wait_for_function("document.querySelector('.samwidget') !== null")
    notebook.save()


def test_a_saved_notebook_shows_the_last_picture_where_no_kernel_answers(open_notebook):
    notebook = open_notebook()
    notebook.set_save_widget_state(True)
    save_after_a_click(notebook)
    notebook.shut_down()
    notebook.open()  # with a new kernel, which knows nothing of the widget
    saved = notebook.widget().part("snapshot")
    saved.get_by_text("Saved picture").wait_for()
    assert notebook.widget().part("accept").is_hidden()
    assert saved.locator("img").evaluate("(image) => image.naturalWidth") > 200


def listened_to(page):
    """Returns the types of events that the document has listeners for."""
    devtools = page.context.new_cdp_session(page)
    document = devtools.send("Runtime.evaluate", {"expression": "document"})["result"]["objectId"]
    listeners = devtools.send("DOMDebugger.getEventListeners", {"objectId": document})["listeners"]
    return {listener["type"] for listener in listeners}


@pytest.mark.parametrize("is_state_saved", [False, True])
def test_an_html_export_shows_a_picture_and_the_notebook_no_gap(open_notebook, lab, chromium, tmp_path, is_state_saved):
    notebook = open_notebook()
    notebook.set_save_widget_state(is_state_saved)
    save_after_a_click(notebook)
    # The output with the script for the export.
    (script,) = notebook.page.locator(".jp-OutputArea-child:has(script[data-samwidget])").all()
    assert not script.is_visible()
    assert "DOMContentLoaded" not in listened_to(notebook.page)  # each display would leave one more
    page, _ = HTMLExporter().from_filename(str(lab.folder / notebook.name))
    (tmp_path / "export.html").write_text(page)
    tab = chromium.new_page()
    tab.goto((tmp_path / "export.html").as_uri(), wait_until="domcontentloaded")
    picture = tab.locator("img")
    assert picture.count() == 1
    assert picture.evaluate("(image) => image.naturalWidth") > 200
    tab.close()


def test_hidden_pixels_are_not_left_behind(warm_notebook):
    notebook = warm_notebook()
    widget = notebook.widget().ready()
    widget.leave()
    empty = stage_pixels(widget)
    widget.click(*CUP)
    widget.press("Control+z")
    widget.wait("s.objects === 0")
    widget.leave()
    widget.part("accept").wait_for(state="hidden")
    # Less the border, where the focus ring is drawn once the widget was clicked.
    change = np.abs(stage_pixels(widget).astype(int) - empty)[8:-8, 8:-8]
    assert change.mean() < 0.2

"""How it looks: device pixel ratios, zoom, themes, widths, and a notebook without a kernel."""

import numpy as np
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import expect

from tests.browser.conftest import ARTIFACTS
from tests.browser.pixels import agreement, drawn_mask, stage_pixels
from tests.browser.test_prompts import mask_of

CUP = (290, 110)


@pytest.mark.parametrize("scale", [1, 1.5, 2, 3])
def test_a_click_lands_where_it_is_made_at_every_pixel_ratio(open_notebook, scale):
    notebook = open_notebook(scale=scale)
    widget = notebook.widget().ready()
    widget.click(*CUP)
    ((x, y),) = notebook.python("w.objects[0].prompts.points_xy.tolist()")
    assert abs(x - CUP[0]) < 1
    assert abs(y - CUP[1]) < 1
    notebook.python("setattr(w, 'opacity', 1.0)")
    widget.press("Enter")
    widget.wait("s.opacity === 1")
    widget.leave()
    mask = mask_of(notebook)
    assert agreement(drawn_mask(widget, mask.shape, notebook.python("w.objects[0].colour")), mask) > 0.97


def test_a_click_lands_where_it_is_made_when_zoomed(open_notebook):
    notebook = open_notebook()
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


def test_the_wheel_scrolls_the_page_until_the_widget_has_the_focus(open_notebook):
    notebook = open_notebook()
    widget = notebook.widget().ready()
    before = widget.state()["stage"]["scale"]
    notebook.page.evaluate("document.activeElement.blur()")
    notebook.page.evaluate("addEventListener('wheel', () => { window.hasWheeled = true }, { capture: true })")
    notebook.page.mouse.move(*widget.at(*CUP))
    notebook.page.mouse.wheel(0, -200)
    notebook.page.wait_for_function("window.hasWheeled")
    notebook.wait_for_frames()
    assert widget.state()["stage"]["scale"] == before


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_it_follows_the_theme(open_notebook, theme):
    notebook = open_notebook()
    notebook.page.evaluate(f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: '{theme}'}})")
    widget = notebook.widget().ready()
    widget.click(*CUP)
    expect(widget.root).to_have_attribute("data-theme", "light" if theme.endswith("Light") else "dark")
    ground = widget.part("status").evaluate("(node) => getComputedStyle(node).backgroundColor")
    light = np.mean([float(part) for part in ground.replace("rgba", "rgb")[4:-1].split(",")[:3]])
    assert (light > 200) if theme.endswith("Light") else (light < 70)
    widget.root.screenshot(path=ARTIFACTS / f"theme-{theme[-5:].strip().lower()}.png")


@pytest.mark.parametrize("width", [360, 700, 1100])
def test_it_fits_the_width_of_its_cell(open_notebook, width):
    notebook = open_notebook(
        "from samwidget import SamWidget\nimport ipywidgets\nw = SamWidget('coffee.jpg')\n"
        f"ipywidgets.VBox([ipywidgets.HBox([w])], layout=ipywidgets.Layout(width='{width}px'))",
        width=1400,
    )
    widget = notebook.widget().ready()
    widget.click(*CUP)
    box = widget.root.bounding_box()
    assert box["width"] <= width + 1
    assert widget.root.evaluate("(node) => node.scrollWidth <= node.clientWidth + 1")
    widget.root.screenshot(path=ARTIFACTS / f"width-{width}.png")


def save_after_a_click(notebook):
    widget = notebook.widget().ready()
    widget.click(*CUP)
    notebook.python("w.wait()")
    notebook.page.wait_for_function("document.querySelector('.samwidget') !== null")
    notebook.save()


def test_a_saved_notebook_shows_the_last_picture_where_no_kernel_answers(open_notebook, lab):
    notebook = open_notebook()
    notebook.set_save_widget_state(True)
    save_after_a_click(notebook)
    lab.delete(f"/api/kernels/{notebook.kernel_id()}")
    notebook.open()  # with a new kernel, which knows nothing of the widget
    saved = notebook.widget().part("snapshot")
    saved.get_by_text("Saved picture").wait_for(timeout=30_000)
    assert notebook.widget().part("accept").is_hidden()
    assert saved.locator("img").evaluate("(image) => image.naturalWidth") > 200


@pytest.mark.parametrize("is_state_saved", [False, True])
def test_an_html_export_shows_a_picture_and_the_notebook_no_gap(open_notebook, lab, chromium, tmp_path, is_state_saved):
    notebook = open_notebook()
    notebook.set_save_widget_state(is_state_saved)
    save_after_a_click(notebook)
    # The output with the script for the export.
    (script,) = notebook.page.locator(".jp-OutputArea-child:has(script[data-samwidget])").all()
    assert not script.is_visible()
    page, _ = HTMLExporter().from_filename(str(lab.folder / notebook.name))
    (tmp_path / "export.html").write_text(page)
    tab = chromium.new_page()
    tab.goto((tmp_path / "export.html").as_uri(), wait_until="domcontentloaded")
    picture = tab.locator("img")
    assert picture.count() == 1
    assert picture.evaluate("(image) => image.naturalWidth") > 200
    tab.close()


def test_hidden_pixels_are_not_left_behind(open_notebook):
    notebook = open_notebook()
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

"""The model is chosen on the screen: one that Python gave, and one that is downloaded from a hub on this computer."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ARTIFACTS
from tests.browser.test_accessibility import AXE, RUN_AXE
from tests.models.fake_hub import FakeHub
from tests.models.sam.true_size_sam import save_sam

REPO = "Zigeng/SlimSAM-uniform-77"
CELL = """import os
os.environ.update(HF_ENDPOINT={url!r}, HF_HUB_OFFLINE="0", HF_HUB_CACHE={cache!r}, NO_PROXY="127.0.0.1")
from samwidget import SamWidget
w = SamWidget('coins.jpg', model='small-sam', session='models.samw')
w"""


@pytest.fixture
def hub(lab):
    folder = lab.folder / "small-sam"
    save_sam(folder, image_size=64, hidden_size=16, num_hidden_layers=1, mlp_dim=16)
    hub = FakeHub(folder, REPO)
    yield hub
    hub.close()


def choose(widget, name):
    widget.part("model").click()
    row = widget.part("models").locator(f'[data-sw="model-{name}"]')
    row.click()


def test_a_model_is_chosen_and_another_one_downloaded(open_notebook, lab, hub, tmp_path):
    notebook = open_notebook(CELL.format(url=hub.url, cache=str(tmp_path)))
    widget = notebook.widget().ready()
    widget.click(45, 54)
    expect(widget.part("model")).to_contain_text("small-sam")
    choose(widget, "nano")
    expect(widget.part("model")).to_contain_text("nano")
    expect(widget.objects()).to_have_count(1)
    mask = notebook.python("int(w.objects[0].area)")
    widget.click(50, 58)
    assert notebook.python("w.objects[0].model[:5]") == "nano:"
    with widget.change():
        widget.part("undo").click()
    assert notebook.python("int(w.objects[0].area)") == mask

    widget.part("model").click()
    expect(widget.part("models").locator('[data-sw="model-small-sam"]')).to_contain_text("On this computer")
    widget.root.screenshot(path=ARTIFACTS / "models-menu.png")
    notebook.page.evaluate(AXE.read_text())
    assert widget.root.evaluate(RUN_AXE) == []
    notebook.page.keyboard.press("Escape")
    hub.gate.clear()
    choose(widget, REPO)
    expect(widget.part("model-change")).to_contain_text("0 of 19 MB")
    widget.root.screenshot(path=ARTIFACTS / "models-download.png")
    assert widget.root.evaluate(RUN_AXE) == []
    widget.part("cancel-model").click()
    expect(widget.part("model-change")).to_be_hidden()
    expect(widget.part("model")).to_contain_text("nano")
    expect(widget.part("error")).to_be_hidden()

    hub.gate.set()
    choose(widget, REPO)
    expect(widget.part("model")).to_contain_text("SlimSAM-uniform-77")
    expect(widget.objects()).to_have_count(1)
    widget.click(50, 58)
    assert notebook.python("[w.objects[0].model.split()[0], len(w.objects)]") == [REPO, 1]

"""The message ``export``: files for the browser, of this image or of all, with progress, beside the user's clicks."""

import io
import json
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image

from samwidget.widget import exporting
from tests.widget.fakes import FakePredictor, WiredWidget

SIZE = (40, 60)


def square(x):
    mask = np.zeros(SIZE, bool)
    mask[6:14, x : x + 8] = True
    return mask


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        Image.fromarray(np.full((*SIZE, 3), 10 + number, np.uint8)).save(folder / f"photo {number}.png")
    return folder


@pytest.fixture
def widget(photos):
    with WiredWidget(photos) as made:
        made.add(mask=square(4), class_name="cat")
        made.go_to(1)
        made.add(mask=square(20), class_name="cat")
        yield made


def exported(widget, format_name, *, is_all):
    request = widget.say("export", format=format_name, all=is_all)
    message, (data,) = widget.wire.wait_for("exported", re=request)
    return message, data


@pytest.mark.parametrize(
    ("format_name", "is_all", "file_name", "mime"),
    [
        ("coco", False, "photo 1.json", "application/json"),
        ("coco", True, "labels.json", "application/json"),
        ("geojson", False, "photo 1.geojson", "application/geo+json"),
        ("geojson", True, "labels_geojson.zip", "application/zip"),
        ("label_map", False, "photo 1.zip", "application/zip"),  # with its table
        ("table", True, "labels.csv", "text/csv"),
        ("yolo", True, "labels_yolo.zip", "application/zip"),
        ("labelme", False, "photo 1_labelme.zip", "application/zip"),
        ("voc", True, "labels_voc.zip", "application/zip"),
        ("cutouts", True, "labels_cutouts.zip", "application/zip"),
    ],
)
def test_each_format_is_one_file(widget, format_name, is_all, file_name, mime):
    message, data = exported(widget, format_name, is_all=is_all)
    assert (message["file_name"], message["mime"]) == (file_name, mime)
    if file_name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.testzip() is None
            assert len(archive.namelist()) >= 1
    elif file_name.endswith("json"):
        assert json.loads(data)


def test_an_archive_has_the_folder(widget):
    _, data = exported(widget, "yolo", is_all=True)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
        assert names == {
            "labels_yolo/data.yaml",
            *(f"labels_yolo/images/photo {number}.png" for number in (0, 1)),
            *(f"labels_yolo/labels/photo {number}.txt" for number in (0, 1)),
        }


def test_a_widget_of_one_image(tmp_path):
    with WiredWidget(np.zeros((*SIZE, 3), np.uint8)) as widget:
        widget.add(mask=square(4))
        message, data = exported(widget, "coco", is_all=True)
        assert message["file_name"] == "image.json"
        assert len(json.loads(data)["annotations"]) == 1


@pytest.mark.parametrize("format_name", ["coko", "table/../x"])
def test_an_unknown_format_is_an_error_on_the_screen(widget, format_name):
    request = widget.say("export", format=format_name, all=False)
    message, _ = widget.wire.wait_for("error", re=request)
    assert message["code"] == "format"
    assert "no format" in message["message"]


def test_clicks_do_not_wait_for_an_export(widget, monkeypatch):
    """The export is held in its middle; a click is carried out meanwhile."""
    from tests.widget.fakes import Gate

    gate = Gate(is_open=False)
    labelled = exporting.labelled_image

    def held(turning, index):
        gate.wait()
        return labelled(turning, index)

    monkeypatch.setattr(exporting, "labelled_image", held)
    request = widget.say("export", format="coco", all=True)
    assert gate.reached.wait(60)
    widget.do("add_point", x=30.0, y=20.0, label=1)
    assert len(widget.objects) == 2
    gate.open()
    _, (data,) = widget.wire.wait_for("exported", re=request)
    assert len(json.loads(data)["annotations"]) == 3


def test_progress_is_told(widget, monkeypatch):
    monkeypatch.setattr(exporting, "_REPORT_S", 0.0)
    request = widget.say("export", format="coco", all=True)
    widget.wire.wait_for("exported", re=request)
    told = [message for message, _ in widget.wire.sent if message["kind"] == "exporting"]
    assert [(message["done"], message["total"]) for message in told] == [(0, 2), (1, 2)]


def test_what_is_too_large_for_a_browser_is_refused(widget, monkeypatch):
    monkeypatch.setattr(exporting, "_BYTES_MAX", 100)
    request = widget.say("export", format="coco", all=True)
    message, _ = widget.wire.wait_for("error", re=request)
    assert "too much to send" in message["message"]
    assert "w.export" in message["hint"]


def test_an_export_needs_no_model(photos):
    predictor = FakePredictor()
    predictor.fail_encode.append(RuntimeError("no model"))
    with WiredWidget(photos, predictor=predictor) as widget:
        _, data = exported(widget, "coco", is_all=False)
        assert json.loads(data)["annotations"] == []


def test_where_no_image_is_labelled_the_screen_says_so(photos):
    with WiredWidget(photos) as widget:
        request = widget.say("export", format="coco", all=True)
        message, _ = widget.wire.wait_for("error", re=request)
        assert message["message"] == "No image is labelled yet."


class Terminal(io.StringIO):
    def __init__(self, is_terminal):
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self):
        return self._is_terminal


@pytest.mark.parametrize(("count", "is_terminal", "has_bar"), [(3, True, True), (1, True, False), (3, False, False)])
def test_a_bar_is_shown_in_a_terminal_for_several_images(monkeypatch, count, is_terminal, has_bar):
    terminal = Terminal(is_terminal)
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(exporting, "_BAR_DELAY_S", 0.0)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    assert list(exporting.with_bar(range(count), count, "export")) == list(range(count))
    assert ("export:" in terminal.getvalue()) is has_bar


def test_a_click_that_came_before_is_in_the_file(photos):
    """The click waits in the worker's queue when the export is asked for, and makes the image one that is labelled."""
    predictor = FakePredictor()
    with WiredWidget(photos, predictor=predictor) as widget:
        widget.wait(60)
        predictor.decode_gate.shut()
        widget.say("add_point", x=30.0, y=20.0, label=1)
        request = widget.say("export", format="coco", all=True)
        predictor.decode_gate.open()
        _, (data,) = widget.wire.wait_for("exported", re=request)
        assert len(json.loads(data)["annotations"]) == 1

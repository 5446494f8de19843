"""The table of formats: which one a name or a content chooses, and what the disk refuses."""

import json
from dataclasses import replace

import numpy as np
import pytest

from samwidget.errors import FormatError
from samwidget.formats import FORMATS, DataSet, LabelledImage, LabelledObject, read_labels, write_labels
from tests.formats.masks import runs_of

OBJECT = LabelledObject(runs_of("##.", "#.."), class_name="cat", name="Tom", score=0.5)
IMAGE = LabelledImage("a.png", (2, 3), (OBJECT,), read=lambda: np.zeros((2, 3, 3), np.uint8))
DATA = DataSet((IMAGE,), ("cat",))
FOLDERS = ("yolo", "labelme", "voc", "geojson", "label_map")


@pytest.mark.parametrize("name", ["a.json", "A.JSON", "a.geojson", "a.png", "a.tif", "a.tiff", "deep/down/a.json"])
def test_the_name_chooses_the_format(tmp_path, name):
    assert write_labels(DATA, tmp_path / name) == tmp_path / name
    (image,) = read_labels(tmp_path / name).images
    assert image.objects[0].run_lengths.to_counts() == OBJECT.run_lengths.to_counts()
    assert image.objects[0].class_name == "cat"


@pytest.mark.parametrize("name", FOLDERS)
def test_the_content_tells_the_format_of_a_folder(tmp_path, name):
    write_labels(DATA, str(tmp_path / "set"), name)
    (image,) = read_labels(str(tmp_path / "set")).images
    assert image.objects[0].run_lengths.to_counts() == OBJECT.run_lengths.to_counts()


def test_a_json_is_what_it_holds(tmp_path):
    write_labels(DATA, tmp_path / "a.json", "labelme")
    assert "shapes" in json.loads((tmp_path / "a.json").read_text())
    assert len(read_labels(tmp_path / "a.json").images) == 1
    write_labels(DATA, tmp_path / "b.geojson")
    (tmp_path / "b.geojson").rename(tmp_path / "b.json")
    assert len(read_labels(tmp_path / "b.json").images) == 1
    write_labels(DATA, tmp_path / "set", "yolo")
    assert len(read_labels(tmp_path / "set" / "data.yaml").images) == 1


def test_tables_need_a_size_and_cut_outs_go_one_way(tmp_path):
    write_labels(DATA, tmp_path / "a.csv", pixel_size=2)
    assert next(iter(read_labels(tmp_path / "a.csv", size_hw=(2, 3)).images)).objects[0].box == (0, 0, 2, 2)
    write_labels(DATA, tmp_path / "cuts", "cutouts", margin=1)
    with pytest.raises(FormatError, match="cut-outs cannot be read back"):
        read_labels(tmp_path / "cuts", "cutouts")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda folder: write_labels(DATA, folder / "labels"), r"the name labels does not choose a format.*\.json"),
        (lambda folder: write_labels(DATA, folder / "a", ["coco", "yolo"]), r"no format .*coco.*yolo"),
        (lambda folder: write_labels(DATA, folder / "a.json", "coko"), r"no format coko \(did you mean coco\?\)"),
        (lambda folder: read_labels(folder / "gone.json"), "there is no file"),
        (lambda folder: read_labels(folder), "has no labels that are known"),
    ],
)
def test_what_does_not_choose_a_format(tmp_path, call, message):
    with pytest.raises(FormatError, match=message) as raised:
        call(tmp_path)
    assert raised.value.hint


@pytest.mark.parametrize(("value", "hint"), [({"input_data": {}}, "samwidget.score"), ({}, "COCO or LabelMe")])
def test_a_json_of_no_format(tmp_path, value, hint):
    (tmp_path / "a.json").write_text(json.dumps(value))
    with pytest.raises(FormatError, match="of no format") as raised:
        read_labels(tmp_path / "a.json")
    assert hint in raised.value.hint


def test_an_option_that_a_format_does_not_have_is_named(tmp_path):
    with pytest.raises(TypeError, match=r"COCO has no option polygon \(did you mean polygons\?\); it has polygons"):
        write_labels(DATA, tmp_path / "a.json", polygon=True)
    write_labels(DATA, tmp_path / "a.json")
    with pytest.raises(TypeError, match="COCO has no option transform; it has none"):
        read_labels(tmp_path / "a.json", transform=None)


@pytest.mark.parametrize("name", ["a.json", "a.geojson", "a.png", "a.tif", "a.csv", "a.parquet"])
def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch, name):
    """The disk fills up when a file is flushed, which is the last that can fail."""
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    write_labels(DATA, tmp_path / name)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(FormatError, match=r"cannot be written: No space left on device; what was there stays"):
        write_labels(DataSet((replace(IMAGE, objects=()),)), tmp_path / name)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", [name for name, chosen in FORMATS.items() if not chosen.suffixes])
def test_a_file_in_the_place_of_the_folder_stays(tmp_path, name):
    (tmp_path / "set").write_text("old")
    with pytest.raises(FormatError, match="is a file"):
        write_labels(DATA, tmp_path / "set", name)
    assert (tmp_path / "set").read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["set"]


@pytest.mark.parametrize("name", FORMATS)
def test_no_images_are_written_and_read_or_refused(tmp_path, name):
    """A data set without images is no error of ours but where a format has nothing to hold it."""
    write_labels(DataSet((), ("cat",)), tmp_path / "set", name)
    if name in ("coco", "yolo"):
        data = read_labels(tmp_path / "set", name)
        assert (data.images, tuple(data.class_names)) == ((), ("cat",))

"""Label maps: there and back, with the readers of images, and what they cannot hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from samwidget.errors import FormatError, SamWidgetWarning
from samwidget.formats import DataSet, LabelledImage, LabelledObject, label_map
from samwidget.formats.label_map import masks_of, read_label_map, write_label_map
from tests.formats.masks import data_sets, plain_images, runs_of


def pixels_of(path):
    with Image.open(path) as image:
        return np.asarray(image)


@settings(deadline=None, max_examples=40)
@given(data_sets(apart=True, boxes=False, images_max=1), st.sampled_from([".png", ".tif"]))
def test_there_and_back(tmp_path_factory, data, suffix):
    path = tmp_path_factory.mktemp("maps") / f"photo 0{suffix}"
    write_label_map(data, path)
    assert plain_images(read_label_map(path))[0][1:] == plain_images(data)[0][1:]


def test_a_map_by_eye(tmp_path):
    objects = (
        LabelledObject(runs_of("##.", "##."), class_name="cat", name='Tom, "the" cat', score=0.5),
        LabelledObject(runs_of(".##", "...")),
        LabelledObject(box=(0, 0, 1, 1)),
    )
    data = DataSet((LabelledImage("a.jpg", (2, 3), objects),), ["dog"])
    with pytest.warns(SamWidgetWarning, match="^2 objects lose pixels"):
        write_label_map(data, tmp_path / "a.png")
    assert pixels_of(tmp_path / "a.png").tolist() == [[1, 2, 2], [1, 1, 0]]
    assert (tmp_path / "a.csv").read_text() == 'label,name,class,score\n1,"Tom, ""the"" cat",cat,0.5\n2,,,\n'
    write_label_map(data, tmp_path / "classes.png", numbers="classes")
    assert pixels_of(tmp_path / "classes.png").tolist() == [[2, 3, 3], [2, 2, 0]]
    assert (tmp_path / "classes.csv").read_text() == "label,class\n1,dog\n2,cat\n3,object\n"
    (image,) = read_label_map(tmp_path / "classes.png").images
    assert [item.class_name for item in image.objects] == ["cat", None]


def many(count):
    """As many objects as pixels, side by side."""
    line = np.zeros((1, count), np.int32)
    line[0] = np.arange(1, count + 1)
    return DataSet((LabelledImage("a", (1, count), tuple(LabelledObject(mask) for mask in masks_of(line).values())),))


def test_more_objects_need_more_bits(tmp_path, monkeypatch):
    monkeypatch.setattr(label_map, "_LABELS_MAX_16", 3)  # as if 16 bits could count no further
    write_label_map(many(3), tmp_path / "a.tif")
    write_label_map(many(4), tmp_path / "b.tif")
    with pytest.raises(FormatError, match=r"4 objects, and a PNG numbers at most 3: write b\.tif"):
        write_label_map(many(4), tmp_path / "b.png")
    assert not (tmp_path / "b.png").exists()
    tifffile = pytest.importorskip("tifffile")
    arrays = [tifffile.imread(tmp_path / name) for name in ("a.tif", "b.tif")]
    assert [(array.dtype, array.tolist()) for array in arrays] == [("uint16", [[1, 2, 3]]), ("int32", [[1, 2, 3, 4]])]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_scikit_image_reads_it(tmp_path, suffix):
    io, measure = pytest.importorskip("skimage.io"), pytest.importorskip("skimage.measure")
    objects = (LabelledObject(runs_of("##..", "##..")), LabelledObject(runs_of("...#", "....")))
    write_label_map(DataSet((LabelledImage("a", (2, 4), objects),)), tmp_path / f"a{suffix}")
    regions = measure.regionprops(io.imread(tmp_path / f"a{suffix}"))
    assert [(region.label, region.area, region.bbox) for region in regions] == [
        (1, 4, (0, 0, 2, 2)),
        (2, 1, (0, 3, 1, 4)),
    ]


def test_rasterio_reads_it(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    write_label_map(DataSet((LabelledImage("a", (1, 2), (LabelledObject(runs_of("#.")),)),)), tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as file:
        assert (file.dtypes, file.read(1).tolist()) == (("uint16",), [[1, 0]])


def test_a_folder_has_a_map_for_each_image(tmp_path):
    images = tuple(LabelledImage(f"{name}.jpg", (1, 2), (LabelledObject(runs_of("#.")),)) for name in "ab")
    write_label_map(DataSet(images), tmp_path / "maps", suffix=".tif")
    assert sorted(item.name for item in (tmp_path / "maps").iterdir()) == ["a.csv", "a.tif", "b.csv", "b.tif"]
    (tmp_path / "maps" / "c.tif").write_text("no image")
    with pytest.warns(SamWidgetWarning, match=r"c\.tif: left out, c\.tif cannot be read"):
        data = read_label_map(tmp_path / "maps")
    assert [image.file_name for image in data.images] == ["a.tif", "b.tif"]


@pytest.mark.parametrize("dtype", [np.uint8, bool, np.uint16, np.int32, np.float32])
def test_maps_of_other_programs(tmp_path, dtype):
    numbers = np.array([[0, 3], [1, 1]]).astype(dtype)
    Image.fromarray(numbers).save(tmp_path / "a.tif")
    (image,) = read_label_map(tmp_path / "a.tif").images
    areas = [item.run_lengths.area for item in image.objects]
    assert areas == ([3] if dtype is bool else [2, 1])


def test_a_palette_is_a_label_map(tmp_path):
    image = Image.fromarray(np.array([[0, 2]], np.uint8)).convert("P")
    image.save(tmp_path / "a.png")
    assert [item.run_lengths.area for item in next(iter(read_label_map(tmp_path / "a.png").images)).objects] == [1]


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((2, 2, 3), np.uint8), "several channels"),
        (np.full((2, 2), 0.5, np.float32), "not whole"),
        (None, "cannot be read"),
    ],
)
def test_other_images_are_refused(tmp_path, pixels, message):
    path = tmp_path / "a.tif"
    path.write_text("text") if pixels is None else Image.fromarray(pixels).save(path)
    with pytest.raises(FormatError, match=message):
        read_label_map(path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FormatError, match="has no label map"):
        read_label_map(tmp_path / "empty")


def test_lines_of_the_table_that_cannot_be_taken_are_named(tmp_path):
    write_label_map(DataSet((LabelledImage("a", (1, 2), (LabelledObject(runs_of("##")),)),)), tmp_path / "a.png")
    (tmp_path / "a.csv").write_text("label,class\n1,cat\nx,dog\n1,cow\n")
    with pytest.warns(
        SamWidgetWarning, match=r"a\.csv, line 3: left out.*a\.csv, line 4: left out, label 1 is there twice"
    ):
        (image,) = read_label_map(tmp_path / "a.png").images
    assert image.objects[0].class_name == "cat"
    (tmp_path / "a.csv").write_text("number\n1\n")
    with pytest.warns(SamWidgetWarning, match="it has no column label"):
        assert len(read_label_map(tmp_path / "a.png").images) == 1

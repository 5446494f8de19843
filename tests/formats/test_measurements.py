"""The table of measurements: by eye, beside scikit-image, in all its forms, and back as boxes."""

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays

from samwidget.core import RunLengths
from samwidget.errors import FormatError, SamWidgetWarning
from samwidget.formats import DataSet, LabelledImage, LabelledObject
from samwidget.formats.measurements import measure, read_table, to_pandas, write_table
from samwidget.formats.measures import centroid, mean_colour, perimeter, solidity
from tests.formats.masks import box_runs, mask_of

MASKS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=12)).filter(np.any)


def data_of(*objects, size_hw=(10, 20), pixels=None):
    read = None if pixels is None else lambda: pixels
    return DataSet((LabelledImage("a.png", size_hw, objects, read=read),))


@settings(deadline=None)
@given(MASKS)
def test_scikit_image_measures_the_same(mask):
    regions = pytest.importorskip("skimage.measure")
    (region,) = regions.regionprops(mask.astype(np.uint8))
    assert perimeter(mask) == pytest.approx(region.perimeter)
    assert centroid(mask) == pytest.approx([position + 0.5 for position in region.centroid[::-1]])
    assert 0 < solidity(mask) <= 1 + 1e-9


def test_solidity_is_that_of_scikit_image_but_for_its_counting_of_pixels():
    regions = pytest.importorskip("skimage.measure")
    y, x = np.mgrid[:200, :200]
    for mask in (np.hypot(y - 100, x - 100) < 80, (np.hypot(y - 100, x - 100) < 80) & (x + y > 200)):
        (region,) = regions.regionprops(mask.astype(np.uint8))
        assert solidity(mask) == pytest.approx(region.solidity, abs=0.01)


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (mask_of("#"), (0, 1, (0.5, 0.5))),
        (mask_of("####", "####", "####"), (10, 1, (2, 1.5))),  # the line through the centres is 3 + 2 + 3 + 2
        (mask_of("##", "#."), ((1 + math.sqrt(2)) / 2 * 2 + 1, 3 / 3.5, (5 / 6, 5 / 6))),
    ],
)
def test_small_masks(mask, expected):
    assert perimeter(mask) == pytest.approx(expected[0])
    assert solidity(mask) == pytest.approx(expected[1])
    assert centroid(mask) == pytest.approx(expected[2])


def test_the_mean_colour_is_that_of_the_mask():
    pixels = np.zeros((1, 3, 3), np.uint8)
    pixels[0, :2] = [(10, 20, 30), (20, 40, 60)]
    assert mean_colour(mask_of("##."), pixels) == (15, 30, 45)


def test_a_row_by_eye():
    pixels = np.full((10, 20, 3), 7, np.uint8)
    mask = LabelledObject(box_runs(10, 5, 14, 8, (10, 20)), class_name="cat", name="Tom", score=0.5)
    rows = list(measure(data_of(mask, LabelledObject(box=(1, 2, 3, 4)), pixels=pixels), pixel_size=0.5))
    assert rows[0] == {
        "image": "a.png", "object": 1, "name": "Tom", "class": "cat", "score": 0.5,
        "area_px": 12, "x0": 10, "y0": 5, "x1": 14, "y1": 8, "centroid_x": 12.0, "centroid_y": 6.5,
        "perimeter_px": 10.0, "solidity": pytest.approx(1), "mean_red": 7.0, "mean_green": 7.0, "mean_blue": 7.0,
        "area_um2": 3.0, "perimeter_um": 5.0, "width_um": 2.0, "height_um": 1.5,
    }  # fmt: skip
    assert list(rows[1]) == list(rows[0])
    assert [rows[1][name] for name in ("area_px", "solidity", "mean_red", "area_um2", "perimeter_um")] == [
        4, None, None, 1.0, None,
    ]  # fmt: skip


@pytest.mark.parametrize("size", [0, -1, float("inf"), float("nan"), "0.5", [1], Decimal("0.5"), 1j])
def test_a_pixel_has_a_size(size):
    with pytest.raises(FormatError, match="pixel_size is"):
        next(measure(data_of(), pixel_size=size))


def test_an_empty_mask_has_no_measures():
    (row,) = measure(data_of(LabelledObject(RunLengths.from_mask(np.zeros((10, 20), bool)))))
    assert (row["area_px"], row["centroid_x"], row["solidity"]) == (0, None, None)


def test_files_and_data_frames_are_the_same_table(tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    data = data_of(
        LabelledObject(box_runs(10, 5, 14, 8, (10, 20)), class_name="cat", name='Tom, "the" cat', score=1 / 3),
        LabelledObject(box=(1, 2, 3, 4)),
    )
    frame = to_pandas(data, pixel_size=0.5, unit="mm")
    write_table(data, tmp_path / "a.csv", pixel_size=0.5, unit="mm")
    write_table(data, tmp_path / "a.parquet", pixel_size=0.5, unit="mm")
    for other in (pandas.read_csv(tmp_path / "a.csv"), pandas.read_parquet(tmp_path / "a.parquet")):
        pandas.testing.assert_frame_equal(other, frame, check_dtype=False, rtol=1e-8)
    assert frame["area_mm2"].tolist() == [3, 1]


def test_no_objects_are_a_table_without_rows(tmp_path):
    pytest.importorskip("pyarrow")
    for name in ("a.csv", "a.parquet"):
        write_table(data_of(), tmp_path / name)
        assert read_table(tmp_path / name, (10, 20)).images == ()


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_it_is_read_back_as_boxes(tmp_path, name):
    pytest.importorskip("pyarrow")
    mask = LabelledObject(box_runs(10, 5, 14, 8, (10, 20)), class_name="cat", name="Tom", score=0.5)
    write_table(data_of(mask, LabelledObject(box=(1, 2, 3.5, 4))), tmp_path / name)
    data = read_table(tmp_path / name, (10, 20))
    (image,) = data.images
    assert (image.file_name, data.class_names) == ("a.png", ("cat",))
    assert [(item.box, item.class_name, item.name, item.score) for item in image.objects] == [
        ((10, 5, 14, 8), "cat", "Tom", 0.5),
        ((1, 2, 3.5, 4), None, None, None),
    ]


def test_lines_that_cannot_be_taken_are_named(tmp_path):
    (tmp_path / "boxes.csv").write_text("x0,y0,x1,y1\n0,0,5,5\n9,9,1,1\nx,0,1,1\n1,1\n")
    with pytest.warns(SamWidgetWarning, match=r"line 3: left out, the box.*line 4: .*line 5: "):
        (image,) = read_table(tmp_path / "boxes.csv", (10, 20)).images
    assert (image.file_name, len(image.objects)) == ("boxes", 1)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("x0,y0,x1\n")
    (tmp_path / "a.parquet").write_text("text")
    with pytest.raises(FormatError, match=r"a\.csv has no column y1"):
        read_table(tmp_path / "a.csv", (10, 20))
    with pytest.raises(FormatError, match="the size of its image"):
        read_table(tmp_path / "a.csv")
    pytest.importorskip("pyarrow")
    with pytest.raises(FormatError, match=r"a\.parquet is not Parquet"):
        read_table(tmp_path / "a.parquet", (10, 20))


@pytest.mark.parametrize(("name", "function"), [("pandas", to_pandas), ("pyarrow", write_table)])
def test_what_is_not_installed_is_named(tmp_path, monkeypatch, name, function):
    monkeypatch.setitem(__import__("sys").modules, name, None)
    arguments = [data_of()] if function is to_pandas else [data_of(), tmp_path / "a.parquet"]
    with pytest.raises(FormatError, match=f"needs {name}: pip install {name}"):
        function(*arguments)

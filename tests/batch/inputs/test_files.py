"""Which files of a folder are read, by which name they go, and what is said about the others."""

import os
import sys
import unicodedata

import pytest
from PIL import Image

from samwidget.batch.chunks import ChunkRunner
from samwidget.batch.inputs.files import find_files, image_suffixes, named_file, output_name, printable
from samwidget.errors import SamWidgetWarning
from samwidget.images import load_rgb
from samwidget.models.segmenter import EverythingDefaults
from samwidget.predict.predictor import SamPredictor
from tests.batch.rows import png_of, run_job, write_csv
from tests.predict.fake_segmenter import FakeSegmenter

PICTURE = Image.new("RGB", (8, 6), (200, 30, 30))


def names_of(folder, suffixes=None):
    return [output_name(path, folder) for path in find_files(str(folder), suffixes or image_suffixes())]


@pytest.mark.parametrize("suffix", [".avif", ".jfif", ".jp2", ".ppm", ".mpo", ".tga", ".jpe", ".BMP", ".JPG", ".pgm"])
def test_every_image_that_is_read_is_found(tmp_path, suffix):
    if suffix == ".avif" and suffix not in Image.registered_extensions():
        pytest.skip("this Pillow has no AVIF")
    path = tmp_path / f"photo{suffix}"
    kind = {".mpo": "MPO", ".jfif": "JPEG"}.get(suffix)
    try:
        PICTURE.save(path, kind)
    except OSError as error:
        pytest.skip(f"this Pillow writes no {suffix}: {error}")
    assert load_rgb(path).shape == (6, 8, 3)
    assert names_of(tmp_path) == [path.name]


def test_what_is_left_out_is_said(tmp_path):
    for name in ("a.png", "b.txt", "c.TXT", "d", ".e.png", ".git/f.png", "sub/g.xml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(png_of(0))
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    with pytest.warns(SamWidgetWarning) as caught:
        assert names_of(tmp_path) == ["a.png"]
    (warning,) = caught
    text = str(warning.message)
    assert "left out: " in text
    for kind in ("2 hidden", "2 *.txt", "1 *.xml", "1 links to nothing"):
        assert kind in text


def test_links_to_folders_are_followed_once_and_circles_end(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "outside"
    for path in (inside / "a/photo.png", outside / "deep/photo.png"):
        path.parent.mkdir(parents=True)
        path.write_bytes(png_of(0))
    (inside / "0_again").symlink_to(inside / "a")  # comes before the real folder by its name
    (inside / "a/up").symlink_to(inside)
    (inside / "x").symlink_to(outside)
    (inside / "y").symlink_to(outside)
    (outside / "round").symlink_to(outside)
    (inside / "one.png").symlink_to(outside / "deep/photo.png")
    with pytest.warns(SamWidgetWarning, match="4 links to folders that are read already"):
        assert names_of(inside) == ["a/photo.png", "one.png", "x/deep/photo.png"]
    with pytest.warns(SamWidgetWarning, match="4 links to folders that are read already"):
        found = find_files(str(inside / "**/photo.*"), image_suffixes())
    assert [output_name(path, inside) for path in found] == ["a/photo.png", "x/deep/photo.png"]


@pytest.mark.parametrize(
    ("stored", "written"),
    [
        ("deep/photo.png", "deep\\photo.png"),
        (unicodedata.normalize("NFD", "é.png"), unicodedata.normalize("NFC", "é.png")),
        (unicodedata.normalize("NFC", "é.png"), unicodedata.normalize("NFD", "é.png")),
        (unicodedata.normalize("NFD", "deep/é.png"), unicodedata.normalize("NFC", "deep\\é.png")),
        ("a\\b.png", "a\\b.png"),
    ],
)
def test_names_from_other_systems_are_found(tmp_path, stored, written):
    path = tmp_path / stored
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(png_of(0))
    assert named_file(tmp_path, written) == path


no_nul = pytest.mark.skipif(sys.version_info < (3, 11), reason="csv of Python 3.10 writes no NUL")


@pytest.mark.parametrize("name", ["missing.png", pytest.param("nul\0.png", marks=no_nul), "x" * 300, ""])
def test_a_name_that_no_file_has_is_the_error_of_its_row(tmp_path, name):
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "good.png").write_bytes(png_of(0))
    table = write_csv(tmp_path / "prompts.csv", [(name, "[[1,2]]"), ("good.png", "[[5,9]]")], ("image", "input_points"))
    for out, format_ in (
        ("out.csv", "csv"),
        ("masks/masks.csv", "png"),
        ("out.json", "coco"),
        ("out.parquet", "parquet"),
    ):
        if format_ == "parquet":
            pytest.importorskip("pyarrow")
        summary = run_job(tmp_path, photos, out, format=format_, prompts=str(table))
        assert (summary.rows, summary.errors) == (2, 1)


def test_a_row_that_is_no_csv_is_its_own_error(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "good.png").write_bytes(png_of(0))
    table = tmp_path / "prompts.csv"
    table.write_bytes(b'image,input_points\n\xff.png,"[[1,2]]"\n"a"b.png,x\n"good.png", "[[5,9]]"\n')
    summary = run_job(tmp_path, photos, "out.csv", prompts=str(table))
    assert (summary.rows, summary.errors) == (3, 2)
    text = (tmp_path / "out.csv").read_text()
    assert "line 2 of prompts.csv is not CSV" in text
    assert "line 3 of prompts.csv is not CSV" in text


@pytest.mark.skipif(os.name != "posix", reason="names are text on other systems")
def test_names_that_are_not_utf_8_are_written_as_numbers(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for data, content in ((b"caf\xe9.png", png_of(0)), (b"bad\xe9.png", b"no image")):
        (photos / os.fsdecode(data)).write_bytes(content)
    assert names_of(photos) == ["bad\\udce9.png", "caf\\udce9.png"]
    segmenter = FakeSegmenter()
    segmenter.everything_defaults = EverythingDefaults(4, 0.0, 0.0, 0.0)
    predictor = SamPredictor(segmenter)

    def runner(job):
        return ChunkRunner(job, predictor=predictor)

    for out, format_ in (("out.csv", "csv"), ("masks/masks.csv", "png"), ("out.json", "coco")):
        summary = run_job(tmp_path, photos, out, runner=runner, format=format_, everything=True)
        assert (summary.rows, summary.errors) == (2, 1)
    assert "caf\\udce9.png" in (tmp_path / "out.csv").read_text()
    assert all(path.name.startswith("000001_caf_udce9_") for path in (tmp_path / "masks").glob("*.png"))


def test_a_long_name_is_shortened(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for stem in ("x" * 246, "é" * 123):
        (photos / f"{stem}.png").write_bytes(png_of(0))
    table = write_csv(
        tmp_path / "p.csv",
        [(f"{'x' * 246}.png", "[[5,9]]"), (f"{'é' * 123}.png", "[[5,9]]")],
        ("image", "input_points"),
    )
    summary = run_job(tmp_path, photos, "masks/masks.csv", format="png", prompts=str(table))
    assert summary.errors == 0
    names = [path.name for path in (tmp_path / "masks").glob("*.png")]
    assert len(names) == 6
    assert all(len(name.encode()) <= 255 for name in names)


def test_nul_and_lone_surrogates_can_be_written():
    assert printable("a\0b\udce9é") == "a\\x00b\\udce9é"

"""Folders that appear whole, names of files, and the images beside the labels."""

import numpy as np
import pytest
from PIL import Image

from samwidget.errors import FormatError
from samwidget.formats import DataSet, LabelledImage
from samwidget.formats.writing import FileNames, image_size, is_plain_file, put_image, staged_folder, write_each


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_folder_appears_whole(tmp_path):
    with staged_folder(tmp_path / "deep" / "set") as folder:
        (folder / "labels").mkdir()
        (folder / "labels" / "a.txt").write_text("a")
        assert not (tmp_path / "deep" / "set").exists()
    assert files_of(tmp_path) == {"deep/set/labels/a.txt": "a"}


def test_files_of_the_same_name_are_replaced_and_others_stay(tmp_path):
    for text in ("old", "new"):
        with staged_folder(tmp_path / "set") as folder:
            (folder / "labels").mkdir()
            (folder / "labels" / "a.txt").write_text(text)
            (folder / f"{text}.txt").write_text(text)
    assert files_of(tmp_path) == {"set/labels/a.txt": "new", "set/new.txt": "new", "set/old.txt": "old"}


def test_after_an_error_the_folder_is_as_it_was(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.txt").write_text("old")

    def write():
        with staged_folder(tmp_path / "set") as folder:
            (folder / "a.txt").write_text("new")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        write()
    assert files_of(tmp_path) == {"set/a.txt": "old"}
    assert [item.name for item in tmp_path.iterdir()] == ["set"]


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "set").write_text("old")
    with pytest.raises(FormatError, match="is a file"), staged_folder(tmp_path / "set"):
        pass
    assert files_of(tmp_path) == {"set": "old"}


def test_names_of_files_are_safe_and_differ():
    names = FileNames()
    images = ["a/1.jpg", "b/1.png", "c/1.TIF", "A.png", "a.jpg", "https://x.org/p?q=<1>.jpg", "", "..", "C:\\d\\2.png"]
    assert [names.of(LabelledImage(name, (1, 1))) for name in images] == [
        "1", "1_2", "1_3", "A", "a_2", "p_q=_1_", "image", "image_2", "C__d_2",
    ]  # fmt: skip


def test_one_file_or_a_folder_of_files(tmp_path):
    def write(image, path):
        path.write_text(image.file_name)

    images = (LabelledImage("a.png", (1, 1)), LabelledImage("b.png", (1, 1)))
    write_each(DataSet(images[:1]), tmp_path / "labels.JSON", ".json", write)
    write_each(DataSet(images), tmp_path / "set", ".json", write)
    assert files_of(tmp_path) == {"labels.JSON": "a.png", "set/a.json": "a.png", "set/b.json": "b.png"}
    with pytest.raises(FormatError, match="a file for one image, and there are several"):
        write_each(DataSet(images), tmp_path / "labels.json", ".json", write)


def test_labels_never_take_the_place_of_the_image(tmp_path):
    (tmp_path / "a.png").write_text("image")
    data = DataSet((LabelledImage("a.png", (1, 1), path=tmp_path / "a.png"),))
    for target in (tmp_path, tmp_path / "a.png"):
        with pytest.raises(FormatError, match="is the image itself"):
            write_each(data, target, ".png", lambda image, path: path.write_text("labels"))
    assert files_of(tmp_path) == {"a.png": "image"}


@pytest.mark.parametrize(
    ("mode", "options", "is_plain"),
    [("RGB", {}, True), ("L", {}, True), ("RGBA", {}, False), ("I;16", {}, False), ("RGB", {"orientation": 6}, False)],
)
def test_a_file_is_copied_where_all_programs_show_the_same(tmp_path, mode, options, is_plain):
    path = tmp_path / "photo.PNG"
    exif = Image.Exif()
    if options:
        exif[0x0112] = options["orientation"]
    Image.new(mode, (3, 2)).save(path, exif=exif)
    size = (3, 2) if options else (2, 3)
    assert image_size(path) == size
    assert is_plain_file(path, size) is is_plain
    assert not is_plain_file(path, (9, 9))
    image = LabelledImage("photo.PNG", size, path=path, read=lambda: np.zeros((*size, 3), np.uint8))
    assert put_image(image, tmp_path, "copy") == "copy.png"
    with Image.open(tmp_path / "copy.png") as copied:
        assert (copied.height, copied.width) == size
    assert ((tmp_path / "copy.png").read_bytes() == path.read_bytes()) is is_plain


def test_an_image_without_pixels_is_not_put_anywhere(tmp_path):
    assert put_image(LabelledImage("a.png", (1, 1)), tmp_path, "a") is None
    (tmp_path / "a.png").write_text("no image")
    assert not is_plain_file(tmp_path / "a.png", (1, 1))
    with pytest.raises(FormatError, match=r"a\.png cannot be read"):
        image_size(tmp_path / "a.png")
    assert put_image(LabelledImage("a.png", (1, 1), path=tmp_path / "a.png"), tmp_path, "b") is None

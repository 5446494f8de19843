"""Cut-outs: the pixels, the alpha, the names of the files."""

import numpy as np
import pytest
from PIL import Image

from samwidget.errors import FormatError, SamWidgetWarning
from samwidget.formats import DataSet, LabelledImage, LabelledObject
from samwidget.formats.cutouts import cut_out, write_cutouts
from tests.formats.masks import runs_of

PIXELS = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)


def test_a_cut_out_by_eye():
    part = cut_out(PIXELS, runs_of("....", ".##.", "..#."))
    assert part.shape == (2, 2, 4)
    np.testing.assert_array_equal(part[:, :, :3], PIXELS[1:3, 1:3])
    assert part[:, :, 3].tolist() == [[255, 255], [0, 255]]


def test_a_margin_ends_at_the_border():
    part = cut_out(PIXELS, runs_of("....", ".##.", "..#."), margin=1)
    assert part.shape == (3, 4, 4)
    assert part[:, :, 3].astype(bool).tolist() == runs_of("....", ".##.", "..#.").to_mask().tolist()


@pytest.mark.parametrize("mask", [runs_of("....", "....", "...."), runs_of("#.")])
def test_other_masks_are_refused(mask):
    with pytest.raises(FormatError, match="no pixel of the image"):
        cut_out(PIXELS, mask)


def test_files_are_named_after_image_number_and_class(tmp_path):
    objects = (
        LabelledObject(runs_of("#...", "....", "....")),
        LabelledObject(box=(0, 0, 1, 1)),
        LabelledObject(runs_of(".#..", "....", "...."), class_name="cat/dog"),
    )
    data = DataSet(
        (LabelledImage("photos/a.jpg", (3, 4), objects, read=lambda: PIXELS), LabelledImage("b.jpg", (1, 1)))
    )
    with pytest.warns(SamWidgetWarning, match="1 objects have no mask"):
        write_cutouts(data, tmp_path / "set")
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == ["a_1_object.png", "a_3_cat_dog.png"]
    with Image.open(tmp_path / "set/a_3_cat_dog.png") as image:
        assert (image.mode, np.asarray(image).tolist()) == ("RGBA", [[[3, 4, 5, 255]]])


def test_without_pixels_nothing_is_written(tmp_path):
    data = DataSet((LabelledImage("a.jpg", (1, 1), (LabelledObject(runs_of("#")),)),))
    with pytest.raises(FormatError, match="are not known"):
        write_cutouts(data, tmp_path / "set")
    assert not list(tmp_path.iterdir())

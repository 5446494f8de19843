"""Found objects as records of the reference implementation, in each of its output modes."""

import numpy as np
import pytest

import samwidget
from samwidget.core import FoundObject, RunLengths

MASK = np.zeros((12, 9), np.bool_)
MASK[2:7, 3:8] = True
MASK[4, 5] = False
FOUND = FoundObject(0, RunLengths.from_mask(MASK), 0.9, 0.95, (4.5, 3.5), 1, (0, 0, 9, 12), None)


def segmentation(mode):
    (record,) = samwidget.to_sam_dicts([FOUND], mode)
    return record["segmentation"]


def test_every_mode_holds_the_mask():
    mask_module = pytest.importorskip("pycocotools.mask")
    np.testing.assert_array_equal(segmentation("binary_mask"), MASK)
    compressed, counts = segmentation("coco_rle"), segmentation("uncompressed_rle")
    assert isinstance(compressed["counts"], str)
    np.testing.assert_array_equal(mask_module.decode(compressed), MASK)
    expected = mask_module.frPyObjects(counts, *MASK.shape)  # what the reference does with them
    assert compressed == {"size": list(MASK.shape), "counts": expected["counts"].decode()}


@pytest.mark.parametrize("mode", ["nonsense", "", None, "rle"])
def test_another_mode_is_refused(mode):
    with pytest.raises(ValueError, match="give one of binary_mask, uncompressed_rle, coco_rle"):
        samwidget.to_sam_dicts([], mode)

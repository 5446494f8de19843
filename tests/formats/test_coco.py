"""COCO run lengths: there and back, and byte for byte what pycocotools writes."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from samwidget.core.rle import RunLengths
from samwidget.errors import FormatError
from samwidget.formats.coco import (
    annotation_entry,
    compress_counts,
    decode_rle,
    decompress_counts,
    encode_rle,
    image_entry,
)

MASKS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=12))


@settings(deadline=None)
@given(MASKS)
def test_there_and_back_through_json(mask):
    rle = json.loads(json.dumps(encode_rle(mask)))
    np.testing.assert_array_equal(decode_rle(rle), mask)
    np.testing.assert_array_equal(decode_rle({**rle, "counts": decompress_counts(rle["counts"].encode())}), mask)


@settings(deadline=None)
@given(MASKS)
def test_pycocotools_writes_the_same_bytes(mask):
    reference = pytest.importorskip("pycocotools.mask")
    expected = reference.encode(np.asfortranarray(mask.astype(np.uint8)))
    rle = encode_rle(mask)
    assert (rle["size"], rle["counts"].encode()) == (expected["size"], expected["counts"])


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**28), min_size=1, max_size=9))
def test_counts_of_any_size(counts):
    assert decompress_counts(compress_counts(counts).encode()) == counts


def test_a_small_mask_by_eye():
    mask = np.array([[0, 1, 1], [0, 1, 0]], bool)
    assert RunLengths.from_mask(mask).to_counts() == [2, 3, 1]
    assert encode_rle(mask) == encode_rle(RunLengths.from_mask(mask)) == {"size": [2, 3], "counts": "231"}
    assert image_entry(7, "a.jpg", mask.shape) == {"id": 7, "file_name": "a.jpg", "height": 2, "width": 3}
    assert annotation_entry(1, 7, mask, score=0.5) == {
        "id": 1,
        "image_id": 7,
        "category_id": 1,
        "segmentation": {"size": [2, 3], "counts": "231"},
        "area": 3,
        "bbox": [1, 0, 2, 2],
        "iscrowd": 0,
        "score": 0.5,
    }


def test_an_empty_mask_has_an_empty_box():
    entry = annotation_entry(1, 1, np.zeros((3, 4), bool))
    assert (entry["area"], entry["bbox"]) == (0, [0, 0, 0, 0])
    assert not decode_rle(entry["segmentation"]).any()


@pytest.mark.parametrize("mask", [np.zeros((2, 2), np.uint8), np.zeros((1, 2, 2), np.bool_)])
def test_only_bool_images_are_masks(mask):
    with pytest.raises(FormatError, match="mask is"):
        encode_rle(mask)


@pytest.mark.parametrize(
    "rle",
    [
        {},
        {"size": [2, 3]},
        {"size": [2], "counts": "231"},
        {"size": [2, 3], "counts": "23"},
        {"size": [2, 3], "counts": "23Q"},
        {"size": [2, 3], "counts": "\x00"},
        {"size": [2, 3], "counts": "é"},
        {"size": [2, 3], "counts": "P" * 40 + "0"},
        {"size": [2, 3], "counts": [7, -1]},
        {"size": [0, 3], "counts": []},
        {"size": [100_000, 100_000], "counts": [10_000_000_000]},
        {"size": [2, 3], "counts": None},
    ],
)
def test_broken_run_lengths_are_refused(rle):
    with pytest.raises(FormatError):
        decode_rle(rle)

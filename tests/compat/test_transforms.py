"""The transformed frame, side by side with the reference's."""

import numpy as np
import pytest
import torch

from samwidget.compat import ResizeLongestSide
from tests.compat.side_by_side import assert_alike, reference

SIZES = [(1, 1), (400, 600), (1365, 2048), (1023, 1025), (3000, 7)]


@pytest.fixture(scope="module")
def official():
    return reference().ResizeLongestSide


def test_it_is_where_the_references_users_import_it():
    from samwidget.compat.utils.transforms import ResizeLongestSide as Imported

    assert Imported is ResizeLongestSide


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("length", [256, 1024])
def test_the_same_sizes(official, size, length):
    assert ResizeLongestSide.get_preprocess_shape(*size, length) == official.get_preprocess_shape(*size, length)
    assert ResizeLongestSide(length).target_length == length


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.float64])
def test_the_same_points_and_boxes(official, size, dtype):
    ours, theirs = ResizeLongestSide(1024), official(1024)
    points = np.random.default_rng(0).uniform(-50, 700, (2, 3, 2)).astype(dtype)
    boxes = points.reshape(3, 4)
    before = points.copy()
    for value, other in (
        (ours.apply_coords(points, size), theirs.apply_coords(points, size)),
        (ours.apply_boxes(boxes, size), theirs.apply_boxes(boxes, size)),
        (ours.apply_boxes(boxes[0], size), theirs.apply_boxes(boxes[0], size)),
        (
            ours.apply_coords_torch(torch.from_numpy(points), size),
            theirs.apply_coords_torch(torch.from_numpy(points), size),
        ),
        (
            ours.apply_boxes_torch(torch.from_numpy(boxes), size),
            theirs.apply_boxes_torch(torch.from_numpy(boxes), size),
        ),
    ):
        assert_alike(value, other)
        np.testing.assert_array_equal(np.asarray(value), np.asarray(other))
    np.testing.assert_array_equal(points, before)


@pytest.mark.parametrize("size", [(40, 60), (300, 200), (512, 512)])
def test_the_same_image(official, photo, size):
    image = photo(*size)
    ours, theirs = ResizeLongestSide(256), official(256)
    np.testing.assert_array_equal(ours.apply_image(image), theirs.apply_image(image))
    np.testing.assert_array_equal(ours.apply_image(image[..., ::-1]), theirs.apply_image(image[..., ::-1].copy()))


def test_an_image_as_a_tensor(photo):
    """The reference's version 1.0 reads the size from the wrong axes; its docstring says what is right."""
    image = photo(300, 200)
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    scaled = ResizeLongestSide(256).apply_image_torch(tensor)
    assert scaled.shape == (1, 3, 256, 171)
    expected = ResizeLongestSide(256).apply_image(image)
    assert np.abs(scaled[0].permute(1, 2, 0).numpy() - expected).max() <= 1

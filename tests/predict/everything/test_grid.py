import numpy as np
import pytest

from samwidget.predict.everything.grid import crop_boxes, point_grid, spread_order


def test_points_are_centres_of_cells_row_by_row():
    assert point_grid(1).tolist() == [[0.5, 0.5]]
    assert point_grid(2).tolist() == [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]]


def test_crops_of_one_layer():
    # Half of the shorter side overlaps, 5 pixels: crops are (10 + 5) / 2 high and (20 + 5) / 2 wide, rounded up.
    assert list(crop_boxes((10, 20), 1, 0.5)) == [
        (0, (0, 0, 20, 10)),
        (1, (0, 0, 13, 8)),
        (1, (0, 3, 13, 10)),
        (1, (8, 0, 20, 8)),
        (1, (8, 3, 20, 10)),
    ]


def test_crops_without_overlap_tile_the_image():
    seen = np.zeros((8, 8), int)
    for layer, (x0, y0, x1, y1) in crop_boxes((8, 8), 2, 0):
        if layer == 2:
            seen[y0:y1, x0:x1] += 1
    assert (seen == 1).all()


def test_a_pixel_has_no_empty_crops():
    assert {box for _, box in crop_boxes((1, 1), 2, 0.3)} == {(0, 0, 1, 1)}


@pytest.mark.parametrize("image_hw", [(400, 600), (1023, 77), (3000, 4000), (7, 9)])
@pytest.mark.parametrize("ratio", [0, 512 / 1500, 0.9])
def test_crops_are_the_official_ones(image_hw, ratio):
    from tests.models.sam.torchvision_stand_in import torchvision_stand_in

    with torchvision_stand_in():
        from segment_anything.utils.amg import build_all_layer_point_grids, generate_crop_boxes
    boxes, layers = generate_crop_boxes(image_hw, 2, ratio)
    official = [(layer, tuple(box)) for layer, box in zip(layers, boxes, strict=True)]
    assert list(crop_boxes(image_hw, 2, ratio)) == [(layer, box) for layer, box in official if _has_area(box)]
    np.testing.assert_array_equal(point_grid(32), build_all_layer_point_grids(32, 0, 1)[0])


def _has_area(box):
    return box[0] < box[2] and box[1] < box[3]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 100, 1024])
def test_the_order_is_spread(count):
    order = spread_order(count)
    assert sorted(order.tolist()) == list(range(count))
    # After a quarter of the points, no gap is larger than three times the gap of equal spacing, which is 4.
    quarter = np.sort(order[: -(-count // 4)])
    gaps = np.diff(quarter, append=quarter[0] + count)
    assert gaps.max() <= 3 * 4

"""What users pass as numbers: tensors, masked arrays, lists of tensors, and what is none."""

import warnings

import numpy as np
import pytest
import torch

from samwidget.core import Prompt, as_array, as_floats, checked_mask, make_prompt
from samwidget.errors import PromptError

POINT = [[30.0, 40.0]]


def with_gradient(value):
    return torch.tensor(value, requires_grad=True)


@pytest.mark.parametrize("points", [
    torch.tensor(POINT), with_gradient(POINT), torch.tensor(POINT, dtype=torch.bfloat16),
    torch.tensor(POINT, dtype=torch.float16), [torch.tensor(POINT[0])], [with_gradient(POINT[0])],
    [torch.tensor(30.0), with_gradient(40.0)], (np.float16(30), torch.tensor(40)), np.array(POINT, ">f8"),
    np.array(POINT, object), np.ma.masked_array(POINT, mask=False), [["30", "40"]],
])  # fmt: skip
def test_points_of_any_library_are_the_same_points_without_a_warning(points):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert make_prompt(points).points_xy.tolist() == POINT
        assert as_floats(points, "points", "", np.float64).ravel().tolist() == POINT[0]


@pytest.mark.parametrize("labels", [
    with_gradient([1.0, 0.0]), [torch.tensor(1), torch.tensor(0)], [with_gradient(1.0), 0], np.array([True, False]),
])  # fmt: skip
def test_labels_of_any_library_are_the_same_labels(labels):
    assert make_prompt(POINT * 2, labels).labels.tolist() == [1, 0]
    assert Prompt(POINT * 2, labels).labels.tolist() == [1, 0]


@pytest.mark.parametrize("points", [
    {"x": 30, "y": 40}, "30, 40", [[30, 40], [50]], [[30 + 1j, 40]], np.array([[30 + 1j, 40]]), [[10**400, 1]],
    np.array([["2020", "2021"]], "M8[Y]"), torch.zeros(1, 2, device="meta"), iter(POINT),
])  # fmt: skip
def test_what_is_no_number_is_refused_with_what_to_give_instead(points):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(PromptError, match=r"points is not an array of numbers: give \(N, 2\), x before y"):
            make_prompt(points)


def test_a_masked_number_is_no_number_and_a_masked_pixel_is_outside_the_mask():
    with pytest.raises(PromptError, match="points holds NaN"):
        make_prompt(np.ma.masked_array([[30, 40]], mask=[[False, True]]))
    with pytest.raises(PromptError, match=r"labels are \[1.0, nan\]"):
        make_prompt(POINT * 2, np.ma.masked_array([1, 0], mask=[False, True]))
    mask = np.ma.masked_array(np.ones((2, 3), bool), mask=np.eye(2, 3, dtype=bool))
    assert checked_mask(mask, (2, 3)).tolist() == (~np.eye(2, 3, dtype=bool)).tolist()


def test_masks_are_read_from_tensors_and_lists_of_several_lengths_are_refused():
    mask = np.eye(2, 3, dtype=np.float32)
    for tensor in (with_gradient(mask), torch.tensor(mask, dtype=torch.bfloat16), [torch.tensor(row) for row in mask]):
        assert np.array_equal(checked_mask(tensor, (2, 3)), mask)
    with pytest.raises(PromptError, match="mask is no array: give"):
        checked_mask([[1, 0], [1]], (2, 2))


@pytest.mark.parametrize("label", [None, 2, 2**70, float("nan"), {}, "1"])
def test_a_point_with_a_label_that_is_none_is_refused(label):
    with pytest.raises(PromptError, match=r"labels are .*: use 1 to include"):
        Prompt().with_point(30, 40, label)


def test_an_array_stays_the_same_array():
    points = np.array(POINT)
    assert as_array(points) is points

from dataclasses import replace

import numpy as np
import pytest
import torch

from samwidget.core.prompt import Prompt, make_prompt
from samwidget.errors import PromptError


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"points": [[1, 2], [3, 4]], "labels": [1, 1, 0]}, r"labels has shape \(3,\), points has shape \(2, 2\)"),
        ({"points": [[1, 2]], "labels": [2]}, "labels are"),
        ({"points": [1, 2, 3]}, "points has shape"),
        ({"points": 5}, "points has shape"),
        ({"points": [[np.nan, 2]]}, "NaN"),
        ({"points": [[np.inf, 2]]}, "NaN or infinity"),
        ({"points": [[1e38, 2]]}, r"at most 1e\+09"),
        ({"points": [[1e300, 2]]}, "NaN or infinity"),
        ({"points": [[10**400, 2]]}, "not an array"),
        ({"points": "here"}, "not an array"),
        ({"labels": [1]}, "without points"),
        ({"box": [0, 0, 5]}, "box has shape"),
        ({"box": [5, 0, 5, 9]}, "no area"),
        ({"box": [5, 5, 1, 1]}, "no area"),
        ({"mask": np.zeros((2, 3, 3))}, "mask has shape"),
        ({"mask": np.full((3, 3), np.nan)}, "NaN"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_does_not_fit_is_refused_with_its_values(values, message):
    with pytest.raises(PromptError, match=message) as caught:
        make_prompt(**values)
    assert caught.value.hint


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"points": [[1, 2]], "labels": [0.9]}, r"labels are \[0.9\]"),
        ({"points": [[1, 2]], "labels": ["1"]}, "labels are no numbers"),
        ({"points": [[1, 2]], "labels": [None]}, "labels are no numbers"),
        ({"points": [[1, 2]], "labels": [10**30]}, "labels are no numbers"),
        ({"points": [[1, 2], [3, 4]], "labels": [1, [1]]}, "labels are no numbers"),
        ({"points": [[1, 2]], "labels": {"a": 1}}, "labels has shape"),
        ({"points": [[1, 2], [3]], "labels": [1, 1]}, "not an array"),
        ({"points": "here", "labels": [1]}, "not an array"),
        ({"points": [[10**400, 2]], "labels": [1]}, "not an array"),
        ({"points": [[1, 2]]}, "labels has shape"),
        ({"box": [1, 2, 3]}, "box has shape"),
        ({"level": 9}, "level"),
        ([[1, 2]], "the prompt is a list"),
        (None, "the prompt is a NoneType"),
    ],
)
def test_json_of_others_is_read_as_it_is_or_refused(value, message):
    with pytest.raises(PromptError, match=message) as caught:
        Prompt.from_json(value)
    assert caught.value.hint


def test_one_point_may_be_a_pair_and_labels_may_be_left_out():
    prompt = make_prompt([3, 4])
    np.testing.assert_array_equal(prompt.points_xy, [[3, 4]])
    np.testing.assert_array_equal(prompt.labels, [1])


def test_a_tensor_with_a_gradient():
    point = torch.tensor([[3.0, 4.0]], requires_grad=True)
    assert make_prompt(point, torch.tensor([1]), box=point.new_tensor([1, 2, 5, 6])) == make_prompt(
        [[3, 4]], [1], box=[1, 2, 5, 6]
    )


def test_a_mask_of_one_channel_is_flattened():
    assert make_prompt(mask=np.zeros((1, 8, 8))).mask.shape == (8, 8)


def test_changes_make_new_prompts():
    first = make_prompt([[1, 2]], [1])
    second = first.with_point(5, 6, 0).with_box([0, 0, 9, 9])
    assert len(first.points_xy) == 1
    assert second == make_prompt([[1, 2], [5, 6]], [1, 0], [0, 0, 9, 9])
    assert second.with_point_moved(1, 7, 8).points_xy[1].tolist() == [7, 8]
    assert second.without_point(0) == make_prompt([[5, 6]], [0], [0, 0, 9, 9])
    assert second.with_box(None).box_xyxy is None
    with pytest.raises(PromptError, match="no point 2"):
        second.without_point(2)


def test_arrays_cannot_be_written():
    prompt = make_prompt([[1, 2]])
    with pytest.raises(ValueError, match="read-only"):
        prompt.points_xy[0] = 0


def test_places_are_checked_against_the_image():
    make_prompt([[0, 0], [10, 5]], box=[-3, -3, 4, 4]).check_inside((5, 10))
    with pytest.raises(PromptError, match=r"point \(11, 2\)"):
        make_prompt([[11, 2]]).check_inside((5, 10))
    with pytest.raises(PromptError, match="outside the image"):
        make_prompt(box=[10, 0, 20, 5]).check_inside((5, 10))


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt(),
        make_prompt([[1.5, 2]], [0]),
        make_prompt(box=[1, 2, 3, 4]),
        make_prompt([[1, 2]], box=[1, 2, 3, 4]),
        Prompt(level=2),
    ],
)
def test_json_and_back(prompt):
    assert Prompt.from_json(prompt.to_json()) == prompt
    assert prompt.is_empty == (replace(prompt, level=None) == Prompt())


def test_a_level_is_one_of_three():
    assert Prompt(level=0) != Prompt()
    for level in (-1, 3, 1.5, "1"):
        with pytest.raises(PromptError, match="0, 1 or 2"):
            Prompt(level=level)


def test_prompts_compare_by_value_and_have_no_hash():
    assert make_prompt([[1, 2]]) == make_prompt([1, 2])
    with pytest.raises(TypeError, match="unhashable"):
        hash(make_prompt([1, 2]))


def test_an_unchecked_prompt_may_have_padding_and_a_box_of_any_corners():
    prompt = Prompt.unchecked([[1, 2], [0, 0]], [1.0, -1.0], [3, 4, 1, 2])
    assert prompt.labels.tolist() == [1, -1]
    assert prompt.labels.dtype == np.int32
    assert prompt.box_xyxy.tolist() == [3, 4, 1, 2]
    for labels in ([1, 2], [1], [[1, 0]]):
        with pytest.raises(PromptError, match="labels"):
            Prompt.unchecked([[1, 2], [0, 0]], labels)
    with pytest.raises(PromptError, match="labels"):
        Prompt([[1, 2]], [-1])

"""Names that nobody knows, and the names that were probably meant."""

import pytest

from samwidget.formats import describe_unknown

KNOWN = ("image", "input_points", "input_boxes", "input_labels", "multimask_output", "")


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["image", "input_points"], ""),
        (["labels"], "labels (did you mean input_labels?)"),
        (["input_lables"], "input_lables (did you mean input_labels?)"),
        (["Image"], "Image (did you mean image?)"),
        ([" input points"], "' input points' (did you mean input_points?)"),
        (["multimask"], "multimask (did you mean multimask_output?)"),
        (["zzz", "image"], "zzz"),
        (["a", "b", "c", "d", "e", "f"], "a, b, c, d, e, ..."),
    ],
)
def test_unknown_names_have_the_closest_known_one(names, text):
    assert describe_unknown(names, KNOWN) == text


def test_a_long_name_is_cut():
    assert len(describe_unknown(["x" * 1000], KNOWN)) < 100

"""Names that nobody knows, and the names that were probably meant."""

import pytest

from samwidget.formats import describe_unknown
from samwidget.formats.names import describe_value

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


DEEP = []
for _ in range(100_000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1, "a"], "[1, 'a']"),
        ("a" * 300, "'" + "a" * 199 + "..."),
        (DEEP, "a list"),
        (10**5000, "a int"),
    ],
    ids=["short", "long", "deep", "many digits"],
)
def test_any_value_can_be_described(value, text):
    assert describe_value(value) == text

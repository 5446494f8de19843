"""The schemas take what is documented, and refuse what is not. That what is built fits them: test_messages.py."""

import copy

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from samwidget.errors import FormatError
from samwidget.formats.azure_ml.messages import COLUMNS, build_response
from samwidget.formats.azure_ml.schema import load_schema

# As the model card prints it.
REQUEST = {
    "input_data": {
        "columns": list(COLUMNS),
        "index": [0],
        "data": [["image1", "", "[[650, 900, 1000, 1250]]", "", False]],
    },
    "params": {},
}
RESPONSES = {
    style: build_response([[(np.eye(3, dtype=np.bool_)[None], [0.85])]], style) for style in ("card", "service")
}
MISSING = object()


def validator(name):
    schema = load_schema(name)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def changed(value, path, new):
    """A copy with another value at a path of keys and positions, or without what is there."""
    value = copy.deepcopy(value)
    *way, last = path
    inner = value
    for step in way:
        inner = inner[step]
    if new is MISSING:
        del inner[last]
    else:
        inner[last] = new
    return value


CELL = ("input_data", "data", 0)


@pytest.mark.parametrize(
    ("path", "new"),
    [
        (("params",), MISSING),
        (("input_data", "index"), MISSING),
        (("input_data", "index"), ["first"]),
        ((*CELL, 0), "aGVs\nbG8=\n"),
        ((*CELL, 0), "data:image/png;base64,aGVsbG8="),
        ((*CELL, 0), "https://example.org/a.jpg?size=1"),
        ((*CELL, 1), "[[[280,320]], [[300.5,-3e2]]]"),
        ((*CELL, 2), "nan"),
        ((*CELL, 3), "[[1, 0, -1, -10]]"),
        (("input_data",), {"columns": ["multimask_output", "image"], "data": [[True, "aGVsbG8="]]}),
        (("input_data", "data"), []),
    ],
)
def test_documented_requests(path, new):
    check = validator("azure_ml_request")
    check.validate(REQUEST)
    check.validate(changed(REQUEST, path, new))


@pytest.mark.parametrize(
    ("path", "new"),
    [
        (("input_data",), MISSING),
        (("inputs",), {}),
        (("params",), []),
        (("input_data", "columns"), MISSING),
        (("input_data", "columns"), ["input_points"]),
        (("input_data", "columns"), ["image", "image"]),
        (("input_data", "columns"), ["image", "points"]),
        (("input_data", "index"), 0),
        (("input_data", "index"), [0.5]),
        (("input_data", "data"), MISSING),
        (("input_data", "data"), {}),
        (CELL, "image1"),
        (CELL, []),
        ((*CELL, 4), MISSING),
        ((*CELL, 0), 7),
        ((*CELL, 0), ""),
        ((*CELL, 0), "photo.jpg"),
        ((*CELL, 0), "ftp://example.org/a.jpg"),
        ((*CELL, 1), [[1, 2]]),
        ((*CELL, 1), None),
        ((*CELL, 1), "1, 2"),
        ((*CELL, 2), '[["a"]]'),
        ((*CELL, 2), "[[NaN, 1, 2, 3]]"),
        ((*CELL, 3), "[[1]] or so"),
        ((*CELL, 4), "true"),
        ((*CELL, 4), 1),
    ],
)
def test_broken_requests(path, new):
    assert not validator("azure_ml_request").is_valid(changed(REQUEST, path, new))


LISTS = {"card": (0, "predictions"), "service": (0, "response", "predictions")}
NAMES = {"card": "mask_per_prediction", "service": "masks_per_prediction"}


@pytest.mark.parametrize("style", ["card", "service"])
def test_broken_responses(style):
    check = validator(f"azure_ml_response_{style}")
    response, predictions = RESPONSES[style], LISTS[style]
    masks = (*predictions, 0, NAMES[style])
    check.validate(response)
    check.validate([])
    for path, new in [
        ((0,), None),
        ((0, "more"), 1),
        (predictions, MISSING),
        (predictions, {}),
        (masks, MISSING),
        (masks, []),
        ((*predictions, 0), {"masks": []}),
        ((*masks, 0, "encoded_binary_mask"), MISSING),
        ((*masks, 0, "encoded_binary_mask"), "/9j/4AAQSkZJRg=="),  # a JPEG
        ((*masks, 0, "encoded_binary_mask"), "iVBORw0KGgo?"),
        ((*masks, 0, "iou_score"), MISSING),
        ((*masks, 0, "iou_score"), "0.85"),
    ]:
        assert not check.is_valid(changed(response, path, new)), (path, new)
    assert not check.is_valid(response[0])
    assert not check.is_valid(RESPONSES["service" if style == "card" else "card"])


def test_other_names_are_refused():
    with pytest.raises(FormatError, match="azure_ml_request, azure_ml_response_card, azure_ml_response_service"):
        load_schema("../errors")

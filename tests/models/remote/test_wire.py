"""The format between samwidget serve and a remote predictor: requests are exact, responses have half precision."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from samwidget.core.prompt import Prompt, make_prompt
from samwidget.errors import FormatError, PromptError
from samwidget.models.remote.wire import read_request, read_response, write_request, write_response

floats = st.floats(-1e4, 1e4, width=32)


@st.composite
def prompts(draw):
    points = draw(arrays(np.float32, st.tuples(st.integers(0, 5), st.just(2)), elements=floats))
    labels = draw(arrays(np.int32, len(points), elements=st.integers(0, 1)))
    x, y, width, height = (draw(st.integers(0, 500)) for _ in range(4))
    box = draw(st.sampled_from([None, (x, y, x + width + 1, y + height + 0.5)]))
    mask = draw(st.none() | arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=floats))
    return Prompt(points, labels, box, mask, draw(st.none() | st.integers(0, 2)))


@given(st.lists(prompts(), max_size=4), st.booleans(), st.text(max_size=20))
def test_a_request_comes_back_exact(expected, multimask_output, signature):
    text = json.dumps(write_request(expected, multimask_output, signature))
    assert read_request(json.loads(text)) == (expected, multimask_output, signature)


@given(arrays(np.float32, (2, 3, 4, 5), elements=st.floats(-1e6, 1e6, width=32)))
def test_a_response_keeps_signs_and_is_near(logits):
    scores = np.linspace(0, 1, 6, dtype=np.float32).reshape(2, 3)
    read, read_scores = read_response(write_response(logits, scores))
    np.testing.assert_array_equal(read_scores, scores)
    assert read.dtype == np.float32
    large = np.abs(logits) > 1e-4
    np.testing.assert_array_equal(np.sign(read)[large], np.sign(logits)[large])
    within = large & (np.abs(logits) < 65000)
    np.testing.assert_allclose(read[within], logits[within], rtol=2**-10)


def test_the_smallest_request():
    (prompt,), multimask_output, signature = read_request({"prompts": [{"points": [[3, 4]], "labels": [1]}]})
    assert prompt == make_prompt([[3, 4]])
    assert (multimask_output, signature) == (True, "")


@pytest.mark.parametrize(
    ("request_json", "error", "message"),
    [
        (None, FormatError, "has no prompts"),
        ([], FormatError, "has no prompts"),
        ({"prompts": {}}, FormatError, "has no prompts"),
        ({"prompts": [1]}, FormatError, "prompt 0"),
        ({"prompts": [], "multimask_output": "no"}, FormatError, "not a boolean"),
        ({"prompts": [{"points": [[1, 2]], "labels": [1, 1]}]}, PromptError, "prompt 0: labels has shape"),
        ({"prompts": [{}, {"box": [1, 2, 3]}]}, PromptError, "prompt 1: box has shape"),
        ({"prompts": [{"points": [[1, float("nan")]], "labels": [1]}]}, PromptError, "NaN"),
        ({"prompts": [{"mask": {"hw": [2, 2], "float32": "AAAA"}}]}, FormatError, "prompt 0"),
        ({"prompts": [{"mask": {"hw": [1, 1], "float32": "%%%%"}}]}, FormatError, "prompt 0"),
    ],
)
def test_requests_that_cannot_be_read(request_json, error, message):
    with pytest.raises(error, match=message):
        read_request(request_json)


@pytest.mark.parametrize("entry", ["level", "labels", "points", "box", "mask"])
def test_values_that_are_nested_too_deeply_to_be_written(entry):
    value: object = {}
    for _ in range(100_000):
        value = {"a": value}
    prompt = {"points": [[1, 2]], "labels": [1], entry: value if entry == "level" else [value]}
    with pytest.raises((FormatError, PromptError)):
        read_request({"prompts": [prompt]})


@pytest.mark.parametrize("data", [b"", b"no tensors", write_response(np.zeros((1, 2, 3, 3)), np.zeros((1, 2)))[:-1]])
def test_responses_that_cannot_be_read(data):
    with pytest.raises(FormatError):
        read_response(data)


def test_a_response_whose_parts_do_not_fit():
    with pytest.raises(FormatError, match="shape"):
        read_response(write_response(np.zeros((2, 3, 4, 4), np.float32), np.zeros((2, 1), np.float32)))

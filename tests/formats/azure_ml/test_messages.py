import base64
import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from PIL import Image

from samwidget.core.prompt import make_prompt
from samwidget.errors import FormatError
from samwidget.formats.azure_ml.messages import (
    build_request,
    build_response,
    decode_mask,
    encode_mask,
    parse_request,
    parse_response,
)
from samwidget.formats.azure_ml.schema import load_schema
from tests.formats.azure_ml.example_request import IMAGE, IMAGE_TEXT, request_of

REQUEST_SCHEMA = Draft202012Validator(load_schema("azure_ml_request"))
RESPONSE_SCHEMAS = {
    style: Draft202012Validator(load_schema(f"azure_ml_response_{style}")) for style in ("card", "service")
}


@pytest.mark.parametrize(
    ("cell", "read"),
    [(True, True), (False, False), ("false", True), (None, True), (0, True), (np.bool_(False), False)],
)
def test_only_a_boolean_false_asks_for_one_mask(cell, read):
    assert parse_request(request_of("[[1,2]]", several=cell))[0].multimask_output is read


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (IMAGE_TEXT, IMAGE),
        (base64.encodebytes(IMAGE * 20).decode(), IMAGE * 20),
        (f"data:image/png;base64,{IMAGE_TEXT}", IMAGE),
        ("https://example.org/a.jpg", "https://example.org/a.jpg"),
        (IMAGE_TEXT.encode(), IMAGE),
        (IMAGE, IMAGE),
        (bytearray(IMAGE), IMAGE),
    ],
)
def test_images(text, read):
    assert parse_request(request_of("[[1,2]]", image=text))[0].image == read


@pytest.mark.parametrize("image", ["", None, 7, "no base64!", "abc"])
def test_other_images_are_refused(image):
    with pytest.raises(FormatError, match="row 0, image"):
        parse_request(request_of("[[1,2]]", image=image))


@pytest.mark.parametrize(
    "request_",
    [
        {
            "input_data": {
                "columns": ["multimask_output", "input_points", "image"],
                "data": [[False, "[[1,2]]", IMAGE_TEXT]],
            }
        },
        {"columns": ["image", "input_points", "multimask_output"], "data": [[IMAGE_TEXT, "[[1,2]]", False]]},
    ],
)
def test_columns_in_any_order(request_):
    (row,) = parse_request(json.dumps(request_))
    assert (row.image, row.multimask_output, list(row.prompts)) == (IMAGE, False, [make_prompt([1, 2])])


@pytest.mark.parametrize(("index", "read"), [({}, [0, 1]), ({"index": None}, [0, 1]), ({"index": [7, "b"]}, [7, "b"])])
def test_the_index_is_kept(index, read):
    rows = parse_request({"columns": ["image"], **index, "data": [[IMAGE_TEXT]] * 2})
    assert [row.index for row in rows] == read


@pytest.mark.parametrize("name", ["index", "Unnamed: 0", ""])
def test_the_column_that_pandas_makes_of_an_index_is_allowed(name):
    (row,) = parse_request({"columns": [name, "image"], "data": [[7, IMAGE_TEXT]]})
    assert row.image == IMAGE


def test_a_million_names_are_not_echoed():
    for columns in (["x"] * 1_000_000, [f"name{number}" for number in range(100_000)]):
        with pytest.raises(FormatError) as caught:
            parse_request({"columns": columns, "data": []})
        assert len(str(caught.value)) < 500


def test_a_style_that_does_not_exist():
    with pytest.raises(FormatError, match="style is 'both'"):
        parse_request(request_of("[[1,2]]"), "both")


def test_data_frames():
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame(
        {"input_points": ["[[1,2]]", None], "image": [IMAGE_TEXT] * 2, "multimask_output": [False] * 2}
    )
    rows = parse_request(table)
    assert [list(row.prompts) for row in rows] == [[make_prompt([1, 2])], []]
    assert [row.multimask_output for row in rows] == [False, False]
    prediction = masks_and_scores(0, 1, (2, 3))
    service = build_response([[prediction]], style="service")
    # MLflow's response: one column of JSON text.
    response = pd.DataFrame({"response": [json.dumps(service[0]["response"])]})
    np.testing.assert_array_equal(parse_response(response)[0][0][0], prediction[0])


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ("{", "not JSON"),
        ([], "no table"),
        ({}, "no table"),
        ({"input_data": {"columns": ["image"], "data": "x"}}, "not lists"),
        ({"input_data": {"columns": ["input_points"], "data": []}}, "needs the column image"),
        ({"input_data": {"columns": ["image"], "data": [["a", "b"]]}}, "row 0 does not have 1 values"),
        ({"input_data": {"columns": ["image"], "data": ["a"]}}, "row 0 does not have 1 values"),
        ({"columns": ["image", "image"], "data": []}, "give each name once"),
        ({"columns": ["image", ["input_points"]], "data": []}, "give each name once"),
        ({"columns": ["image"], "index": [0, 1], "data": [[IMAGE_TEXT]]}, "index does not name 1 rows"),
        ({"columns": ["image"], "index": "0", "data": [[IMAGE_TEXT]]}, "index does not name 1 rows"),
        ("[" * 100_000, "not JSON"),
        ({"columns": ["image", "labels"], "data": []}, r"unknown columns: labels \(did you mean input_labels\?\)"),
        ({"columns": ["images"], "data": []}, r"unknown columns: images \(did you mean image\?\)"),
        ({"input_data": {"columns": ["image"], "rows": [], "data": []}}, "unknown keys: rows"),
        ({"inputdata": {"columns": ["image"], "data": []}}, r"unknown keys: inputdata \(did you mean input_data\?\)"),
        ({"input_data": {"columns": ["image"], "data": []}, "param": {}}, r"param \(did you mean params\?\)"),
    ],
)
def test_other_requests_are_refused(request_, message):
    with pytest.raises(FormatError, match=message):
        parse_request(request_)


def test_the_request_is_written_as_the_card_documents():
    request = build_request([IMAGE], boxes=[[[650, 900, 1000, 1250]]], multimask_output=False)
    assert request == {
        "input_data": {
            "columns": ["image", "input_points", "input_boxes", "input_labels", "multimask_output"],
            "index": [0],
            "data": [[IMAGE_TEXT, "", "[[650, 900, 1000, 1250]]", "", False]],
        },
        "params": {},
    }
    assert build_request(IMAGE, boxes=np.array([[650, 900, 1000, 1250]]), multimask_output=False) == request


def test_an_array_is_sent_as_png():
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    (row,) = parse_request(build_request(image, points=[[1, 2]]))
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(row.image))), image)


def test_one_row_per_image():
    with pytest.raises(FormatError, match="1 rows for 2 images"):
        build_request([IMAGE, IMAGE], points=[[[1, 2]]])
    with pytest.raises(FormatError, match="image is a float"):
        build_request([1.5])
    with pytest.raises(FormatError, match="image is uint8 of shape"):
        build_request(np.zeros((3, 4), np.uint8))
    with pytest.raises(FormatError, match="image is not base64"):
        build_request("photo.jpg")


coordinates = st.integers(0, 4000)
points = st.lists(st.tuples(coordinates, coordinates, st.integers(0, 1)), min_size=1, max_size=4)
boxes = st.tuples(coordinates, coordinates).map(lambda corner: (*corner, corner[0] + 7, corner[1] + 1))


@given(st.lists(st.tuples(st.lists(st.tuples(points, boxes), max_size=3), st.booleans(), st.booleans()), max_size=3))
@settings(max_examples=50, deadline=None)
def test_requests_there_and_back(rows):
    def groups(prompts, pick):
        return [[pick(point) for point in point_list] for point_list, _ in prompts] or None

    request = build_request(
        [IMAGE] * len(rows),
        points=[groups(prompts, lambda point: point[:2]) for prompts, _, _ in rows],
        labels=[groups(prompts, lambda point: point[2]) for prompts, _, _ in rows],
        boxes=[[box for _, box in prompts] if has_boxes and prompts else None for prompts, has_boxes, _ in rows],
        multimask_output=[several for _, _, several in rows],
    )
    REQUEST_SCHEMA.validate(request)
    parsed = parse_request(json.dumps(request))
    for (prompts, has_boxes, several), row in zip(rows, parsed, strict=True):
        expected = [
            make_prompt([point[:2] for point in group], [point[2] for point in group], box if has_boxes else None)
            for group, box in prompts
        ]
        assert (row.image, row.multimask_output, list(row.prompts)) == (IMAGE, several, expected)


def masks_and_scores(seed, count, shape):
    rng = np.random.default_rng(seed)
    return rng.random((count, *shape)) < 0.5, rng.random(count).astype(np.float32)


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 99), st.sampled_from([1, 3])), max_size=3), max_size=3),
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
    st.sampled_from(["card", "service"]),
)
@settings(max_examples=50, deadline=None)
def test_responses_there_and_back(rows, shape, style):
    rows = [[masks_and_scores(seed, count, shape) for seed, count in row] for row in rows]
    response = build_response(rows, style)
    RESPONSE_SCHEMAS[style].validate(response)
    parsed = parse_response(json.dumps(response))
    for row, parsed_row in zip(rows, parsed, strict=True):
        for (masks, scores), (parsed_masks, parsed_scores) in zip(row, parsed_row, strict=True):
            np.testing.assert_array_equal(parsed_masks, masks)
            np.testing.assert_array_equal(parsed_scores, scores)


def test_both_styles_of_response():
    prediction = masks_and_scores(0, 1, (2, 3))
    entry = {"encoded_binary_mask": encode_mask(prediction[0][0]), "iou_score": float(prediction[1][0])}
    assert build_response([[prediction]]) == [{"predictions": [{"mask_per_prediction": [entry]}]}]
    service = build_response([[prediction]], style="service")
    assert service == [{"response": {"predictions": [{"masks_per_prediction": [entry]}]}}]
    for response in (service, service[0]):
        np.testing.assert_array_equal(parse_response(response)[0][0][0], prediction[0])


PNG_TEXT = encode_mask([[True]])


@pytest.mark.parametrize(
    "response",
    [
        "[",
        7,
        [{}],
        [{"predictions": [{}]}],
        [{"predictions": [{"mask_per_prediction": [{}]}]}],
        [{"predictions": [{"mask_per_prediction": [{"encoded_binary_mask": "!", "iou_score": 1}]}]}],
        *(
            [{"predictions": [{"mask_per_prediction": [{"encoded_binary_mask": PNG_TEXT, "iou_score": score}]}]}]
            for score in (10**400, [0.5], None)
        ),
    ],
)
def test_other_responses_are_refused(response):
    with pytest.raises(FormatError):
        parse_response(response)


@pytest.mark.parametrize("wrap", [lambda error: error, lambda error: [error], lambda error: [{"response": error}]])
def test_an_error_in_place_of_a_response_is_quoted(wrap):
    with pytest.raises(FormatError, match="the response is an error: row 0: too many pixels"):
        parse_response(wrap({"error": {"code": "limit", "message": "row 0: too many pixels", "hint": ""}}))


@pytest.mark.parametrize("score", [float("nan"), "nan", float("-inf")])
def test_scores_that_are_no_numbers_are_refused(score):
    response = build_response([[(np.ones((1, 2, 3), bool), np.array([0.5]))]])
    response[0]["predictions"][0]["mask_per_prediction"][0]["iou_score"] = score
    with pytest.raises(FormatError, match="the scores are"):
        parse_response(response)


def test_what_cannot_be_written_is_refused():
    with pytest.raises(FormatError, match="style"):
        build_response([], style="both")
    with pytest.raises(FormatError, match="masks have shape"):
        build_response([[(np.zeros((2, 4, 4), np.bool_), [0.5])]])
    with pytest.raises(FormatError, match="masks have shape"):
        build_response([[(np.zeros((0, 4, 4), np.bool_), [])]])


def test_masks_there_and_back():
    mask = np.random.default_rng(0).random((30, 20)) < 0.5
    np.testing.assert_array_equal(decode_mask(encode_mask(mask)), mask)
    with pytest.raises(FormatError, match="base64"):
        decode_mask("?")

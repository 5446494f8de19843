"""Each limit, once at it and once above."""

import json
from itertools import chain

import pandas as pd
import pytest

from samwidget.errors import LimitError
from samwidget.formats.azure_ml.messages import COLUMNS, build_request
from samwidget.serving.limits import Limits
from samwidget.serving.reading import read_rows
from tests.serving.image_files import encoded

PHOTO = encoded("PNG", (30, 40))
LARGE = b"no image, but many bytes" * 20_000


def request_of(count, points):
    """``count`` rows with one prompt of ``points`` points each."""
    return build_request([PHOTO] * count, points=[[[[1, 2]] * points]] * count)


@pytest.mark.parametrize(
    ("limits", "count", "points", "limit"),
    [
        (Limits(rows=2), 2, 1, None),
        (Limits(rows=2), 3, 1, "rows"),
        (Limits(prompts=2), 2, 1, None),
        (Limits(prompts=2), 3, 1, "prompts"),
        (Limits(points=6), 2, 3, None),
        (Limits(points=5), 2, 3, "points"),
    ],
)
@pytest.mark.parametrize("kind", ["json", "frame"])
def test_rows_prompts_and_points_are_counted(limits, count, points, limit, kind):
    request = request_of(count, points)
    table = request["input_data"]
    sent = json.dumps(request) if kind == "json" else pd.DataFrame(table["data"], columns=table["columns"])
    if limit is None:
        assert len(read_rows(sent, limits, "card")) == count
        return
    with pytest.raises(LimitError) as caught:
        read_rows(sent, limits, "card")
    assert caught.value.limit == limit


@pytest.mark.parametrize("size", [1000, 1001])
def test_structure_is_counted_before_json_is_parsed(size):
    text = "{" * size + "not JSON at all"  # letters and spaces begin no value
    limits = Limits(json_bytes=1000)
    if size == 1000:
        limits.check_json(text)
        return
    for sent in (text, text.encode()):
        with pytest.raises(LimitError, match="more than 1000 bytes of JSON besides its images") as caught:
            limits.check_json(sent)
        assert (caught.value.limit, caught.value.maximum) == ("json_bytes", 1000)


@pytest.mark.parametrize("indent", [None, 4], ids=["compact", "indented"])
@pytest.mark.parametrize("line_breaks", [False, True])
def test_images_and_white_space_do_not_count(indent, line_breaks):
    """As many points as a request may have, as prompts of rows with large images, in every way of writing JSON."""
    request = build_request([LARGE] * 4, points=[[[[1.25, 2.5]] * 16] * 64] * 4)
    data = request["input_data"]["data"]
    if line_breaks:
        for row in data:
            row[0] = "\r\n".join(row[0][start : start + 76] for start in range(0, len(row[0]), 76))
    assert len(read_rows(json.dumps(request, indent=indent), Limits(), "card")) == 4


def with_column_names(request):
    request["input_data"]["columns"] += ["a" * 300_000]
    return request


def with_index(request):
    request["input_data"]["index"] = ["a" * 300_000]
    return request


def with_points(request):
    request["input_data"]["data"][0][1] = "1" * 300_000
    return request


def with_keys(request):
    return request | {"a" * 300_000: 1}


def with_params(request):
    return request | {"params": [{"a": "b" * 300_000}]}


@pytest.mark.parametrize("lengthen", [with_column_names, with_index, with_points, with_keys, with_params])
def test_long_text_that_is_no_image_is_refused(lengthen):
    request = lengthen(build_request(PHOTO, points=[[1, 2]]))
    with pytest.raises(LimitError) as caught:
        read_rows(json.dumps(request), Limits(), "card")
    assert caught.value.limit == "json_bytes"


def table_of(row, count):
    return b'{"columns": ["image"], "data": [' + b",".join([row] * count) + b"]}"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(table_of(b'["a", "[[1,2]]", "", "", true]', 700_000), id="tiny rows"),
        pytest.param(table_of(b"{}", 10_000_000), id="objects"),
        pytest.param(b'{"data": [' + b"0," * 10_000_000 + b"0]}", id="numbers"),
        pytest.param(b"[" * 10_000_000, id="depth"),
    ],
)
def test_millions_of_values_are_refused_unparsed(body, monkeypatch):
    monkeypatch.setattr(json, "loads", lambda *_: pytest.fail("it was parsed"))
    with pytest.raises(LimitError) as caught:
        read_rows(body, Limits(), "card")
    assert caught.value.limit == "json_bytes"


def test_rows_are_counted_before_they_are_read(monkeypatch):
    monkeypatch.setattr("samwidget.serving.reading.parse_request", lambda *_: pytest.fail("they were read"))
    body = json.dumps({"input_data": {"columns": list(COLUMNS), "data": [[]] * 65}})
    with pytest.raises(LimitError, match="65 rows, at most 64"):
        read_rows(body, Limits(), "card")


def test_the_default_limits_fit_together():
    """The largest request that ``rows``, ``prompts`` and ``points`` allow is not above ``json_bytes``."""
    limits = Limits()
    points = limits.points // limits.prompts
    groups = [[[[1234.125, 2345.125]] * points] * (limits.prompts // limits.rows)] * limits.rows
    labels = [[[1] * points] * (limits.prompts // limits.rows)] * limits.rows
    boxes = [[[1000.125, 1000.125, 3000.125, 3000.125]] * (limits.prompts // limits.rows)] * limits.rows
    request = build_request([PHOTO] * limits.rows, groups, labels, boxes)
    prompts = list(chain(*(row.prompts for row in read_rows(json.dumps(request), limits, "card"))))
    assert len(prompts) == limits.prompts
    assert sum(len(prompt.points_xy) for prompt in prompts) == limits.points

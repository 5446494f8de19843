"""Servers that drip, never end, or send values that make no sense: one deadline, and errors of ours."""

import gzip
import json
import math
import socket
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samwidget.core.prompt import make_prompt
from samwidget.errors import EndpointError, SamWidgetError
from samwidget.models.remote import segmenters
from samwidget.models.remote.client import Endpoint
from samwidget.models.remote.transport import Response, Transport
from samwidget.models.remote.wire import write_response
from samwidget.predict.predictor import SamPredictor
from tests.drawn_photo import drawn_photo

OK = b"HTTP/1.1 200 OK\r\n"


@contextmanager
def sending(*pieces, pause_s=0.02):
    """The address of a server that sends pieces to each client, and the last one for ever."""
    listener = socket.create_server(("127.0.0.1", 0))
    is_over = threading.Event()

    def talk(sock):
        with sock:
            try:
                sock.recv(1 << 16)
                for piece in pieces:
                    sock.sendall(piece)
                while not is_over.is_set():
                    time.sleep(pause_s)
                    sock.sendall(pieces[-1])
            except OSError:
                pass  # the client has left

    def accept():
        while not is_over.is_set():
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(sock,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        is_over.set()
        listener.close()


@pytest.mark.parametrize(
    "pieces",
    [
        (b"H",),
        (OK, b"X: "),
        (OK + b"X: ", b"x"),
        (OK + b"Content-Length: 1000000\r\n\r\n", b"x"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 100 Continue\r\n\r\n",),
        (b"",),
    ],
    ids=["first byte", "head", "one header", "body", "chunks", "go on", "nothing"],
)
def test_one_deadline_for_all_of_a_response(pieces):
    with sending(*pieces) as url:
        start = time.monotonic()
        with pytest.raises(EndpointError, match=r"does not answer within 0\.4 s|cannot be reached"):
            SamPredictor.from_endpoint(url, timeout_s=0.4)
        assert time.monotonic() - start < 10  # and not for ever


@pytest.mark.parametrize(
    "pieces",
    [
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"),
        (OK + b"Content-Length: 100000000000\r\n\r\n", b"x" * 65536),
        (OK + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(bytes(1 << 27))),
    ],
    ids=["chunks", "length", "packed"],
)
def test_a_response_has_a_largest_size(pieces):
    with sending(*pieces, pause_s=0) as url, pytest.raises(EndpointError, match="sends more than 1048576 bytes"):
        SamPredictor.from_endpoint(url, timeout_s=30)


class FakeServer:
    """What the transport returns, by method and path; a list is used up from its front."""

    def __init__(self, monkeypatch, **responses):
        self.responses, self.deadlines = responses, []
        monkeypatch.setattr(Transport, "exchange", self.exchange)

    def exchange(self, method, url, *, deadline, bytes_max, content=b""):
        self.deadlines.append(deadline)
        kind = "masks" if url.endswith("/masks") else "score" if url.endswith("/score") else method.lower()
        kind = "models" if url.endswith("/models") else kind
        response = self.responses[kind]
        return response.pop(0) if isinstance(response, list) else response


def response(value, status=200, **headers):
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Response(status, "reason", headers, content)


DEFAULTS = {
    "points_per_side": 16,
    "pred_iou_thresh": 0.5,
    "stability_score_thresh": 0.5,
    "stability_score_offset": 0.5,
}
CARD = {"name": "fake", "signature": "fake 1", "device": "cpu", "everything_defaults": DEFAULTS}
FRAME = {"image_hw": [6, 8], "input_hw": [12, 16], "content_hw": [12, 16], "logits_hw": [3, 4]}
HAS_IMAGE = response({"frame": FRAME, "signature": "fake 1"})
PHOTO = drawn_photo(6, 8)


def masks_of(candidates=3, value=1.0, score=0.5, prompts=1, hw=(3, 4)):
    logits = np.full((prompts, candidates, *hw), value, np.float32)
    return response(write_response(logits, np.full((prompts, candidates), score, np.float32)))


def test_a_good_server(monkeypatch):
    FakeServer(monkeypatch, models=response([CARD]), get=HAS_IMAGE, masks=masks_of())
    predictor = SamPredictor.from_endpoint("http://127.0.0.1:1")
    predictor.set_image(PHOTO)
    assert predictor.predict([[4, 3]]).masks.all()


@pytest.mark.parametrize(
    "changed",
    [
        {"points_per_side": 0},
        {"points_per_side": 10**9},
        {"points_per_side": 1.5},
        {"pred_iou_thresh": math.nan},
        {"pred_iou_thresh": "high"},
        {"stability_score_offset": math.inf},
        {"more": 1},
    ],
)
def test_defaults_that_make_no_sense(monkeypatch, changed):
    FakeServer(monkeypatch, models=response([{**CARD, "everything_defaults": {**DEFAULTS, **changed}}]))
    with pytest.raises(EndpointError):
        SamPredictor.from_endpoint("http://127.0.0.1:1")


@pytest.mark.parametrize(
    "frame",
    [
        {name: [0, 0] for name in FRAME},
        {**FRAME, "logits_hw": [0, 4]},
        {**FRAME, "logits_hw": [10**6, 10**6]},
        {**FRAME, "image_hw": [8, 6]},
        {**FRAME, "image_hw": [6.0, 8.0]},
        {**FRAME, "content_hw": [24, 16]},
        {**FRAME, "input_hw": [12]},
        {**FRAME, "input_hw": "12"},
        {},
        [],
        None,
    ],
)
def test_frames_that_make_no_sense(monkeypatch, frame):
    answered = response({"frame": frame, "signature": "fake 1"})
    FakeServer(monkeypatch, models=response([CARD]), get=answered, put=answered)
    with pytest.raises(EndpointError):
        SamPredictor.from_endpoint("http://127.0.0.1:1").set_image(PHOTO)


@pytest.mark.parametrize(
    "sent",
    [
        masks_of(candidates=0),
        masks_of(candidates=1),
        masks_of(candidates=9),
        masks_of(prompts=2),
        masks_of(hw=(4, 3)),
        masks_of(value=math.nan),
        masks_of(score=math.nan),
        masks_of(score=math.inf),
        response(b""),
        response(b"\xff" * 8 + b"{}"),
        response({"logits": []}),
    ],
)
def test_masks_that_make_no_sense(monkeypatch, sent):
    FakeServer(monkeypatch, models=response([CARD]), get=HAS_IMAGE, masks=sent)
    predictor = SamPredictor.from_endpoint("http://127.0.0.1:1")
    predictor.set_image(PHOTO)
    with pytest.raises(EndpointError):
        predictor.predict([[4, 3]])


@pytest.mark.parametrize("pause", ["nan", "inf", "-inf", "-1", "1e999", "soon", "Wed, 21 Oct 2015 07:28:00 GMT", ""])
def test_a_busy_server_that_says_nonsense(monkeypatch, pause):
    pauses = []
    monkeypatch.setattr("samwidget.models.remote.client.time.sleep", pauses.append)
    busy = response({}, 503, **{"retry-after": pause})
    FakeServer(monkeypatch, models=[busy, response([CARD])])
    SamPredictor.from_endpoint("http://127.0.0.1:1")
    assert 0 < pauses[0] <= 5


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again(monkeypatch, status):
    pauses = []
    monkeypatch.setattr("samwidget.models.remote.client.time.sleep", pauses.append)
    FakeServer(monkeypatch, models=[response({}, status, **{"retry-after": "2"}), response([CARD])])
    SamPredictor.from_endpoint("http://127.0.0.1:1")
    assert pauses == [2]


def test_all_requests_of_a_call_share_its_deadline(monkeypatch):
    server = FakeServer(
        monkeypatch,
        models=response([CARD]),
        get=response({}, 404),
        put=HAS_IMAGE,
        masks=[response({}, 404), masks_of()],
    )
    predictor = SamPredictor.from_endpoint("http://127.0.0.1:1")
    predictor.set_image(PHOTO)
    predictor.predict([[4, 3]])
    _, encode, encode_2, decode, decode_2, decode_3 = server.deadlines
    assert encode == encode_2 < decode == decode_2 == decode_3


@pytest.mark.parametrize("url", ["http://[", "http://\ud800", "http://a:b", "ftp://a", "http://", "", "http://a b"])
def test_addresses_that_are_none(url):
    with pytest.raises(EndpointError):
        SamPredictor.from_endpoint(url)


def test_a_key_from_a_file_ends_in_a_newline(monkeypatch):
    headers = []
    monkeypatch.setattr("samwidget.models.remote.client.Transport", lambda sent, **_: headers.append(sent))
    Endpoint("http://127.0.0.1:1", " a key\n", 1.0)
    assert headers == [{"Authorization": b"Bearer a key"}]
    with pytest.raises(EndpointError, match="no header can hold"):
        Endpoint("http://127.0.0.1:1", "a\nkey", 1.0)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*CARD, *FRAME, "frame"]), inner),
    max_leaves=12,
)
BODIES = st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode())
RESPONSES = st.builds(
    Response,
    st.sampled_from([200, 204, 302, 400, 401, 404, 413, 500]),
    st.text(max_size=5),
    st.just({}),
    BODIES | st.sampled_from([HAS_IMAGE.content, response([CARD]).content, masks_of().content]),
)


@settings(max_examples=150, deadline=None)
@given(models=RESPONSES, get=RESPONSES, put=RESPONSES, masks=RESPONSES, score=RESPONSES)
def test_whatever_a_server_sends_the_error_is_ours(models, get, put, masks, score):
    with pytest.MonkeyPatch.context() as monkeypatch:
        FakeServer(monkeypatch, models=models, get=get, put=put, masks=masks, score=score)
        try:
            segmenter = segmenters.open_remote("http://127.0.0.1:1", None, 1.0)
            embedding = segmenter.encode(PHOTO)
            logits, scores = segmenter.decode(embedding, [make_prompt([[4, 3]])], multimask_output=True)
        except SamWidgetError:
            return
    assert logits.isfinite().all()
    assert scores.shape == (1, 3)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2000), st.integers(0, 255), st.integers(0, 1500))
def test_broken_masks_are_errors_of_ours(position, byte, cut):
    """One byte of a good response is changed, and it may be cut off."""
    good = bytearray(masks_of().content)
    good[position % len(good)] = byte
    with pytest.MonkeyPatch.context() as monkeypatch:
        FakeServer(monkeypatch, models=response([CARD]), get=HAS_IMAGE, masks=response(bytes(good[: len(good) - cut])))
        segmenter = segmenters.open_remote("http://127.0.0.1:1", None, 1.0)
        embedding = segmenter.encode(PHOTO)
        try:
            logits, _ = segmenter.decode(embedding, [make_prompt([[4, 3]])], multimask_output=True)
        except EndpointError:
            return
    assert logits.shape == (1, 3, 3, 4)

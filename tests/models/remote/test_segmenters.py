"""A model behind the documented request alone: logits made of masks, and responses that make no sense."""

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest

from samwidget.core.measure import iou
from samwidget.core.prompt import make_prompt
from samwidget.errors import EndpointError, FormatError, PromptError
from samwidget.formats.azure_ml.messages import build_response, parse_request
from samwidget.predict.predictor import SamPredictor
from tests.drawn_photo import drawn_photo


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, content = self.server.respond(body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Keeps the test's output clean."""


@contextmanager
def responding(respond):
    """A predictor on an endpoint whose ``/score`` returns what ``respond`` makes of a request's body."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.respond = respond
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield SamPredictor.from_endpoint(f"http://127.0.0.1:{server.server_port}/score", timeout_s=10)
    finally:
        server.shutdown()
        server.server_close()


def disc(hw, centre_xy, radius):
    rows, columns = np.mgrid[: hw[0], : hw[1]] + 0.5
    return np.hypot(columns - centre_xy[0], rows - centre_xy[1]) < radius


def discs(hw, radius, style):
    """A network whose three masks are discs around a prompt's first point, or its box's centre."""

    def respond(body):
        rows = []
        for row in parse_request(body):
            sets = []
            for prompt in row.prompts:
                centre = prompt.points_xy[0] if len(prompt.points_xy) else prompt.box_xyxy.reshape(2, 2).mean(0)
                count = 3 if row.multimask_output else 1
                masks = np.stack([disc(hw, centre, radius * (n + 1)) for n in range(count)])
                sets.append((masks, np.linspace(0.5, 0.7, count, dtype=np.float32)))
            rows.append(sets)
        return 200, json.dumps(build_response(rows, style)).encode()

    return respond


@pytest.mark.parametrize("style", ["card", "service"])
@pytest.mark.parametrize(
    ("hw", "radius", "least"),
    [
        ((400, 600), 40, 0.99),
        ((400, 600), 8, 0.95),
        ((999, 900), 60, 0.98),
        ((60, 80), 9, 0.9999),
        ((900, 70), 10, 0.9),
    ],
)
def test_logits_are_made_of_masks(hw, radius, least, style):
    centre = (hw[1] / 2, hw[0] / 3)
    prompts = [
        make_prompt([centre]),
        make_prompt(box=[0, 0, hw[1], hw[0]]),
        make_prompt([centre], box=[0, 0, *hw[::-1]]),
    ]
    with responding(discs(hw, radius, style)) as predictor:
        results = predictor.predict_many(prompts, predictor.embed(drawn_photo(*hw)))
    for result, at in zip(results, (centre, (hw[1] / 2, hw[0] / 2), centre), strict=True):
        assert result.scores.tolist() == pytest.approx([0.5, 0.6, 0.7])
        assert max(result.logits.shape[1:]) <= 256
        for number, mask in enumerate(result.to_bool(), start=1):
            assert iou(mask, disc(hw, at, radius * number)) >= least


def test_one_mask():
    with responding(discs((60, 80), 9, "service")) as predictor:
        predictor.set_image(drawn_photo(60, 80))
        assert predictor.predict([[40, 30]], multimask_output=False).masks.shape == (1, 60, 80)


def response_of_size(hw):
    return json.dumps(build_response([[(np.zeros((3, *hw), np.bool_), np.zeros(3, np.float32))]], "service")).encode()


@pytest.mark.parametrize(
    ("status", "content", "error", "message"),
    [
        (200, b"not JSON", EndpointError, "cannot be read"),
        (200, b"[]", EndpointError, "not have one prediction for each prompt"),
        (200, b'[{"response": {"predictions": []}}]', EndpointError, "not have one prediction for each prompt"),
        (
            200,
            response_of_size((30, 40)),
            EndpointError,
            r"not all of its masks have the size of the image, \(60, 80\)",
        ),
        (
            500,
            b"<html>oops</html>",
            EndpointError,
            r"reports an error \(500 Internal Server Error\): see the server's log",
        ),
        (
            424,
            b'{"error": {"code": "UserError", "message": "no such model"}}',
            EndpointError,
            r"reports an error \(no such model\)",
        ),
        (401, b"", EndpointError, "refuses the key"),
        (400, b'{"error": {"code": "prompt", "message": "row 0: no"}}', PromptError, "row 0: no"),
        (400, b'{"error": {"code": "format", "message": "m", "hint": "h"}}', FormatError, "m: h"),
    ],
)
def test_responses_that_are_none(status, content, error, message):
    with responding(lambda body: (status, content)) as predictor:
        predictor.set_image(drawn_photo(60, 80))
        with pytest.raises(error, match=message):
            predictor.predict([[40, 30]])


def test_a_mask_is_no_prompt_there():
    with responding(lambda body: (500, b"")) as predictor:
        predictor.set_image(drawn_photo(60, 80))
        with pytest.raises(PromptError, match="takes no mask as a prompt"):
            predictor.predict([[40, 30]], mask_input=np.zeros(predictor.frame.logits_hw))

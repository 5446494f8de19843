"""The application without a server around it: images by address, and a network that fails."""

import asyncio
import logging

import httpx
import numpy as np
import pytest

from samwidget.formats.azure_ml.deployment import Deployment
from samwidget.formats.azure_ml.messages import build_request, parse_response
from samwidget.predict.predictor import SamPredictor
from samwidget.serving.http.admission import Queue
from samwidget.serving.http.app import make_app
from samwidget.serving.http.auth import Door
from samwidget.serving.http.server import open_service
from samwidget.serving.http.service import Service
from samwidget.serving.http.url_images import Addresses
from samwidget.serving.limits import Limits
from tests.predict.fake_segmenter import FakeSegmenter
from tests.serving.test_limits import encoded, png_of_claimed_size

PHOTO = encoded("PNG", (30, 40))


class Shelf(Addresses):
    """Images that are fetched without a network."""

    def __init__(self, **images):
        self.images = {f"http://photos.test/{name}": data for name, data in images.items()}
        self.asked = []

    async def fetch(self, url, bytes_max):
        self.asked.append((url, bytes_max))
        return self.images[url]


def answer(request, segmenter=None, addresses=None, **limits):
    """The answer to a request of a service made for it."""

    async def ask():
        predictor = SamPredictor(segmenter or FakeSegmenter())
        service = Service(
            [predictor], Queue([predictor]), Door(None), Limits(**limits), addresses=addresses or Addresses()
        )
        transport = httpx.ASGITransport(make_app(service), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.post("/score", json=request)

    return asyncio.run(ask())


def test_images_by_address_are_fetched_once_and_within_what_a_request_may_hold():
    shelf = Shelf(a=PHOTO, b=encoded("PNG", (20, 20)))
    urls = ["http://photos.test/a", PHOTO, "http://photos.test/b", "http://photos.test/a"]
    request = build_request(urls, points=[[[5, 9]]] * 4)
    found = answer(request, addresses=shelf, body_bytes=100_000)
    assert found.status_code == 200
    first, second, third, fourth = parse_response(found.content)
    np.testing.assert_array_equal(first[0][0], second[0][0])
    np.testing.assert_array_equal(first[0][0], fourth[0][0])
    assert third[0][0].shape == (3, 20, 20)
    assert shelf.asked == [
        ("http://photos.test/a", 100_000),
        ("http://photos.test/b", 100_000 - len(PHOTO)),
    ]


@pytest.mark.parametrize(
    ("image", "status", "message"),
    [(b"a web page", 400, "row 1: the data is not an image"), (png_of_claimed_size(8000, 8000), 413, "pixels")],
    ids=["no image", "bomb"],
)
def test_what_is_fetched_is_checked_like_what_is_sent(image, status, message):
    found = answer(build_request([PHOTO, "http://photos.test/a"], points=[[[5, 9]]] * 2), addresses=Shelf(a=image))
    assert found.status_code == status
    assert message in found.json()["error"]["message"]


def test_a_network_that_fails_keeps_its_reasons_to_the_log(caplog):
    segmenter = FakeSegmenter(error=RuntimeError("a path like /home/someone"))
    with caplog.at_level(logging.ERROR):
        found = answer(build_request(PHOTO, points=[[5, 9]]), segmenter)
    assert found.status_code == 500
    assert found.json() == {
        "error": {"code": "model", "message": "fake failed", "hint": "the server's log says why"},
    }
    assert "/home/someone" in caplog.text


def test_scores_that_are_no_numbers_are_no_answer():
    segmenter = FakeSegmenter()
    decode = segmenter.decode
    segmenter.decode = lambda *args, **kwargs: (decode(*args, **kwargs)[0], decode(*args, **kwargs)[1] * float("nan"))
    found = answer(build_request(PHOTO, points=[[5, 9]]), segmenter)
    assert found.status_code == 500
    assert "scores that are no numbers" in found.json()["error"]["message"]


@pytest.mark.parametrize(
    ("deployment", "copies", "stuck_s"),
    [
        (Deployment(), 1, 300),
        (Deployment(instance_count=3, probe_period_s=5), 3, 150),
        (Deployment(probe_period_s=4, probe_failure_threshold=2), 1, 8),
    ],
)
def test_a_deployment_decides_about_copies_and_patience(deployment, copies, stuck_s):
    service = open_service(lambda: SamPredictor(FakeSegmenter()), deployment, key=None)
    assert len(set(map(id, service.predictors))) == copies
    assert service.stuck_s == stuck_s
    assert service.is_healthy


def test_a_bug_is_json_too(caplog):
    class Broken(Shelf):
        async def fetch(self, url, bytes_max):
            raise ZeroDivisionError

    found = answer(build_request("http://photos.test/a", points=[[5, 9]]), addresses=Broken())
    assert found.status_code == 500
    assert found.json()["error"] == {"code": "error", "message": "the server failed; its log says why", "hint": ""}

"""The application without a server around it: images by URL, the order of checks, and networks that fail."""

import asyncio
import logging

import httpx
import numpy as np
import pytest

from samwidget.formats.azure_ml.deployment import Deployment
from samwidget.formats.azure_ml.messages import build_request, parse_response
from samwidget.predict.predictor import SamPredictor
from samwidget.serving.http.admission import Admission
from samwidget.serving.http.app import make_app
from samwidget.serving.http.auth import BearerKey, NoKey
from samwidget.serving.http.service import Service, open_service
from samwidget.serving.http.url_images import ImageFetcher
from samwidget.serving.limits import Limits
from tests.predict.fake_segmenter import FakeSegmenter
from tests.serving.image_files import encoded, png_of_claimed_size

PHOTO = encoded("PNG", (30, 40))


class FakeFetcher(ImageFetcher):
    """Images that are fetched without a network."""

    def __init__(self, **images):
        self.images = {f"http://photos.test/{name}": data for name, data in images.items()}
        self.asked = []

    async def fetch(self, url, bytes_max):
        self.asked.append((url, bytes_max))
        return self.images[url]


def make_service(segmenter=None, image_fetcher=None, access=None, **limits):
    predictor = SamPredictor(segmenter or FakeSegmenter())
    return Service(
        [predictor],
        Admission([predictor]),
        access or NoKey(),
        Limits(**limits),
        image_fetcher=image_fetcher or ImageFetcher(),
    )


def post(service, request):
    """The response to a request for scores."""

    async def post_it():
        transport = httpx.ASGITransport(make_app(service), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.post("/score", json=request)

    return asyncio.run(post_it())


def test_images_by_url_are_fetched_once_and_share_the_limit_of_the_body():
    fetcher = FakeFetcher(a=PHOTO, b=encoded("PNG", (20, 20)))
    urls = ["http://photos.test/a", PHOTO, "http://photos.test/b", "http://photos.test/a"]
    request = build_request(urls, points=[[[5, 9]]] * 4)
    response = post(make_service(image_fetcher=fetcher, body_bytes=100_000), request)
    assert response.status_code == 200
    first, second, third, fourth = parse_response(response.content)
    np.testing.assert_array_equal(first[0][0], second[0][0])
    np.testing.assert_array_equal(first[0][0], fourth[0][0])
    assert third[0][0].shape == (3, 20, 20)
    assert fetcher.asked == [
        ("http://photos.test/a", 100_000),
        ("http://photos.test/b", 100_000 - len(PHOTO)),
    ]


@pytest.mark.parametrize(
    ("image", "status", "message"),
    [(b"a web page", 400, "row 1: the data is not an image"), (png_of_claimed_size(8000, 8000), 413, "pixels")],
    ids=["no image", "bomb"],
)
def test_fetched_images_are_checked_like_sent_ones(image, status, message):
    request = build_request([PHOTO, "http://photos.test/a"], points=[[[5, 9]]] * 2)
    response = post(make_service(image_fetcher=FakeFetcher(a=image)), request)
    assert response.status_code == status
    assert message in response.json()["error"]["message"]


def test_the_reason_of_a_failed_network_goes_to_the_log_only(caplog):
    segmenter = FakeSegmenter(error=RuntimeError("a path like /home/someone"))
    with caplog.at_level(logging.ERROR):
        response = post(make_service(segmenter), build_request(PHOTO, points=[[5, 9]]))
    assert response.status_code == 500
    assert response.json() == {
        "error": {"code": "model", "message": "fake failed", "hint": "the server's log says why"},
    }
    assert "/home/someone" in caplog.text


def test_scores_that_are_not_numbers_are_an_error():
    segmenter = FakeSegmenter()
    decode = segmenter.decode
    segmenter.decode = lambda *args, **kwargs: (decode(*args, **kwargs)[0], decode(*args, **kwargs)[1] * float("nan"))
    response = post(make_service(segmenter), build_request(PHOTO, points=[[5, 9]]))
    assert response.status_code == 500
    assert "not numbers" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("deployment", "copies", "stuck_s"),
    [
        (Deployment(), 1, 300),
        (Deployment(instance_count=3, probe_period_s=5), 3, 150),
        (Deployment(probe_period_s=4, probe_failure_threshold=2), 1, 8),
    ],
)
def test_a_deployment_sets_copies_and_when_the_server_is_unhealthy(deployment, copies, stuck_s):
    service = open_service(lambda _: SamPredictor(FakeSegmenter()), deployment, key=None)
    assert len(set(map(id, service.predictors))) == copies
    assert service.stuck_s == stuck_s
    assert service.is_healthy


@pytest.mark.parametrize(
    ("threads", "copies", "share"), [(8, None, 8), (8, 2, 4), (8, 3, 2), (1, 2, 1), (2, 5, 1), (None, 2, 3)]
)
def test_copies_share_the_threads(monkeypatch, threads, copies, share):
    monkeypatch.setenv("SAMWIDGET_THREADS", "6")
    shares = []

    def load(count):
        shares.append(count)
        return SamPredictor(FakeSegmenter())

    open_service(load, Deployment(instance_count=copies), threads=threads, key=None)
    assert shares == [share] * (copies or 1)


class BrokenFetcher(ImageFetcher):
    async def fetch(self, url, bytes_max):
        raise ZeroDivisionError


def test_a_bug_is_json_too(caplog):
    service = make_service(image_fetcher=BrokenFetcher())
    response = post(service, build_request("http://photos.test/a", points=[[5, 9]]))
    assert response.status_code == 500
    assert response.json()["error"] == {"code": "error", "message": "the server failed; its log says why", "hint": ""}
    assert b'samwidget_requests_total{method="POST",route="/score",status="500"} 1.0' in service.metrics.text()


@pytest.mark.parametrize("headers", [[], [(b"authorization", b"Bearer another key of enough letters")]])
def test_the_key_is_checked_before_the_body_is_read(headers):
    responses = []

    async def receive():
        # Only the middleware may ask for the body, to drop it after the refusal.
        assert service.admission.admitted == 0
        return {"type": "http.disconnect"}

    async def send(message):
        responses.append(message)

    service = make_service(access=BearerKey("a key of enough letters"))
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/score",
        "query_string": b"",
        "headers": [(b"content-length", b"1000000000"), *headers],
    }
    asyncio.run(make_app(service)(scope, receive, send))
    assert responses[0]["status"] == 401


def test_the_key_is_in_the_openapi_document():
    document = make_app(make_service(access=BearerKey("a key of enough letters"))).openapi()
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert document["paths"]["/score"]["post"]["security"] == [{"key": []}]
    assert "security" not in document["paths"]["/health"]["get"]
    assert "securitySchemes" not in make_app(make_service()).openapi()["components"]

"""The server as a process: right responses, and those to clients without a key, to many at once and to slow ones."""

import base64
import json
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from samwidget.formats.azure_ml.messages import COLUMNS, build_request, parse_response
from samwidget.formats.azure_ml.schema import load_schema
from samwidget.predict.predictor import SamPredictor
from samwidget.serving.scoring import score
from tests.drawn_photo import drawn_photo
from tests.predict.fake_segmenter import FakeSegmenter
from tests.serving.image_files import png_of_claimed_size, rotated_jpeg
from tests.serving.processes import running, until

KEY = "a key of enough letters"
PHOTO = drawn_photo(30, 40)
REQUEST = build_request([PHOTO, PHOTO], points=[[[[5, 9]]], [[[30, 20], [1, 1]]]], multimask_output=[True, False])


@contextmanager
def gated(tmp_path_factory, **settings):
    gate = tmp_path_factory.mktemp("gate") / "shut"
    arguments = json.dumps({"gate": str(gate), "key": KEY, **settings})
    with running(["tests.serving.http.gated_server", arguments]) as server:
        url = server.wait_for(r"listening at (\S+)")[1]
        headers = {"Authorization": f"Bearer {KEY}"}
        with httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False) as client:
            yield SimpleNamespace(url=url, client=client, gate=gate, process=server.process, lines=server.lines)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with gated(
        tmp_path_factory, upload_s=1, rows=4, points=50, pixels=100_000, body_bytes=200_000, json_bytes=150_000
    ) as server:
        yield server


@pytest.fixture(autouse=True)
def open_gates(request):
    """No test leaves the gate shut or requests in the server."""
    yield
    if "server" in request.fixturenames:
        server = request.getfixturevalue("server")
        server.gate.unlink(missing_ok=True)
        until(lambda: inside(server) == 0)


def inside(server):
    return server.client.get("/health").json()["inside"]


def is_running(server):
    return server.client.get("/health").json()["running"] == 1


def connection(server, head, body=b""):
    """A socket that has sent a request or a part of one."""
    host, port = server.url.removeprefix("http://").split(":")
    sock = socket.create_connection((host, int(port)), timeout=30)
    lines = [head, f"Host: {host}:{port}", f"Authorization: Bearer {KEY}"]
    sock.sendall("\r\n".join(lines).encode() + b"\r\n" + body)
    return sock


def whole_request(server):
    body = json.dumps(REQUEST).encode()
    return connection(server, "POST /score HTTP/1.1", f"Content-Length: {len(body)}\r\n\r\n".encode() + body)


def status_on(sock):
    return int(sock.recv(100).split()[1])


# Right answers.


@pytest.mark.parametrize(("query", "style"), [("", "service"), ("?style=card", "card"), ("?style=service", "service")])
def test_the_response_is_that_of_the_library(server, query, style):
    answer = server.client.post("/score" + query, json=REQUEST)
    assert answer.status_code == 200
    assert answer.json() == score(REQUEST, SamPredictor(FakeSegmenter()), style)


def test_a_rotated_jpeg_lies_as_in_its_file_for_the_service_and_upright_for_the_card(server):
    request = build_request(rotated_jpeg(), points=[[38, 9]], multimask_output=False)
    answer = server.client.post("/score", json=request)
    assert answer.status_code == 200
    (((masks, _),),) = parse_response(answer.json())
    assert masks.shape == (1, 30, 40)
    answer = server.client.post("/score?style=card", json=request)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert "lies outside the image of 30 x 40" in error["message"]
    assert "EXIF orientation" in error["hint"]


def test_health_needs_no_key(server):
    with httpx.Client(base_url=server.url, trust_env=False) as stranger:
        assert stranger.get("/").text == "Healthy"
        assert stranger.get("/health").json() == {"status": "healthy", "inside": 0, "running": 0}
        page = stranger.get("/docs").text
        assert "/score" in page
        assert "<script" not in page
        assert "https://" not in page
        described = stranger.get("/openapi.json").json()
    sent = described["paths"]["/score"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert sent.items() >= load_schema("azure_ml_request").items()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/score"),
        ("GET", "/models"),
        ("GET", "/metrics"),
        ("GET", f"/images/{'0' * 64}"),
        ("PUT", f"/images/{'0' * 64}"),
        ("POST", f"/images/{'0' * 64}/masks"),
    ],
)
def test_everything_else_does(server, method, path):
    answer = httpx.request(method, server.url + path, content=b"x" * 1000, trust_env=False)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["error"]["code"] == "key"


def test_models_and_metrics(server):
    (card,) = server.client.get("/models").json()
    assert card["name"] == "fake"
    assert card["signature"] == "fake 1"

    def counted():
        families = text_string_to_metric_families(server.client.get("/metrics").text)
        samples = [sample for family in families for sample in family.samples]
        return {(each.name, *each.labels.values()): each.value for each in samples}

    before = counted()
    server.client.post("/score", json=REQUEST)
    server.client.post("/score", content=b"{}")
    server.client.get("/made/up")
    after = counted()
    for key in (("samwidget_requests_total", "POST", "/score", status) for status in ("200", "400")):
        assert after[key] == before.get(key, 0) + 1
    assert ("samwidget_requests_total", "GET", "other", "404") in after
    assert after[("samwidget_encodes",)] >= 1


# What is refused.


def table(image="", points="[[1,2]]", count=1):
    return {"input_data": {"columns": list(COLUMNS), "data": [[image, points, "", "", True]] * count}}


def text_of(data):
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("body", "status", "code", "message"),
    [
        (b"", 400, "format", "not JSON"),
        (b"\xff\xfe", 400, "format", "not JSON"),
        (b"[" * 100_000, 400, "format", "not JSON"),
        (b"{}", 400, "format", "has no table"),
        (b'{"columns": ["image"], "data": [[1' + b"0" * 5000 + b"]]}", 400, "format", "not JSON"),
        (json.dumps(table("image1", "[[NaN,2]]")).encode(), 400, "format", "row 0"),
        (json.dumps(table("!!")).encode(), 400, "format", "row 0, image is not base64"),
        (json.dumps(table(text_of(b"text"))).encode(), 400, "image", "row 0: the data is not an image"),
        (json.dumps(table("http://127.0.0.1/a.png")).encode(), 400, "image", "row 0: http://127.0.0.1/a.png is not on"),
        (json.dumps(table(count=4)).encode(), 400, "format", "row 0, image is not text"),
    ],
)
def test_bad_requests_are_answered_400(server, body, status, code, message):
    answer = server.client.post("/score", content=body)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert message in answer.json()["error"]["message"]


@pytest.mark.parametrize("encoding", ["gzip", "br", "GZIP", "identity, gzip"])
def test_a_compressed_body_is_refused_by_its_header(server, encoding):
    answer = server.client.post("/score", content=b"\x1f\x8b", headers={"Content-Encoding": encoding})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == f"the body has the encoding {encoding}"
    assert answer.json()["error"]["hint"] == "send it without Content-Encoding"


@pytest.mark.parametrize("path", ["/", "/health"])
def test_probes_may_send_head(server, path):
    answer = server.client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == server.client.get(path).headers["content-length"]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/score", 405), ("POST", "/predict", 404)])
def test_another_route_or_method_names_the_right_one(server, method, path, status):
    answer = server.client.request(method, path)
    assert (answer.status_code, answer.json()["error"]["hint"]) == (
        status,
        "POST a request to /score; /docs has all routes",
    )


@pytest.mark.parametrize(
    ("points", "message"), [([[99, 2]], "row 0: point (99, 2) lies"), (None, "row 0: there is no prompt")]
)
def test_prompts_are_checked_in_the_style_of_the_card(server, points, message):
    answer = server.client.post("/score?style=card", json=build_request(PHOTO, points=points))
    assert answer.status_code == 400
    assert message in answer.json()["error"]["message"]
    assert server.client.post("/score", json=build_request(PHOTO, points=points)).status_code == 200


@pytest.mark.parametrize(
    ("body", "limit", "maximum"),
    [
        (json.dumps(table(text_of(b"x"), count=5)).encode(), "rows", 4),
        (json.dumps(build_request(PHOTO, points=[[[1, 2]] * 51])).encode(), "points", 50),
        (json.dumps(table(text_of(png_of_claimed_size(50_000, 50_000)))).encode(), "pixels", 100_000),
        (b"x" * 200_001, "body_bytes", 200_000),
        (b"x" * 5_000_000, "body_bytes", 200_000),
    ],
)
def test_limits_are_answered_413_and_named(server, body, limit, maximum):
    in_pieces = (body[start : start + 50_000] for start in range(0, len(body), 50_000))  # without a length
    for content in (body, in_pieces):
        answer = server.client.post("/score", content=content)
        assert answer.status_code == 413
        error = answer.json()["error"]
        assert error["code"] == "limit"
        assert error["limit"] == {limit: maximum}
        assert str(maximum) in error["message"]


def test_a_length_above_the_limit_is_refused_without_a_go_ahead(server):
    head = b"Content-Length: 200001\r\nExpect: 100-continue\r\n\r\n"
    with connection(server, "POST /score HTTP/1.1", head) as sock:
        assert status_on(sock) == 413
    with connection(server, "POST /score HTTP/1.1", head.replace(b"200001", b"2000")) as sock:
        assert status_on(sock) == 100


@pytest.mark.parametrize("host", ["[", "[::1", "a b", "a\\b", "http://a", "a:b", "a@b", "\xff", "a" * 300])
@pytest.mark.parametrize("path", ["/models/", "/none", "/openapi.json"])
def test_a_host_that_is_none_is_answered_400(server, host, path):
    name, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((name, int(port)), timeout=30) as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode("latin-1"))
        assert status_on(sock) == 400


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (table("http://\ud800.test/a.png"), 400),
        (table("http://[/a.png"), 400),
        (table("\ud800"), 400),
        (table(points="[[1,2]]\ud800"), 400),
        ({"columns": ["\ud800", "a" * 100_000], "data": []}, 400),
        ({"columns": ["image"], "data": [], "index": ["a" * 100_000]}, 400),
        ({"columns": ["a" * 200_000], "data": []}, 413),
    ],
)
def test_errors_quote_little_of_a_request(server, value, status):
    answer = server.client.post("/score", content=json.dumps(value))
    assert answer.status_code == status
    assert len(answer.content) < 2000
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/none", 404), ("GET", "/score", 405), ("POST", "/score?style=both", 400), ("GET", "/images/xyz", 400)],
)
def test_other_mistakes_are_json_too(server, method, path, status):
    answer = server.client.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_a_body_that_comes_too_slowly_is_answered_408(server):
    with connection(server, "POST /score HTTP/1.1", b"Content-Length: 1000\r\n\r\nthe beginning") as sock:
        assert status_on(sock) == 408


# Many requests at once.


def test_the_loop_answers_while_the_network_is_running(server):
    server.gate.touch()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(server.client.post, "/score", json=REQUEST)
        until(lambda: is_running(server))
        assert server.client.get("/").text == "Healthy"
        server.gate.unlink()
        assert waiting.result().status_code == 200


def test_too_many_requests_are_answered_503_and_a_disconnect_makes_room(server):
    server.gate.touch()
    sockets = [whole_request(server)]
    until(lambda: is_running(server))
    sockets += [whole_request(server) for _ in range(2)]
    until(lambda: inside(server) == 3)
    refused = server.client.post("/score", json=REQUEST)
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["error"]["code"] == "busy"

    sockets.pop().close()  # one that waits
    until(lambda: inside(server) == 2)
    sockets.append(whole_request(server))
    until(lambda: inside(server) == 3)
    sockets.pop(0).close()  # the one that runs: it is no longer counted, its network is not free yet
    until(lambda: inside(server) == 2)
    server.gate.unlink()
    for sock in sockets:
        assert status_on(sock) == 200
        sock.close()


def test_slow_uploads_take_no_place_in_the_queue(tmp_path_factory):
    with gated(tmp_path_factory) as server, ExitStack() as stack:  # 3 requests are admitted
        for _ in range(8):
            head = b"Content-Length: 1000\r\n\r\nthe beginning"
            stack.enter_context(connection(server, "POST /score HTTP/1.1", head))
        until(lambda: inside(server) == 8)
        assert server.client.post("/score", json=REQUEST).status_code == 200


def test_a_disconnect_while_sending_makes_room(server):
    with connection(server, "POST /score HTTP/1.1", b"Content-Length: 1000\r\n\r\nthe beginning"):
        until(lambda: inside(server) == 1)
    until(lambda: inside(server) == 0)


# Time.


@pytest.fixture(scope="module")
def impatient(tmp_path_factory):
    with gated(tmp_path_factory, timeout_s=0.5, wait_s=0.1, stuck_s=0.2) as server:
        yield server


def test_answers_that_take_too_long_and_a_network_that_is_stuck(impatient):
    impatient.gate.touch()
    with ThreadPoolExecutor() as pool:
        first = pool.submit(impatient.client.post, "/score", json=REQUEST)
        until(lambda: is_running(impatient))
        # A request that comes now waits too long.
        assert impatient.client.post("/score", json=REQUEST).status_code == 503
        late = first.result()
        assert late.status_code == 408
        assert late.json()["error"]["limit"] == {"timeout_s": 0.5}
        until(lambda: impatient.client.get("/").status_code == 503)
    impatient.gate.unlink()
    until(lambda: impatient.client.get("/").status_code == 200)
    until(lambda: impatient.client.post("/score", json=REQUEST).status_code == 200)  # half a second may be too short


def test_sigterm_finishes_what_runs_and_refuses_what_waits(tmp_path_factory):
    with gated(tmp_path_factory) as server:
        server.gate.touch()
        runs = whole_request(server)
        until(lambda: is_running(server))
        waits = whole_request(server)
        until(lambda: inside(server) == 2)
        server.process.send_signal(signal.SIGTERM)
        assert status_on(waits) == 503

        def refuses():
            try:
                httpx.get(server.url, trust_env=False)
            except httpx.TransportError:
                return True
            return False

        until(refuses)
        assert server.process.poll() is None
        server.gate.unlink()
        assert status_on(runs) == 200
        waits.close()
        runs.close()
        server.process.wait(60)
        assert not any("Traceback" in line for line in server.lines)

"""What ``fuzz`` feeds: for each reader of foreign input, how input for it is made and how it reads.

``read`` raises an error of ours for input that it refuses. It checks besides what must hold for input that it takes:
then an AssertionError is an escape.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
from jupyter_client.session import json_packer

from samwidget.batch.chunks import ChunkResult
from samwidget.batch.inputs.tasks import list_tasks, read_prompts
from samwidget.batch.job import Job
from samwidget.batch.manifest import Manifest
from samwidget.core import Frame, Prompt, make_prompt
from samwidget.errors import SamWidgetError
from samwidget.formats.azure_ml import Deployment, parse_request, parse_response, read_deployment, read_predictions
from samwidget.formats.azure_ml.messages import build_request
from samwidget.images import load_rgb
from samwidget.models import Embedding
from samwidget.models.remote.transport import Response, TooLongError, Transport
from samwidget.models.remote.wire import read_request, read_response, write_request, write_response
from samwidget.predict import EmbeddingCache, SamPredictor
from samwidget.serving.http.app import make_app
from samwidget.serving.limits import Limits
from samwidget.serving.reading import read_rows
from samwidget.serving.scoring import score
from samwidget.widget.protocol.requests import Request
from samwidget.widget.wire.inbox import Inbox
from samwidget.widget.wire.outbox import Outbox
from tests.batch.rows import fake_runner
from tests.drawn_photo import drawn_photo
from tests.predict.fake_segmenter import FakeSegmenter
from tests.reliability.garbage import any_value, as_json, changed, changed_bytes, changed_text
from tests.serving.http.test_app import make_service
from tests.serving.http.test_fuzz import check_bytes, connection_config
from tests.serving.image_files import encoded
from tests.widget.fakes import WiredWidget

ROOT = Path(__file__).parents[2]
PHOTO = drawn_photo(6, 8)
PNG = encoded("PNG", (6, 8))


@dataclass(frozen=True)
class Target:
    """A reader of foreign input.

    Attributes:
        share: of all inputs.
        make: returns an input.
        read: reads it.
    """

    share: float
    make: Callable[[Random], Any]
    read: Callable[[Any], object]


def _requests() -> list[dict[str, Any]]:
    """Valid documented requests."""
    texts = [
        build_request(PNG, points=[[[3, 2]]]),
        build_request(PNG, points=[[[3, 2], [1, 1]], [[5, 4], [2, 2]]], labels=[[1, 0], [1, -10]]),
        build_request(PNG, boxes=[[1, 1, 5, 4]], multimask_output=False),
        build_request([PNG, PNG], points=[[[3, 2]], None], boxes=[None, [[0, 0, 8, 6]]]),
    ]
    nested = [dict(zip(text["input_data"]["columns"], text["input_data"]["data"][0], strict=True)) for text in texts]
    return [
        *texts,
        *(text["input_data"] for text in texts),
        {"columns": list(nested[0]), "data": [list(nested[1].values())]},
    ]


REQUESTS = _requests()


def _request(rng: Random) -> Any:
    value = changed(rng, rng.choice(REQUESTS))
    kind = rng.random()
    if kind < 0.5:
        return value
    text = as_json(value)
    return (
        text.encode() if kind < 0.6 else changed_bytes(rng, text.encode()) if kind < 0.75 else changed_text(rng, text)
    )


def _request_and_style(rng: Random) -> tuple[Any, str]:
    return _request(rng), rng.choice(("card", "service"))


class _Page:
    """Receives what a widget sends, packed as Jupyter packs it."""

    def __init__(self) -> None:
        self.kinds: list[object] = []

    def send(self, content: dict[str, object], buffers: list[bytes]) -> None:
        assert len(json_packer(content)) < 4000
        self.kinds.append(content["kind"])

    def set_trait(self, name: str, value: object) -> None:
        raise AssertionError

    def send_state(self, key: str) -> None:
        raise AssertionError


@contextmanager
def _messages() -> Iterator[Target]:
    shared = json.loads((ROOT / "tests/shared/messages.json").read_text())["browser_to_kernel"]
    examples = [message for kind in shared["kinds"].values() for message in kind["valid"]]
    page, taken = _Page(), list[Request]()
    inbox = Inbox(Outbox(page), taken.append, taken.append)

    def make(rng: Random) -> tuple[Any, list[bytes]]:
        value = changed(rng, rng.choice(examples)) if rng.random() < 0.95 else any_value(rng)
        if isinstance(value, dict) and value.get("id") == "r1":
            value["id"] = f"r{rng.randrange(10**9)}"
        return value, [b"x"] * rng.choice((0, 0, 0, 0, 0, 0, 1, 2))

    def read(message: tuple[Any, list[bytes]]) -> None:
        page.kinds.clear()
        taken.clear()
        inbox.receive(*message)
        assert page.kinds in (["ack"], ["error"]), page.kinds
        assert len(taken) <= (page.kinds == ["ack"])

    yield Target(0.34, make, read)


@contextmanager
def _settings() -> Iterator[Target]:
    """Traits as a page writes them: the right ones are set, and all others stay."""
    names = ("document", "status", "_snapshot", "opacity", "threshold", "tool", "hover", "theme", "nothing")
    widget = WiredWidget()
    document, status = widget.document, widget.status["network"]

    def make(rng: Random) -> dict[str, Any]:
        return {rng.choice(names): any_value(rng) for _ in range(rng.randrange(1, 4))}

    def read(settings: dict[str, Any]) -> None:
        widget.wire.sent.clear()
        widget.set_state(settings)
        assert widget.document == document
        assert widget.status["network"] == status
        assert 0 <= widget.opacity <= 1
        assert -4 <= widget.threshold <= 4
        for message, _ in widget.wire.sent:
            json_packer(message)

    try:
        yield Target(0.01, make, read)
    finally:
        widget.close()


@contextmanager
def _parse_request() -> Iterator[Target]:
    def read(pair: tuple[Any, Any]) -> None:
        for row in parse_request(*pair):
            assert all(isinstance(prompt, Prompt) for prompt in row.prompts)

    yield Target(0.2, _request_and_style, read)


@contextmanager
def _read_rows() -> Iterator[Target]:
    limits = Limits(rows=4, prompts=8, points=20)

    def read(pair: tuple[Any, Any]) -> None:
        rows = read_rows(pair[0], limits, pair[1])
        assert len(rows) <= 4
        assert sum(len(row.prompts) for row in rows) <= 8

    yield Target(0.08, _request_and_style, read)


@contextmanager
def _score() -> Iterator[Target]:
    predictor = SamPredictor(FakeSegmenter())

    def read(pair: tuple[Any, Any]) -> None:
        response = score(pair[0], predictor, pair[1], allow_urls=False)
        assert len(parse_response(json.dumps(response))) == len(response)

    yield Target(0.04, _request_and_style, read)


@contextmanager
def _responses() -> Iterator[Target]:
    predictor = SamPredictor(FakeSegmenter())
    examples = [score(request, predictor, style) for request in REQUESTS[:4] for style in ("card", "service")]

    def make(rng: Random) -> Any:
        value = changed(rng, rng.choice(examples))
        kind = rng.random()
        if kind < 0.5:
            return value
        return changed_text(rng, as_json(value)) if kind < 0.8 else changed_text(rng, str(rng.choice(examples)))

    def read(value: Any) -> None:
        for row in parse_response(value):
            for masks, scores in row:
                assert masks.dtype == bool
                assert masks.shape[:1] == scores.shape

    yield Target(0.06, make, read)


@contextmanager
def _predictions() -> Iterator[Target]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = folder / "rows.csv"
        cells = [
            json.dumps(row[0]) for row in (score(request, SamPredictor(FakeSegmenter())) for request in REQUESTS[:3])
        ]
        errors = [
            json.dumps({"error": {"code": "image", "message": "broken", "hint": "save it again"}}),
            "{'predictions': []}",
        ]
        lines = [
            f'{number},"{cell.replace(chr(34), 2 * chr(34))}",rows.csv' for number, cell in enumerate(cells + errors)
        ]
        example = "\n".join(lines).encode()

        def read(data: bytes) -> None:
            rows.write_bytes(data)
            for row in read_predictions(rows):
                _allow_own_errors(lambda row=row: row.predictions)

        yield Target(0.04, lambda rng: changed_bytes(rng, example), read)


def _allow_own_errors(function: Callable[[], object]) -> None:
    try:
        function()
    except SamWidgetError as error:
        if not error.message:
            raise AssertionError("an error without a message") from error


@contextmanager
def _endpoint() -> Iterator[Target]:
    """The client: what a server sends, each response changed or replaced, or an exception in its place."""
    frame = Frame.padded((6, 8), 64, 16)
    defaults = {
        "points_per_side": 16,
        "pred_iou_thresh": 0.5,
        "stability_score_thresh": 0.5,
        "stability_score_offset": 0.5,
    }
    card = [{"name": "fake", "signature": "fake 1", "device": "cpu", "everything_defaults": defaults}]
    masks = write_response(np.ones((1, 3, *frame.logits_hw), np.float32), np.ones((1, 3), np.float32))
    scores = score(REQUESTS[0], SamPredictor(FakeSegmenter()), "service")
    image = {"frame": frame.to_json(), "signature": "fake 1"}
    failures = (httpx.ReadError("x"), httpx.InvalidURL("x"), TooLongError(), TimeoutError(), ValueError("x"), OSError())
    plain = Transport.exchange

    def response_to(rng: Random, url: str, method: str) -> Response:
        if rng.random() < 0.03:
            raise rng.choice(failures)
        kind = url.rpartition("/")[2]
        if kind == "masks":
            body = changed_bytes(rng, masks)
        else:
            value = {"models": card, "score": scores}.get(kind, image)
            text = as_json(changed(rng, value) if rng.random() < 0.5 else value)
            body = text.encode() if rng.random() < 0.8 else changed_bytes(rng, text.encode())
        status = (
            200 if rng.random() < 0.8 else rng.choice((0, 100, 204, 301, 400, 401, 403, 404, 408, 413, 500, 502, 999))
        )
        headers = {"retry-after": rng.choice(("1", "nan", "-1", "x"))}
        return Response(status, "reason", headers, body)

    def read(seed: str) -> None:
        rng = Random(seed)
        Transport.exchange = lambda self, method, url, **_: response_to(rng, url, method)  # type: ignore[method-assign]
        try:
            predictor = SamPredictor.from_endpoint("http://127.0.0.1:9", timeout_s=0.001)
            embedding = predictor.embed(PHOTO)
            for candidates in predictor.predict_many([make_prompt([[3, 2]])], embedding):
                assert np.isfinite(candidates.logits).all()
        finally:
            Transport.exchange = plain  # type: ignore[method-assign]

    yield Target(0.05, lambda rng: f"{rng.random()}", read)


@contextmanager
def _wire() -> Iterator[Target]:
    prompts = [make_prompt([[3, 2], [1, 1]], [1, 0]), make_prompt(box=[1, 1, 5, 4])]
    example = json.loads(json.dumps(write_request(prompts, True, "fake 1")))
    example["prompts"][0]["mask"] = {"hw": [2, 2], "float32": base64.b64encode(bytes(16)).decode()}
    masks = write_response(np.ones((2, 3, 4, 4), np.float32), np.ones((2, 3), np.float32))

    def make(rng: Random) -> Any:
        return changed_bytes(rng, masks) if rng.random() < 0.5 else changed(rng, example)

    def read(value: Any) -> None:
        if isinstance(value, bytes):
            logits, scores = read_response(value)
            assert logits.dtype == scores.dtype == np.float32
        else:
            found, multimask_output, signature = read_request(value)
            assert isinstance(multimask_output, bool)
            assert isinstance(signature, str)
            assert all(isinstance(prompt, Prompt) for prompt in found)

    yield Target(0.05, make, read)


@contextmanager
def _bodies() -> Iterator[Target]:
    """Whole requests to the application: every route, with changed bodies."""
    service = make_service()
    loop = asyncio.new_event_loop()
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(make_app(service), raise_app_exceptions=False), base_url="http://localhost"
    )
    known = hashlib.sha256(PNG).hexdigest()
    prompts = json.loads(json.dumps(write_request([make_prompt([[3, 2]])], True, "")))
    loop.run_until_complete(client.put(f"/images/{known}", content=PNG)).raise_for_status()

    def make(rng: Random) -> tuple[str, str, bytes]:
        kind = rng.random()
        if kind < 0.6:
            request = _request(rng)
            body = request if isinstance(request, bytes) else as_json(request).encode()
            return "POST", rng.choice(("/score", "/score?style=card", "/score?style=x")), body
        if kind < 0.9:
            return "POST", f"/images/{known}/masks", as_json(changed(rng, prompts)).encode()
        if kind < 0.95:
            return "PUT", f"/images/{rng.choice((known, 'x', known[1:]))}", changed_bytes(rng, PNG)
        path = changed_text(rng, rng.choice(("/models", "/metrics", "/health", "/", "/docs", f"/images/{known}")))
        return rng.choice(("GET", "HEAD", "POST", "OPTIONS")), quote(path.encode("utf-8", "surrogatepass")), b""

    def read(request: tuple[str, str, bytes]) -> None:
        method, path, body = request
        response = loop.run_until_complete(client.request(method, path, content=body))
        assert response.status_code < 500, response.status_code
        if response.status_code >= 400 and method != "HEAD":
            assert response.json()["error"]["message"]
            assert len(response.content) < 3000

    try:
        yield Target(0.03, make, read)
    finally:
        loop.run_until_complete(client.aclose())
        loop.close()
        service.decoders.close()


@contextmanager
def _heads() -> Iterator[Target]:
    """Bytes on a connection."""
    service = make_service()
    config = connection_config(service)
    loop = asyncio.new_event_loop()
    body = json.dumps(REQUESTS[0]).encode()
    examples = [
        b"GET /health HTTP/1.1\r\nHost: here\r\n\r\n",
        b"POST /score HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n" % len(body) + body,
        b"POST /score HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: x\r\n\r\n",
        b"PUT /images/x HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n",
    ]

    def make(rng: Random) -> list[bytes]:
        data = b"".join(changed_bytes(rng, rng.choice(examples)) for _ in range(rng.choice((1, 1, 2))))
        cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(3)))
        pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        return [piece for piece in pieces if piece]  # asyncio never passes an empty one

    def read(pieces: list[bytes]) -> None:
        loop.run_until_complete(check_bytes(config, pieces))

    try:
        yield Target(0.03, make, read)
    finally:
        loop.close()
        service.decoders.close()


@contextmanager
def _manifests() -> Iterator[Target]:
    with tempfile.TemporaryDirectory() as name:
        job = Job(source=name, result=f"{name}/out.csv", mini_batch_size=2)
        identity: Mapping[str, object] = {"samwidget": "0.2.0", "input": "abc", "rows": 4, **job.identity()}
        part = job.parts / "000000000000.part"
        result = ChunkResult(0, 2, 1, part.name, 9, "fake 1", ("broken",), "")
        entries = [{"run": dict(identity)}, result.to_json(), {"done": 2, "errors": 1}]

        def make(rng: Random) -> bytes:
            lines = [as_json(changed(rng, entry) if rng.random() < 0.4 else entry).encode() for entry in entries]
            data = b"\n".join(lines[: rng.randrange(1, 4)]) + b"\n"
            return data if rng.random() < 0.5 else changed_bytes(rng, data)

        def read(data: bytes) -> None:
            job.parts.mkdir(exist_ok=True)
            part.write_bytes(b"123456789")
            job.manifest.write_bytes(data)
            with Manifest(job, identity) as manifest:
                assert manifest.rows >= 0
                assert all(path.is_relative_to(job.parts) for path in manifest.part_files())

        yield Target(0.01, make, read)


@contextmanager
def _cache_files() -> Iterator[Target]:
    with tempfile.TemporaryDirectory() as name:
        cache, key = EmbeddingCache(1 << 20, Path(name)), "a" * 40
        embedding = FakeSegmenter().encode(PHOTO)
        cache.write_file(key, embedding)
        (path,) = Path(name).iterdir()
        example = path.read_bytes()

        def read(data: bytes) -> None:
            path.write_bytes(data)
            found: Embedding | None = cache.read_file(key, "fake 1")
            if found is not None:
                assert found.frame == embedding.frame
                assert all(found.tensors[name].equal(tensor) for name, tensor in embedding.tensors.items())

        yield Target(0.02, lambda rng: changed_bytes(rng, example), read)


@contextmanager
def _deployments() -> Iterator[Target]:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "deploy.yaml"
        examples = [file.read_bytes() for file in sorted((ROOT / "docs/deploy").glob("deploy-*.yaml"))]

        def read(data: bytes) -> None:
            path.write_bytes(data)
            assert isinstance(read_deployment(path), Deployment)

        yield Target(0.01, lambda rng: changed_bytes(rng, rng.choice(examples)), read)


@contextmanager
def _tables() -> Iterator[Target]:
    """The input of a batch run."""
    with tempfile.TemporaryDirectory() as name:
        path, job = Path(name) / "rows.csv", Job(source=f"{name}/rows.csv", result=f"{name}/out.csv")
        image = base64.encodebytes(PNG).decode()
        example = f'image,input_points,input_labels\n"{image}","[[[3,2]]]",[[1]]\n"{image}","[[1,1]]",\n'.encode()

        def read(data: bytes) -> None:
            path.write_bytes(data)
            tasks, _ = list_tasks(job)
            for task in tasks:
                _allow_own_errors(lambda task=task: read_prompts(task, None, "service"))

        yield Target(0.015, lambda rng: changed_bytes(rng, example), read)


@contextmanager
def _batch_rows() -> Iterator[Target]:
    """Rows of a batch run: whatever is in a row, it becomes masks or an error in its own position."""
    with tempfile.TemporaryDirectory() as name:
        path, job = Path(name) / "rows.csv", Job(source=f"{name}/rows.csv", result=f"{name}/out.csv", retries=0)
        job.parts.mkdir()
        runner = fake_runner(job)
        image = base64.b64encode(PNG).decode()
        example = f'image,input_points\n{image},"[[[3,2]]]"\n{image},"[[1,1]]"\n'.encode()

        def read(data: bytes) -> None:
            path.write_bytes(data)
            tasks, _ = list_tasks(job)
            result = runner(tasks)
            assert result.rows == len(tasks)

        yield Target(0.005, lambda rng: changed_bytes(rng, example), read)


@contextmanager
def _images() -> Iterator[Target]:
    examples = [encoded(format_, (6, 8)) for format_ in ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP")]

    def read(data: bytes) -> None:
        pixels = load_rgb(data)
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3

    yield Target(0.01, lambda rng: changed_bytes(rng, rng.choice(examples)), read)


TARGETS: Mapping[str, Callable[[], AbstractContextManager[Target]]] = {
    "messages": _messages,
    "settings": _settings,
    "parse_request": _parse_request,
    "read_rows": _read_rows,
    "score": _score,
    "responses": _responses,
    "predictions": _predictions,
    "endpoint answers": _endpoint,
    "remote requests": _wire,
    "HTTP bodies": _bodies,
    "HTTP heads": _heads,
    "manifests": _manifests,
    "cache files": _cache_files,
    "deployments": _deployments,
    "batch tables": _tables,
    "batch rows": _batch_rows,
    "images": _images,
}

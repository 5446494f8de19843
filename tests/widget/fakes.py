"""A network that tests can read by eye: the mask of a prompt is a disc around each include point, less the excludes.

Its gates let a test hold the encoder or a decode for as long as it likes. No torch.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import traitlets

from samwidget.core.frame import Frame
from samwidget.core.masks import Masks
from samwidget.core.prompt import Prompt
from samwidget.predict.everything.generate import generate_masks
from samwidget.widget.widget import SamWidget

TIMEOUT_S = 60.0
LOGITS_SIDE = 64
INPUT_SIDE = 256


@dataclass(eq=False)
class FakeEmbedding:
    """What the fake encoder makes of an image: its frame alone."""

    frame: Frame
    weight: np.ndarray = field(default_factory=lambda: np.zeros(100_000, np.uint8))


class Gate:
    """Blocks one thread until another opens it."""

    def __init__(self, is_open: bool = True) -> None:
        self._open = threading.Event()
        self.reached = threading.Event()
        if is_open:
            self._open.set()

    def open(self) -> None:
        self._open.set()

    def shut(self) -> None:
        self.reached.clear()
        self._open.clear()

    def wait(self) -> None:
        self.reached.set()
        assert self._open.wait(TIMEOUT_S), "nobody opened the gate"


class FakePredictor:
    """The part of SamPredictor that the widget uses."""

    def __init__(self) -> None:
        self.name = "fake"
        self.signature = "fake 1"
        self.device = "cpu"
        self.precision = "float32"
        self.note = ""
        self.is_remote = False
        self.reads_words = False
        self.encodes = 0
        self.is_closed = False
        self.thread_count = 2
        self.encode_gate = Gate()
        self.decode_gate = Gate()
        self.fail_encode: list[Exception] = []
        self.fail_decode: list[Exception] = []
        self.asked: list[Prompt] = []
        self.threads_asked: list[int | None] = []

    def embed(self, image: np.ndarray, *, threads: int | None = None) -> FakeEmbedding:
        return self.embed_with_source(image, threads=threads).embedding

    def embed_with_source(self, image: np.ndarray, *, threads: int | None = None) -> SimpleNamespace:
        self.threads_asked.append(threads)
        self.encode_gate.wait()
        if self.fail_encode:
            raise self.fail_encode.pop(0)
        self.encodes += 1
        embedding = FakeEmbedding(Frame.padded(image.shape[:2], INPUT_SIDE, LOGITS_SIDE))
        return SimpleNamespace(embedding=embedding, from_cache=False)

    def predict_many(
        self,
        prompts: list[Prompt],
        embedding: FakeEmbedding | None = None,
        multimask_output: bool = True,
        *,
        threads: int | None = None,
    ) -> list[Masks]:
        assert embedding is not None
        assert multimask_output
        self.threads_asked.append(threads)
        self.asked.extend(prompts)
        self.decode_gate.wait()
        if self.fail_decode:
            raise self.fail_decode.pop(0)
        return [replace(fake_masks(prompt, embedding.frame), model=self.signature) for prompt in prompts]

    # Of each point's three discs the middle one, 32 image pixels wide in a photo of 128 x 96.
    everything_defaults = SimpleNamespace(
        points_per_side=4, pred_iou_thresh=0.8, stability_score_thresh=0.0, stability_score_offset=1.0
    )
    generate_masks = generate_masks

    def search_words(self, embedding: FakeEmbedding, phrases: Any, **options: Any) -> Iterator[Any]:
        return iter(())

    def search_similar(
        self, embedding: FakeEmbedding, examples: Any, excluded: Any = (), **options: Any
    ) -> Iterator[Any]:
        return iter(())

    def close(self) -> None:
        self.is_closed = True


def fake_masks(prompt: Prompt, frame: Frame) -> Masks:
    """Three discs per include point, of 4, 8 and 12 logits radius; the middle one scores best."""
    rows, columns = np.mgrid[: frame.logits_hw[0], : frame.logits_hw[1]] + 0.5
    logits = np.full((3, *frame.logits_hw), -10, np.float32)
    places = frame.image_to_logits(prompt.points_xy)
    for level, radius in enumerate((4, 8, 12)):
        if prompt.mask is not None:
            logits[level] = prompt.mask
        if prompt.box_xyxy is not None:
            (x0, y0), (x1, y1) = frame.image_to_logits(prompt.box_xyxy.reshape(2, 2))
            inside = np.minimum.reduce([columns - x0, x1 - columns, rows - y0, y1 - rows])
            logits[level] = np.maximum(logits[level], np.clip(inside, -10, 10))
        for sign in (1, 0):  # exclude points win, in whatever order they were made
            for (x, y), label in zip(places, prompt.labels, strict=True):
                if label == sign:
                    disc = np.clip(radius - np.hypot(columns - x, rows - y), -10, 10)
                    logits[level] = np.maximum(logits[level], disc) if sign else np.minimum(logits[level], -disc)
    return Masks(logits, np.array([0.5, 0.9, 0.7], np.float32), frame, prompt)


class Wire:
    """Everything that a widget sent, in order, and a bell for whoever waits for more."""

    def __init__(self) -> None:
        self.sent: list[tuple[dict[str, Any], list[bytes]]] = []
        self.threads: list[threading.Thread] = []
        self._bell = threading.Condition()

    def put(self, message: dict[str, Any], buffers: list[bytes]) -> None:
        with self._bell:
            self.sent.append((message, buffers))
            self.threads.append(threading.current_thread())
            self._bell.notify_all()

    def wait_for(self, kind: str, count: int = 1, **fields: Any) -> tuple[dict[str, Any], list[bytes]]:
        """The ``count``-th message of this kind with these fields, once it is there."""

        def found() -> list[tuple[dict[str, Any], list[bytes]]]:
            return self.all(kind, **fields)

        with self._bell:
            assert self._bell.wait_for(lambda: len(found()) >= count, TIMEOUT_S), (kind, fields, self.kinds())
            return found()[count - 1]

    def all(self, kind: str, **fields: Any) -> list[tuple[dict[str, Any], list[bytes]]]:
        return [
            (message, buffers)
            for message, buffers in list(self.sent)
            if message["kind"] == kind and all(message.get(name) == value for name, value in fields.items())
        ]

    def kinds(self, re: str | None = None) -> list[str]:
        return [message["kind"] for message, _ in list(self.sent) if re is None or message.get("re") == re]


class WiredWidget(SamWidget):
    """A SamWidget whose messages and trait updates end in ``wire``; ``say`` is the browser."""

    _esm = traitlets.Unicode("export default {}").tag(sync=True)
    _css = traitlets.Unicode("").tag(sync=True)

    def __init__(self, image: Any = None, predictor: Any = None, **kwargs: Any) -> None:
        self.wire = Wire()
        self._messages = 0
        image = np.zeros((96, 128, 3), np.uint8) if image is None else image
        super().__init__(image, predictor=FakePredictor() if predictor is None else predictor, **kwargs)

    def send(self, content: dict[str, Any], buffers: Any = None) -> None:
        self.wire.put(content, list(buffers or []))

    def send_state(self, key: Any = None) -> None:
        for name in [key] if isinstance(key, str) else list(key or []):
            self.wire.put({"kind": f"trait:{name}", "value": getattr(self, name)}, [])

    def say(self, kind: str, **fields: Any) -> str:
        """Sends a message as the browser would; returns its id."""
        self._messages += 1
        name = fields.pop("id", f"r{self._messages}")
        self.hear({"v": 1, "kind": kind, "id": name, **fields})
        return name

    def hear(self, content: Any, buffers: Any = ()) -> None:
        self._handle_custom_msg(content, list(buffers))

    def do(self, kind: str, **fields: Any) -> str:
        """Sends a message and waits until it is done."""
        name = self.say(kind, **fields)
        self.wire.wait_for("done", re=name)
        return name

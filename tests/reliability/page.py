"""A page beside a widget in ``faults``, which keeps what it receives, and a network whose masks follow from the prompt.

What there must be on the page is in ``model``.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import traitlets

from samwidget import SamWidget
from samwidget.core import Frame, Prompt
from samwidget.predict import SamPredictor
from tests.predict.fake_segmenter import FakeSegmenter

HEIGHT, WIDTH = 48, 64
TIMEOUT_S = 20.0
_LAST_REPLY = {"hover": "preview", "detail": "detail"}


class StandIn(FakeSegmenter):
    """A network whose masks are discs around the mean of the points and corners of a prompt.

    Attributes:
        failures: what the next calls do instead: an exception is raised, a function changes logits and scores.
    """

    def __init__(self, signature: str = "stand-in 1") -> None:
        super().__init__(signature=signature)
        self.failures: list[Any] = []

    def encode(self, image: np.ndarray, *, threads: int | None = None) -> Any:
        self._fail()
        return super().encode(image, threads=threads)

    def decode(self, *args: Any, **options: Any) -> tuple[torch.Tensor, torch.Tensor]:
        change = self._fail()
        masks = super().decode(*args, **options)
        return masks if change is None else change(*masks)

    def _fail(self) -> Any:
        failure = self.failures.pop(0) if self.failures else None
        if isinstance(failure, BaseException):
            raise failure
        return failure

    @staticmethod
    def _disc(frame: Frame, prompt: Prompt, radius: float) -> np.ndarray:
        places = [*prompt.points_xy, *([] if prompt.box_xyxy is None else prompt.box_xyxy.reshape(2, 2))]
        (x, y) = frame.image_to_logits(np.mean(places or [(0, 0)], axis=0))
        rows, columns = np.mgrid[: frame.logits_hw[0], : frame.logits_hw[1]] + 0.5
        return (radius + len(prompt.points_xy) / 8 - np.hypot(rows - y, columns - x)).astype(np.float32)


class Page(SamWidget):
    """A widget whose messages end in a page that keeps them.

    Attributes:
        seen: the trait ``document`` as the page has it.
        known_masks: the ids of the masks that the page has.
        sending_fails: how many of the next messages do not arrive, with an exception.
    """

    _esm = traitlets.Unicode("export default {}").tag(sync=True)
    _css = traitlets.Unicode("").tag(sync=True)

    def __init__(self, segmenter: StandIn) -> None:
        self._replies: dict[str, list[dict[str, Any]]] = {}
        self._errors_without_name = 0
        self._bell = threading.Condition()
        self._number = 0
        self.known_masks: set[str] = set()
        self.seen: dict[str, Any] = {"objects": []}
        self.sending_fails = 0
        self.segmenter = segmenter
        super().__init__(np.zeros((HEIGHT, WIDTH, 3), np.uint8), predictor=SamPredictor(segmenter))
        self.seen = copy.deepcopy(self.document)  # a new page gets every trait

    def send(self, content: dict[str, Any], buffers: Any = None) -> None:
        with self._bell:
            self._fail_to_send()
            self.known_masks.update(header["mask"] for header in content.get("masks", ()))
            if "re" in content:
                self._replies.setdefault(content["re"], []).append(content)
            elif content["kind"] == "error":
                self._errors_without_name += 1
            self._bell.notify_all()

    def send_state(self, key: Any = None) -> None:
        with self._bell:
            self._fail_to_send()
            if "document" in ([key] if isinstance(key, str) else list(key or [])):
                self.seen = copy.deepcopy(self.document)
                named = (*self.seen["objects"], *self.seen["candidates"])
                self.known_masks &= {item["mask"] for item in named}  # the page forgets the others
            self._bell.notify_all()

    def _fail_to_send(self) -> None:
        if self.sending_fails:
            self.sending_fails -= 1
            raise OSError("the channel is closed")

    def ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Sends a request, and returns its last reply: ``done``, ``error``, or what its kind is answered with."""
        return self.last_reply(self.say(kind, **fields), kind)

    def say(self, kind: str, **fields: Any) -> str:
        """Sends a request; returns its id."""
        self._number += 1
        name = f"request {self._number}"
        self.hear({"v": 1, "kind": kind, "id": name, **fields})
        return name

    def hear(self, content: Any, buffers: Sequence[bytes] = ()) -> None:
        """Takes a message as from the browser."""
        self._handle_custom_msg(content, list(buffers))

    def last_reply(self, name: str, kind: str = "") -> dict[str, Any]:
        """Returns the last reply to the request with this id."""
        last = ("done", "error", _LAST_REPLY.get(kind))

        def reply() -> dict[str, Any] | None:
            if kind == "hello" and name in self._replies:  # the masks; there is no reply without masks
                return self._replies[name][-1]
            return next((reply for reply in self._replies.get(name, ()) if reply["kind"] in last), None)

        with self._bell:
            found = self._bell.wait_for(reply, TIMEOUT_S)
            assert found is not None, (name, kind, self._replies.get(name))
            return found

    def has_replied(self, name: str) -> bool:
        """Returns whether there was a request with this id."""
        with self._bell:
            return name in self._replies

    def take_errors(self) -> int:
        """Returns how many errors came that name no request, since the last call."""
        with self._bell:
            count, self._errors_without_name = self._errors_without_name, 0
            return count

    def look_again(self) -> None:
        """What a page does whose connection was lost: it asks for all traits and says hello."""
        with self._bell:
            self.seen, self.known_masks = copy.deepcopy(self.document), set()
        name = self.say("hello")
        self.last_reply(self.say("detail", box=[0, 0, WIDTH, HEIGHT], width=1), "detail")  # comes behind it
        assert name in self._replies

    def wait_until_idle(self) -> None:
        """Returns when the kernel has carried out all that came."""
        self._controller.worker.call(lambda: None)

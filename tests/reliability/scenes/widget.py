"""Scenes with one widget: the real one from inbox to outbox, with a real predictor and a stand-in network.

After each fault a good action is carried out, and page and kernel are compared with the model.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import torch

from samwidget.errors import ModelError
from tests.reliability.garbage import any_value, changed
from tests.reliability.model import CHANGES_DOCUMENT, Model, good_request
from tests.reliability.page import Page, StandIn

MESSAGES = Path(__file__).parents[2] / "shared/messages.json"
# Without ``everything``, which would go on and meet the next fault, and without what the model does not follow.
_CHANGES_NOTHING = (
    "hello",
    "hover",
    "detail",
    "retry",
    "use_bundled",
    "cancel_everything",
    "keep_found",
    "discard_found",
)
# A document of that age is left: its history would make each check slow.
_FAULTS_OF_A_WIDGET = 100
_EXCEPTIONS: tuple[Callable[[], BaseException], ...] = (
    lambda: RuntimeError("the device is gone"),
    lambda: MemoryError(),
    lambda: ValueError("shapes do not match"),
    lambda: OSError(28, "No space left on device"),
    lambda: KeyboardInterrupt(),
    lambda: SystemExit(1),
    lambda: ModelError("broken weights", hint="load them again"),
    lambda: RecursionError("too deep"),
    lambda: ZeroDivisionError(),
    lambda: torch.OutOfMemoryError("out of memory"),
    lambda: StopIteration(),
    lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"),
)
_BAD_MASKS: tuple[Callable[..., object], ...] = (
    lambda logits, scores: (logits * float("nan"), scores),
    lambda logits, scores: (logits, scores + float("inf")),
    lambda logits, scores: None,
    lambda logits, scores: (logits[:0], scores[:0]),
)


class _WidgetScene:
    """One widget and its model.

    Args:
        inject: injects one fault into the scene, and says which.
    """

    def __init__(self, inject: Callable[[_WidgetScene, Random], str]) -> None:
        self._inject = inject
        self.acknowledged = 0
        self._age = itertools.count(1)
        self._begin()

    def _begin(self) -> None:
        self.model = Model()
        self.page = Page(StandIn())
        self.page.wait_until_idle()

    def fault(self, rng: Random) -> str:
        if next(self._age) % _FAULTS_OF_A_WIDGET == 0:
            self.close()
            self._begin()
        kind = self._inject(self, rng)
        self.model.check(self.page)
        for _ in range(2):
            self.do(*good_request(rng, self.model.present))
        self.model.check(self.page)
        self.acknowledged += len(self.model.present.things)
        return kind

    def do(self, kind: str, fields: dict[str, Any]) -> None:
        """Has a good request carried out."""
        reply = self.page.ask(kind, **fields)
        assert reply["kind"] == "done", reply
        self.model.apply(kind, fields)

    def be_ready_for_points(self) -> None:
        """Accepts the active object where it is locked, so that a point begins another one."""
        active = self.model.present.active
        if active is not None and self.model.present.thing(active).locked:
            self.do("accept", {})

    def close(self) -> None:
        self.page.close()


@contextmanager
def _scene(inject: Callable[[_WidgetScene, Random], str]) -> Iterator[_WidgetScene]:
    scene = _WidgetScene(inject)
    try:
        yield scene
    finally:
        scene.close()


def messages() -> Any:
    """Messages that are broken, come twice, come in a flood, or bring what the protocol does not know."""
    shared = json.loads(MESSAGES.read_text())["browser_to_kernel"]
    examples = [
        message
        for kind, examples in shared["kinds"].items()
        if kind in CHANGES_DOCUMENT or kind in _CHANGES_NOTHING
        for message in examples["valid"]
    ]
    names = (f"garbage {number}" for number in itertools.count())

    def inject(scene: _WidgetScene, rng: Random) -> str:
        kind = rng.random()
        if kind < 0.7:
            return _send_garbage(scene, rng, examples, names)
        if kind < 0.8:
            return _send_twice(scene, rng, next(names))
        if kind < 0.9:
            return _send_flood(scene, rng, names)
        return _set_traits(scene, rng)

    return _scene(inject)


def _send_garbage(scene: _WidgetScene, rng: Random, examples: list[Any], names: Iterator[str]) -> str:
    value = changed(rng, rng.choice(examples)) if rng.random() < 0.95 else any_value(rng)
    # The id of another request would make it a repetition.
    if isinstance(value, dict) and isinstance(value.get("id"), str) and scene.page.has_replied(value["id"]):
        value["id"] = next(names)
    buffers = [b"x"] * rng.choice((0, 0, 0, 3))
    scene.page.take_errors()
    scene.page.hear(value, buffers)
    name = value.get("id") if isinstance(value, dict) else None
    # Half a surrogate pair cannot be sent back.
    if not isinstance(name, str) or not 1 <= len(name) <= 64 or name != name.encode(errors="ignore").decode():
        assert scene.page.take_errors() == 1
        return "broken messages"
    kind = value.get("kind")
    reply = scene.page.last_reply(name, kind if isinstance(kind, str) else "")
    if reply["kind"] == "error":
        return "broken messages"
    if value["kind"] in CHANGES_DOCUMENT:  # by chance it is a good one
        scene.model.apply(value["kind"], value)
    return "messages at random"


def _send_twice(scene: _WidgetScene, rng: Random, name: str) -> str:
    kind, fields = good_request(rng, scene.model.present)
    for _ in range(rng.randrange(2, 5)):
        scene.page.hear({"v": 1, "kind": kind, "id": name, **fields})
    assert scene.page.last_reply(name)["kind"] == "done"
    scene.model.apply(kind, fields)
    return "messages repeated"


def _send_flood(scene: _WidgetScene, rng: Random, names: Iterator[str]) -> str:
    for _ in range(50):
        scene.page.hear({"v": 1, "kind": "hover", "id": next(names), "x": rng.uniform(0, 60), "y": 9, "label": 1})
    scene.be_ready_for_points()
    sent = []
    for _ in range(5):
        point = {"x": rng.randrange(60) + 0.5, "y": 9.5, "label": 1}
        sent.append((scene.page.say("add_point", **point), point))
    for name, point in sent:
        assert scene.page.last_reply(name)["kind"] == "done"
        scene.model.apply("add_point", point)
    return "floods"


def _set_traits(scene: _WidgetScene, rng: Random) -> str:
    name = rng.choice(("document", "status", "_snapshot", "opacity", "threshold", "tool", "hover", "theme", "nothing"))
    value = any_value(rng)
    before = scene.page.threshold
    scene.page.set_state({name: value, "tool": "nothing of that name"})
    assert scene.page.threshold == before, "a wrong setting beside it did not keep all as they were"
    scene.page.set_state({name: value})
    scene.page.set_state({"threshold": 0.0, "tool": "include"})
    scene.page.last_reply(scene.page.say("accept"))
    scene.model.apply("accept", {})
    return "traits"


def network() -> Any:
    """A model that raises or sends nonsense, at a click, at a preview, while it encodes and within a search."""

    def inject(scene: _WidgetScene, rng: Random) -> str:
        kind = rng.random()
        if kind < 0.05:
            return _fail_to_encode(scene, rng)
        if kind < 0.1:
            return _fail_to_search(scene, rng)
        return _fail_to_predict(scene, rng)

    return _scene(inject)


def _failure(rng: Random) -> Any:
    return rng.choice(_BAD_MASKS) if rng.random() < 0.25 else rng.choice(_EXCEPTIONS)()


def _fail_to_predict(scene: _WidgetScene, rng: Random) -> str:
    # Coordinates of their own, so that the masks of the prompt are not there yet.
    point = {"x": rng.randrange(1, 6000) / 128, "y": rng.randrange(1, 5000) / 128, "label": 1}
    scene.be_ready_for_points()
    scene.page.segmenter.failures = [_failure(rng)]
    kind = rng.choice(("add_point", "hover"))
    reply = scene.page.ask(kind, **point)
    if scene.page.segmenter.failures:  # the model was not asked
        scene.page.segmenter.failures = []
    else:
        assert reply["kind"] == "error", reply
        assert reply["message"]
        reply = scene.page.ask("add_point", **point)
        kind = "add_point"
    assert reply["kind"] in ("done", "preview"), reply
    if kind == "add_point":
        scene.model.apply(kind, point)
    return "at a prompt"


def _fail_to_encode(scene: _WidgetScene, rng: Random) -> str:
    """A new widget whose model fails a few times: the clicks that came meanwhile are carried out in the end."""
    scene.close()
    segmenter = StandIn(f"stand-in {rng.random()}")
    count = rng.randrange(1, 4)
    segmenter.failures = [rng.choice(_EXCEPTIONS[:9])() for _ in range(count)]
    scene.model, scene.page = Model(), Page(segmenter)
    clicks = []
    for _ in range(count):
        point = {"x": rng.randrange(60) + 0.5, "y": rng.randrange(40) + 0.5, "label": 1}
        clicks.append((scene.page.say("add_point", **point), point))
        scene.page.ask("retry")
    while scene.page.status["phase"] != "ready":
        scene.page.ask("retry")
    for name, point in clicks:
        assert scene.page.last_reply(name)["kind"] == "done"
        scene.model.apply("add_point", point)
    return "at the encoder"


def _fail_to_search(scene: _WidgetScene, rng: Random) -> str:
    segmenter = scene.page.segmenter
    segmenter.failures = [None] * rng.randrange(3) + [rng.choice(_EXCEPTIONS)()]
    reply = scene.page.ask("everything", points_per_side=4)
    if not segmenter.failures:
        assert reply["kind"] == "error", reply
    segmenter.failures = []
    assert scene.page.ask("discard_found")["kind"] == "done"
    return "in a search"


def callbacks() -> Any:
    """Functions given to ``on_change`` and ``observe`` that raise."""

    def inject(scene: _WidgetScene, rng: Random) -> str:
        error = rng.choice(_EXCEPTIONS[:4])()

        def fail(_: object) -> None:
            raise error

        if rng.random() < 0.5:
            end = scene.page.on_change(fail)
            scene.do(*good_request(rng, scene.model.present))
            end()
            return "on_change"
        scene.page.observe(fail, "document")
        scene.do(*good_request(rng, scene.model.present))
        scene.page.unobserve(fail, "document")
        return "observe"

    return _scene(inject)


def channel() -> Any:
    """Messages to the page that raise. Then the page asks again for everything, as one that has lost its connection."""

    def inject(scene: _WidgetScene, rng: Random) -> str:
        kind, fields = good_request(rng, scene.model.present)
        scene.page.sending_fails = rng.randrange(1, 5)
        scene.page.say(kind, **fields)
        scene.page.wait_until_idle()
        scene.page.sending_fails = 0
        scene.model.apply(kind, fields)
        scene.page.look_again()
        return "messages to the page"

    return _scene(inject)

"""What stands beside a widget in ``faults``: a page that keeps what it receives, and a model of what the user made.

The model follows docs/protocol.md and knows nothing of ``samwidget.document``: for each request that was carried out it
says which objects there must be. Masks are those of ``StandIn``, which are a function of image and prompt alone.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
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
        name = f"r{self._number}"
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


@dataclass
class Thing:
    """An object as the model has it."""

    id: int
    name: str
    visible: bool = True
    points: list[list[float]] = field(default_factory=list)
    box: list[float] | None = None
    level: int | None = None

    @property
    def prompt(self) -> Prompt:
        prompt = Prompt()
        for x, y, label in self.points:
            prompt = prompt.with_point(x, y, int(label))
        return prompt if self.box is None else prompt.with_box(self.box)


@dataclass
class Snapshot:
    """One step of the model's history."""

    things: list[Thing] = field(default_factory=list)
    active: int | None = None

    def thing(self, number: int | None) -> Thing:
        """Returns the object with this id."""
        return next(thing for thing in self.things if thing.id == number)


class Model:
    """What the user has made, by the requests that were carried out."""

    def __init__(self) -> None:
        self._steps = [Snapshot()]
        self._position = 0
        self._next_id = 1

    @property
    def present(self) -> Snapshot:
        """The objects now."""
        return self._steps[self._position]

    def apply(self, kind: str, fields: dict[str, Any]) -> None:
        """Follows a request that was carried out."""
        if kind in ("undo", "redo"):
            self._position = min(max(0, self._position + (1 if kind == "redo" else -1)), len(self._steps) - 1)
        elif kind in ("accept", "select"):
            self.present.active = fields.get("object")
        else:
            after = copy.deepcopy(self.present)
            _CHANGES[kind](self, after, fields)
            if after != self.present or kind not in _NO_STEP_WHERE_SAME:
                self._steps[self._position + 1 :] = [after]
                self._position += 1

    def begin(self, snapshot: Snapshot) -> Thing:
        """Adds an empty object, which is active."""
        thing = Thing(self._next_id, f"object {self._next_id}")
        self._next_id += 1
        snapshot.things.append(thing)
        snapshot.active = thing.id
        return thing

    def check(self, page: Page) -> None:
        """Raises AssertionError where page and kernel do not have exactly these objects."""
        state, seen = self.present, page.seen
        assert [item["id"] for item in seen["objects"]] == [thing.id for thing in state.things], seen
        assert seen["active"] == state.active
        assert (seen["can_undo"], seen["can_redo"]) == (self._position > 0, self._position + 1 < len(self._steps))
        objects = page.objects
        for thing, item, found in zip(state.things, seen["objects"], objects, strict=True):
            assert (item["name"], item["visible"]) == (thing.name, thing.visible)
            assert [list(point) for point in item["points"]] == thing.points, (item["points"], thing.points)
            assert item["prompt_box"] == thing.box
            assert item["mask"] in page.known_masks
            level = thing.level if thing.level is not None else 2  # of the stand-in the last candidate scores best
            expected = StandIn._disc(found.frame, thing.prompt, (2, 3, 4)[level])
            assert np.array_equal(found.logits, expected), f"object {thing.id} has another mask"
            assert item["area"] == found.area


def _add_point(model: Model, state: Snapshot, fields: dict[str, Any]) -> None:
    thing = model.begin(state) if state.active is None else state.thing(state.active)
    thing.points.append([fields["x"], fields["y"], fields["label"]])


def _add_box(model: Model, state: Snapshot, fields: dict[str, Any]) -> None:
    x0, y0, x1, y1 = fields["box"]
    thing = None if state.active is None else state.thing(state.active)
    if (
        thing is None
        or thing.box is not None
        or not any(label == 1 and x0 <= x <= x1 and y0 <= y <= y1 for x, y, label in thing.points)
    ):
        thing = model.begin(state)
    thing.box = list(fields["box"])


def _move_point(_: Model, state: Snapshot, fields: dict[str, Any]) -> None:
    state.thing(state.active).points[fields["index"]][:2] = [fields["x"], fields["y"]]


def _remove_point(model: Model, state: Snapshot, fields: dict[str, Any]) -> None:
    thing = state.thing(state.active)
    del thing.points[fields["index"]]
    if not thing.points and thing.box is None:
        _delete(model, state, {"object": thing.id})


def _remove_box(model: Model, state: Snapshot, fields: dict[str, Any]) -> None:
    thing = state.thing(state.active)
    thing.box = None
    if not thing.points:
        _delete(model, state, {"object": thing.id})


def _move_box(_: Model, state: Snapshot, fields: dict[str, Any]) -> None:
    state.thing(state.active).box = list(fields["box"])


def _choose(_: Model, state: Snapshot, fields: dict[str, Any]) -> None:
    state.thing(state.active).level = fields["level"]


def _rename(_: Model, state: Snapshot, fields: dict[str, Any]) -> None:
    state.thing(fields["object"]).name = fields["name"].strip()


def _set_visible(_: Model, state: Snapshot, fields: dict[str, Any]) -> None:
    state.thing(fields["object"]).visible = fields["visible"]


def _delete(_: Model, state: Snapshot, fields: dict[str, Any]) -> None:
    state.things.remove(state.thing(fields["object"]))
    state.active = None if state.active == fields["object"] else state.active


def _clear(_: Model, state: Snapshot, __: dict[str, Any]) -> None:
    if state.things:
        state.things, state.active = [], None


_CHANGES = {
    "add_point": _add_point,
    "add_box": _add_box,
    "move_point": _move_point,
    "remove_point": _remove_point,
    "remove_box": _remove_box,
    "move_box": _move_box,
    "choose": _choose,
    "rename": _rename,
    "set_visible": _set_visible,
    "delete": _delete,
    "clear": _clear,
}
_NO_STEP_WHERE_SAME = ("rename", "set_visible", "clear")
CHANGES_DOCUMENT = frozenset({*_CHANGES, "undo", "redo", "accept", "select"})
"""Kinds of requests that the model follows."""


def good_request(rng: Random, state: Snapshot) -> tuple[str, dict[str, Any]]:
    """Returns a request that can be carried out in this state, as a user makes them."""
    x, y = rng.randrange(WIDTH - 20) + 0.5, rng.randrange(HEIGHT - 20) + 0.5
    point = {"x": x, "y": y, "label": rng.choice((1, 1, 0))}
    box = {"box": [x, y, x + rng.randrange(4, 20), y + rng.randrange(4, 20)]}
    choices: list[tuple[str, dict[str, Any]]] = [("add_point", point), ("add_box", box), ("undo", {}), ("redo", {})]
    if state.active is not None:
        active = state.thing(state.active)
        choices += [("accept", {}), ("accept", {}), ("choose", {"level": rng.randrange(3)})]
        if active.points:
            index = {"index": rng.randrange(len(active.points))}
            choices += [("move_point", {**index, "x": x, "y": y}), ("remove_point", index)]
        if active.box is not None:
            choices += [("move_box", box), ("remove_box", {})]
    if state.things:
        number = rng.choice(state.things).id
        choices += [
            ("select", {"object": number}),
            ("rename", {"object": number, "name": rng.choice(("cup", " tree ", "Ärger 😀", "x" * 80))}),
            ("set_visible", {"object": number, "visible": rng.random() < 0.5}),
            ("delete", {"object": number}),
        ]
    return rng.choice(choices)

"""A model of what the user has made in a widget, for ``faults``.

It follows docs/protocol.md and knows nothing of ``samwidget.document``: for each request that was carried out it says
which objects and classes there must be. Masks are those of ``StandIn``, which follow from the prompt alone. Changes of
masks without the network (brush, polygon, merge and so on) are not in it.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np

from samwidget.core import Prompt
from tests.reliability.page import HEIGHT, WIDTH, Page, StandIn


@dataclass
class Thing:
    """An object as the model has it."""

    id: int
    name: str
    visible: bool = True
    points: list[list[float]] = field(default_factory=list)
    box: list[float] | None = None
    level: int | None = None
    class_name: str | None = None
    locked: bool = False

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
    classes: list[str] = field(default_factory=list)
    active_class: str | None = None

    def thing(self, number: int | None) -> Thing:
        """Returns the object with this id; the active one for None."""
        number = self.active if number is None else number
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
        elif kind == "activate_class":
            self.present.active_class = _stripped(fields["class"])
        else:
            after = copy.deepcopy(self.present)
            _CHANGES[kind](self, after, fields)
            if after != self.present or kind not in _NO_STEP_WHERE_SAME:
                self._steps[self._position + 1 :] = [after]
                self._position += 1

    def begin(self, snapshot: Snapshot) -> Thing:
        """Adds an empty object, which is active."""
        thing = Thing(self._next_id, f"object {self._next_id}", class_name=snapshot.active_class)
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
        counts = {name: [thing.class_name for thing in state.things].count(name) for name in state.classes}
        assert [(item["name"], item["count"]) for item in seen["classes"]] == list(counts.items())
        assert seen["active_class"] == state.active_class
        objects = page.objects
        for thing, item, found in zip(state.things, seen["objects"], objects, strict=True):
            assert (item["name"], item["visible"]) == (thing.name, thing.visible)
            assert (item["class"], item["locked"]) == (thing.class_name, thing.locked)
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


def _delete_objects(_: Model, state: Snapshot, fields: dict[str, Any]) -> None:
    for number in dict.fromkeys(fields["objects"]):
        _delete(_, state, {"object": number})


def _set_locked(_: Model, state: Snapshot, fields: dict[str, Any]) -> None:
    for number in fields["objects"]:
        state.thing(number).locked = fields["locked"]


def _reorder(_: Model, state: Snapshot, fields: dict[str, Any]) -> None:
    moved = [thing for thing in state.things if thing.id in fields["objects"]]
    others = [thing for thing in state.things if thing.id not in fields["objects"]]
    state.things = others + moved if fields["to"] == "front" else moved + others


def _stripped(name: str | None) -> str | None:
    return None if name is None else name.strip()


def _add_class(_: Model, state: Snapshot, fields: dict[str, Any]) -> None:
    name = fields["name"].strip()
    if name not in state.classes:
        state.classes.append(name)


def _set_class(_: Model, state: Snapshot, fields: dict[str, Any]) -> None:
    name = _stripped(fields["class"])
    if name is not None:
        _add_class(_, state, {"name": name})
    for number in [None] if fields["objects"] is None else fields["objects"]:
        state.thing(number).class_name = name


def _rename_class(_: Model, state: Snapshot, fields: dict[str, Any]) -> None:
    _replace_class(state, fields["class"].strip(), fields["name"].strip())


def _delete_class(_: Model, state: Snapshot, fields: dict[str, Any]) -> None:
    _replace_class(state, fields["class"].strip(), None)


def _replace_class(state: Snapshot, name: str, other: str | None) -> None:
    index = state.classes.index(name)
    state.classes[index : index + 1] = [] if other is None else [other]
    state.active_class = other if state.active_class == name else state.active_class
    for thing in state.things:
        thing.class_name = other if thing.class_name == name else thing.class_name


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
    "delete_objects": _delete_objects,
    "set_locked": _set_locked,
    "reorder": _reorder,
    "add_class": _add_class,
    "rename_class": _rename_class,
    "delete_class": _delete_class,
    "set_class": _set_class,
}
_NO_STEP_WHERE_SAME = (
    "rename", "set_visible", "clear", "set_locked", "reorder", "add_class", "rename_class", "set_class",
)  # fmt: skip
CHANGES_DOCUMENT = frozenset({*_CHANGES, "undo", "redo", "accept", "select", "activate_class"})
"""Kinds of requests that the model follows."""


_CLASSES = ("cat", "dog", "big dog", "ネコ 🐈", "c" * 80)


def good_request(rng: Random, state: Snapshot) -> tuple[str, dict[str, Any]]:
    """Returns a request that can be carried out in this state, as a user makes them."""
    x, y = rng.randrange(WIDTH - 20) + 0.5, rng.randrange(HEIGHT - 20) + 0.5
    point = {"x": x, "y": y, "label": rng.choice((1, 1, 0))}
    box = {"box": [x, y, x + rng.randrange(4, 20), y + rng.randrange(4, 20)]}
    new_class = rng.choice(_CLASSES)
    choices: list[tuple[str, dict[str, Any]]] = [("undo", {}), ("redo", {}), ("add_class", {"name": new_class})]
    active = None if state.active is None else state.thing(state.active)
    if active is None or not active.locked:
        choices += [("add_point", point), ("add_box", box)]
    if active is not None:
        choices += [("accept", {}), ("accept", {})]
    if active is not None and not active.locked:
        choices += [
            ("choose", {"level": rng.randrange(3)}),
            ("set_class", {"objects": None, "class": new_class}),
        ]
        if active.points:
            index = {"index": rng.randrange(len(active.points))}
            choices += [("move_point", {**index, "x": x, "y": y}), ("remove_point", index)]
        if active.box is not None:
            choices += [("move_box", box), ("remove_box", {})]
    if state.things:
        thing = rng.choice(state.things)
        number = {"object": thing.id}
        choices += [
            ("select", number),
            ("set_visible", {**number, "visible": rng.random() < 0.5}),
            ("set_locked", {"objects": [thing.id], "locked": rng.random() < 0.3}),
            ("reorder", {"objects": [thing.id], "to": rng.choice(("front", "back"))}),
        ]
        if not thing.locked:
            choices += [
                ("rename", {**number, "name": rng.choice(("cup", " tree ", "Ärger 😀", "x" * 80))}),
                ("set_class", {"objects": [thing.id], "class": rng.choice((None, *_CLASSES))}),
                ("delete", number),
                ("delete_objects", {"objects": [thing.id]}),
            ]
    if state.classes:
        name = rng.choice(state.classes)
        choices.append(("activate_class", {"class": rng.choice((None, name))}))
        if all(not thing.locked for thing in state.things if thing.class_name == name):
            choices.append(("delete_class", {"class": name}))
        if new_class not in state.classes:
            choices.append(("rename_class", {"class": name, "name": new_class}))
    return rng.choice(choices)

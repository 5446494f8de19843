"""Saved prompts: the objects of an earlier widget, made again of the prompts that its page or its notebook still has.

Owns which prompts are enough to make a mask again (``levels_of``), and the objects that they make (``made_again``).
``wire.encode`` writes the prompts into the trait ``document``, which a notebook saves; ``commands`` makes the objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from samwidget.core import Masks, Prompt, SegmentedObject
from samwidget.document import draft_of_candidates, with_candidates
from samwidget.errors import warn_user
from samwidget.widget.network import Network
from samwidget.widget.protocol.fields import ChosenLevels
from samwidget.widget.protocol.requests import SavedPrompt


def levels_of(item: SegmentedObject) -> ChosenLevels | None:
    """The levels that make the mask again, with the points and the box; None where a mask is needed, too."""
    prompt = item.prompt
    if prompt.mask is not None or (len(prompt.points_xy) == 0 and prompt.box_xyxy is None):
        return None
    return ChosenLevels(item.level, prompt.level)


def saved_prompts(items: Sequence[SegmentedObject]) -> list[dict[str, Any]]:
    """The objects as the message ``restore_objects`` has them, visible and locked as they are.

    A SamWidgetWarning names objects that need a mask, too; they are left out.
    """
    saved, lost = [], []
    for item in items:
        levels = levels_of(item)
        if levels is None:
            lost.append(item.name)
            continue
        prompt = item.prompt
        points = [
            (x, y, label) for (x, y), label in zip(prompt.points_xy.tolist(), prompt.labels.tolist(), strict=True)
        ]
        saved.append(
            {
                "name": item.name,
                "class": item.class_name,
                "points": points,
                "box": None if prompt.box_xyxy is None else prompt.box_xyxy.tolist(),
                "levels": {"chosen": levels.chosen, "refined": levels.refined},
                "visible": item.visible,
                "locked": item.locked,
            }
        )
    if lost:
        warn_user(f"no points and no box make the masks of {', '.join(lost):.200}: they are left out")
    return saved


def made_again(items: Sequence[SavedPrompt], network: Network) -> Iterator[tuple[SegmentedObject, Masks]]:
    """Yields the objects that saved prompts make, without id and colour, with their candidates.

    Raises:
        PromptError: a prompt is outside the image.
        ModelError: the model failed.
    """
    for item in items:
        masks = network.predict(_prompt_of(item))
        draft = draft_of_candidates(masks, item.name, item.class_name)
        draft = replace(draft, level=item.levels.chosen, visible=item.visible, locked=item.locked)
        yield with_candidates(draft, masks), masks


def _prompt_of(item: SavedPrompt) -> Prompt:
    points = np.array([(x, y) for x, y, _ in item.points], np.float32).reshape(-1, 2)
    labels = np.array([label for *_, label in item.points], np.int32)
    box = None if item.box is None else np.array(item.box, np.float32)
    return Prompt(points, labels, box, level=item.levels.refined)

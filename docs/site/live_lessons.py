"""Lessons as live pages: the text of the notebook, with the widget and its checks in the page.

Owns which cell of a notebook becomes which part of the page, and which sentences are of the notebook alone. Texts are
those of the notebook; tasks, hints and numbers are those of the lesson in ``samwidget/explain/lessons``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from samwidget.core import INCLUDE, Prompt
from samwidget.explain.click_robot import clicks_to, robot
from samwidget.explain.grid_points import EMPTY, REASONS
from samwidget.explain.lessons import click_rules, four_prompts, grid, grid_rules, one_click, race, threshold
from samwidget.explain.lessons.exercises import Lesson, Result, read_truth
from samwidget.explain.lessons.rules import Rule
from samwidget.images import load_rgb
from samwidget.page import runs_of
from samwidget.predict import SamPredictor

ROOT = Path(__file__).parents[2]
PHOTOS = ROOT / "notebooks/photos"
NOTEBOOKS = ROOT / "notebooks/lessons"
IN_PYTHON = re.compile(
    r"\bcells?\b|`lesson|`None`|[Ww]rite |kernel|Python|second argument|keeps your clicks|no programming|dotted line"
    r"|follows your last click|side by side|two of ours|discs|four exercises|first line|Your curve and|Run `"
)
"""A sentence that speaks of the notebook, or of a figure that the page does not have."""
NOT_DONE = "Do this first: {task}"
ROBOT_CLICKS = 8
AGAIN = "Press Reset"
"""Stands for ``{again}`` in hints, which is ``Call lesson.reset(3)`` in Python."""
_CELL = re.compile(r"\blesson\.(check|widget)\((\d)")

Part = dict[str, Any]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class LivePage:
    """What a lesson's page has besides its text.

    Attributes:
        photo: name of its photo.
        exercises: by number, as the script reads them.
        figures: by id of the cell in whose place they are.
    """

    photo: str
    exercises: Mapping[int, Part]
    figures: Mapping[str, Part] = field(default_factory=dict)


def truths() -> dict[str, dict[str, Mask]]:
    """By photo: the masks with which the lessons compare."""
    head = read_truth(PHOTOS, "head")
    return {"astronaut": {"head": head, "suit": read_truth(PHOTOS, "astronaut") & ~head}, "coins": {}}


def photo(name: str) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB."""
    return load_rgb(PHOTOS / f"{name}.jpg")


def page_of(stem: str, predictor: SamPredictor) -> str:
    """Returns a live page in Markdown, of the notebook with this name."""
    live = PAGES[stem](predictor)
    cells = json.loads((NOTEBOOKS / f"{stem}.ipynb").read_text(encoding="utf-8"))["cells"]
    parts = [part for cell in cells for part in _parts_of(cell, live)]
    title, *rest = parts
    note = (
        "This lesson runs in your browser: nothing is installed, and nothing is sent anywhere. "
        f"[The same lesson as a notebook](../../notebooks/lessons/{stem}.ipynb) has more figures, and your clicks as "
        "arrays."
    )
    data = {"not_done": NOT_DONE, "again": AGAIN, "exercises": live.exercises, "figures": live.figures}
    script = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    return "\n\n".join(
        [
            title,
            f'<div class="sw-lesson-note" markdown>\n\n{note}\n\n</div>',
            *rest,
            f'<script type="application/json" id="samwidget-lesson">{script}</script>',
            "",
        ]
    )


def _parts_of(cell: Mapping[str, Any], live: LivePage) -> list[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return [_with_live_links("\n\n".join(_without_python(text) for text in source.split("\n\n")))]
    manifest = f'data-samwidget-live data-manifest="../live/{live.photo}.json"'
    if cell["id"] in live.figures:
        return [f'<div class="sw-lesson" {manifest} data-figure="{cell["id"]}"></div>']
    match = _CELL.search(source)
    # The widget of an exercise comes with its check.
    if match and (match[1] == "widget" or live.exercises[int(match[2])]["kind"] != "clicks"):
        return [f'<div class="sw-lesson" {manifest} data-exercise="{match[2]}"></div>']
    return []


def _without_python(paragraph: str) -> str:
    """A paragraph without the sentences that are of the notebook alone."""
    sentences = re.split(r"(?<=[.?!]) (?=[A-Z*`(])", paragraph)
    return " ".join(sentence for sentence in sentences if not IN_PYTHON.search(sentence))


def _with_live_links(text: str) -> str:
    """A text whose links to other lessons lead to their live pages, where there are any."""
    return re.sub(
        r"\]\((\w+)\.ipynb\)",
        lambda link: f"]({link[1]}.md)" if link[1] in PAGES else f"](../../notebooks/lessons/{link[1]}.ipynb)",
        text,
    )


def choice(lesson: Lesson, number: int, options: Sequence[tuple[str, object]]) -> Part:
    """An exercise with a few answers, each with the result of its check in Python."""
    results = [(label, lesson.check(number, value)) for label, value in options]
    return {
        "kind": "choice",
        "task": lesson.exercises[number - 1].task,
        "options": [{"label": label, "result": _result(result)} for label, result in results],
    }


def clicks(
    lesson: Lesson,
    number: int,
    rules: Sequence[Rule],
    truth: tuple[str, str] | None = ("head", "the head"),
    *,
    has_candidates: bool = False,
) -> Part:
    """An exercise in a widget, whose mask is compared with a truth: its name, and what it is called.

    Without a truth the borders of all objects are measured.
    """
    return {
        "kind": "clicks",
        "task": lesson.exercises[number - 1].task,
        "rules": as_json(rules),
        "truth": None if truth is None else {"name": truth[0], "label": truth[1]},
        "has_candidates": has_candidates,
    }


def as_json(rules: Sequence[Rule]) -> list[Part]:
    """The rules as the script reads them."""
    return [{"when": list(rule.when), "passed": rule.passed, "text": rule.text} for rule in rules]


def point(x: float, y: float, *more: tuple[float, float, int]) -> Part:
    """A prompt of a click that includes, and of more clicks, as the script reads it."""
    return {"points": [[x, y, 1], *(list(item) for item in more)], "box": None, "level": None}


NUMBERS = [(str(number), number) for number in (1, 2, 3)]


def _one_click(predictor: SamPredictor) -> LivePage:
    lesson = one_click.one_click(PHOTOS, predictor)
    nose = {"kind": "candidates", "prompt": point(*one_click.NOSE_XY)}
    exercises = {
        1: choice(lesson, 1, NUMBERS),
        2: choice(lesson, 2, NUMBERS),
        3: clicks(lesson, 3, click_rules.STRANGE_CLICK, has_candidates=True),
        4: clicks(lesson, 4, click_rules.TWO_CLICKS),
    }
    return LivePage("astronaut", exercises, {"cell-05": nose | {"truth": None}, "cell-09": nose | {"truth": "head"}})


def _threshold(predictor: SamPredictor) -> LivePage:
    lesson = threshold.move_the_threshold(PHOTOS, predictor)
    offset = predictor.everything_defaults.stability_score_offset
    suit, hair = (Prompt().with_point(x, y, INCLUDE) for x, y in (threshold.SUIT_XY, threshold.HAIR_XY))
    of_suit, of_hair = predictor.predict_many([suit, hair], predictor.embed(lesson.image))
    low, at_0, high = (int((of_hair.to_logits()[threshold.LEVEL] > value).sum()) for value in (-offset, 0, offset))
    slider = {
        "prompt": _prompt(hair),
        "level": threshold.LEVEL,
        "reach": threshold.REACH,
        "step": threshold.STEP,
    }
    values = np.arange(-threshold.REACH, threshold.REACH + threshold.STEP, threshold.STEP)
    results = [lesson.check(3, float(value)) for value in values]
    under, over = f"the area at \N{MINUS SIGN}{offset:g}", f"the area at {offset:g}"
    exercises = {
        1: choice(lesson, 1, [(word, word) for word in ("larger", "smaller", "same")]),
        2: choice(
            lesson,
            2,
            [
                (f"{under} / {over}", low / high),
                (f"{over} / {under}", high / low),
                (f"{over} / the area at 0", high / at_0),
                (f"{under} \N{MINUS SIGN} {over}", low - high),
            ],
        ),
        3: slider
        | {
            "kind": "set_threshold",
            "task": lesson.exercises[2].task,
            "results": [_result(result) for result in results],
        },
        4: clicks(lesson, 4, click_rules.two_borders(threshold.SURE, threshold.UNSURE), None),
    }
    borders = {"kind": "borders", "offset": offset}
    candidates = [{"name": f"Candidate {level + 1}", "prompt": _prompt(hair), "level": level} for level in range(3)]
    pair = [
        {"name": "a sure border", "prompt": _prompt(suit), "level": int(of_suit.best)},
        {"name": "an uncertain one", "prompt": _prompt(hair), "level": threshold.LEVEL},
    ]
    figures = {
        "cell-05": slider | {"kind": "threshold"},
        "cell-09": borders | {"masks": candidates},
        "cell-17": borders | {"masks": pair},
    }
    return LivePage("astronaut", exercises, figures)


def _four_prompts(predictor: SamPredictor) -> LivePage:
    lesson = four_prompts.four_prompts(PHOTOS, predictor)
    hair = point(*four_prompts.HAIR_XY)
    ways = [
        {
            "name": way.name,
            "cost": way.cost,
            # The mask is the first candidate of the click on the hair.
            "prompt": hair if way.prompt.mask is not None else _prompt(way.prompt),
            "level": 0 if way.prompt.mask is not None else None,
        }
        for way in four_prompts.ways_to_ask(predictor, lesson.image, lesson.truth)
    ]
    figure = {"kind": "ways", "truth": "head", "ways": ways}
    exercises = {
        1: choice(lesson, 1, [(way["name"], way["name"]) for way in ways]),
        2: clicks(lesson, 2, click_rules.BOX),
        3: choice(lesson, 3, NUMBERS),
        4: clicks(lesson, 4, click_rules.SUIT, ("suit", "the suit")),
    }
    figures = {
        "cell-05": figure | {"has_outlines": False},
        "cell-10": {"kind": "candidates", "prompt": hair, "truth": "head"},
        "cell-14": {"kind": "returned", "prompt": hair, "truth": "head"},
        "cell-19": figure | {"has_outlines": True},
    }
    return LivePage("astronaut", exercises, figures)


def _race_the_robot(predictor: SamPredictor) -> LivePage:
    lesson = race.race_the_robot(PHOTOS, predictor)
    states = list(robot(predictor, lesson.image, lesson.truth, ROBOT_CLICKS))
    x, y = (int(value) for value in states[0].prompt.points_xy[0])
    of_robot = clicks_to(states[-1].ious, race.TARGET)
    steps = [
        {"prompt": _prompt(state.prompt), "iou": iou, "runs": runs_of(state.mask)}
        for state, iou in zip(states, states[-1].ious, strict=True)
    ]
    figure = {"kind": "robot", "truth": "head", "target": race.TARGET}
    exercises = {
        1: {
            "kind": "mark",
            "task": lesson.exercises[0].task,
            "rules": as_json(click_rules.first_click(race.depth_at(lesson.truth, x, y))),
            "truth": "head",
        },
        2: choice(lesson, 2, [("include", "include"), ("exclude", "exclude")]),
        3: choice(lesson, 3, [(str(number), number) for number in range(1, len(states) + 1)]),
        4: clicks(lesson, 4, click_rules.race(of_robot, race.TARGET))
        | {"race": {"target": race.TARGET, "robot": [step["iou"] for step in steps]}},
    }
    figures = {
        "cell-03": {"kind": "truth", "truth": "head"},
        "cell-07": figure | {"steps": steps[:1]},
        "cell-12": figure | {"steps": steps},
    }
    return LivePage("astronaut", exercises, figures)


def _everything(predictor: SamPredictor) -> LivePage:
    lesson = grid.grid_of_clicks(PHOTOS, predictor)
    defaults = predictor.everything_defaults
    settings = {
        "score": defaults.pred_iou_thresh,
        "stability": defaults.stability_score_thresh,
        "overlap": grid.OVERLAP,
    }
    coin = {"area_px": grid_rules.COIN_PX, "same": grid_rules.SAME, "large": grid_rules.LARGE}
    texts = {"reasons": REASONS, "empty": EMPTY}
    exercises = {
        1: choice(lesson, 1, [(str(number), number) for number in (8, 24, 64, 192)]),
        2: choice(lesson, 2, [(word, word) for word in ("score", "stability", "duplicate")]),
        3: {
            "kind": "settings",
            "task": lesson.exercises[2].task,
            "rules": as_json(grid_rules.SETTINGS),
            "sides": grid_rules.SIDES,
            "shares": grid.SHARES,
            "start": {
                "side": grid.MANY,
                "score": grid.nearest(defaults.pred_iou_thresh),
                "stability": grid.nearest(defaults.stability_score_thresh),
                "overlap": grid.OVERLAP,
            },
            "coin": coin,
            "texts": texts,
        },
        4: clicks(lesson, 4, grid_rules.MISSED_COIN, None) | {"grid": {"side": grid.FEW, "settings": settings}},
    }
    figure = {"kind": "grid", "settings": settings, "texts": texts}
    figures = {
        "cell-07": figure | {"side": grid.MANY, "is_begun": False},
        "cell-12": figure | {"side": grid.FEW, "is_begun": True},
        "cell-16": {
            "kind": "sides",
            "sides": grid.COMPARED_SIDES,
            "settings": settings | {"score": grid.COMPARED_SCORE},
            "coin": coin,
            "wanted": grid_rules.COINS,
        },
    }
    return LivePage("coins", exercises, figures)


def _result(result: Result) -> Part:
    return {"passed": result.passed, "message": result.message}


def _prompt(prompt: Any) -> Part:
    points = np.column_stack([prompt.points_xy, prompt.labels]).tolist()
    box = None if prompt.box_xyxy is None else [float(side) for side in prompt.box_xyxy]
    return {"points": points, "box": box, "level": None}


PAGES: dict[str, Callable[[SamPredictor], LivePage]] = {
    "01_one_click_three_answers": _one_click,
    "03_threshold_and_stability": _threshold,
    "04_race_the_robot": _race_the_robot,
    "07_point_box_exclusion_mask": _four_prompts,
    "08_everything_is_a_grid_of_clicks": _everything,
}
"""By name of the notebook."""

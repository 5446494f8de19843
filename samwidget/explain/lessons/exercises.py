"""Exercises of a lesson: each is a pure check of a number, a word or saved prompts, and says what is wrong.

Owns the result, the exercise and the lesson that holds a few of them. What is asked, and which hint belongs to which
mistake, is in the other modules of this folder. Notebooks call ``Lesson.check``; graders may assert on its result.
"""

from __future__ import annotations

import base64
import html
import math
import re
from collections.abc import Callable, Iterable, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from samwidget.core import SegmentedObject
from samwidget.errors import PromptError, SamWidgetError
from samwidget.images import encode_small_jpeg, load_rgb
from samwidget.predict import SamPredictor
from samwidget.replaying import replay
from samwidget.widget import SamWidget

Mask = npt.NDArray[np.bool_]

_RIGHT, _WRONG = "#009e73", "#e69f00"


@dataclass(frozen=True)
class Result:
    """What a check says. It is true where the exercise is solved, so a grader writes ``assert lesson.check(...)``.

    Attributes:
        passed: whether the exercise is solved.
        message: why it is solved, or a hint.
    """

    passed: bool
    message: str

    def __bool__(self) -> bool:
        return self.passed

    def __repr__(self) -> str:
        return f"{'Right.' if self.passed else 'Not yet.'} {self.message}"

    def _repr_html_(self) -> str:
        colour = _RIGHT if self.passed else _WRONG
        style = f"border-left:6px solid {colour};padding:6px 12px;font-size:16px;line-height:1.5;max-width:800px"
        return (
            f'<div style="{style}"><b>{"Right." if self.passed else "Not yet."}</b> {html.escape(self.message)}</div>'
        )


@dataclass(frozen=True)
class Exercise:
    """One thing to do.

    Attributes:
        task: what is to be done, in a sentence or two.
        judge: gives the result for a value; it has no other effect and may raise our errors.
        image: (H, W, 3) uint8 RGB in its widget; None takes that of the lesson.
    """

    task: str
    judge: Callable[[object], Result]
    image: npt.NDArray[np.uint8] | None = None

    def check(self, value: object) -> Result:
        """The result for a number, a word or saved prompts. None, an empty list and our errors are not solved."""
        if value is None or (isinstance(value, Sized) and len(value) == 0):
            return Result(False, f"Do this first: {self.task}")
        try:
            return self.judge(value)
        except SamWidgetError as error:
            return Result(False, f"This cannot be checked: {error}.")


class Lesson:
    """A few exercises on one photo, and the widgets in which they are done.

    Args:
        image: (H, W, 3) uint8 RGB.
        truth: (H, W) bool, the object that is meant.
        predictor: any model.
        exercises: numbered from 1.

    Attributes:
        results: number of an exercise to the last result of its check.
    """

    def __init__(
        self, image: npt.NDArray[np.uint8], truth: Mask, predictor: SamPredictor, exercises: tuple[Exercise, ...]
    ) -> None:
        self.image, self.truth, self.predictor = image, truth, predictor
        self.exercises = exercises
        self.results: dict[int, Result] = {}
        self._widgets: dict[int, SamWidget] = {}

    def widget(self, number: int, session: str | Path | None = None) -> SamWidget:
        """The widget with the photo in which an exercise is done; the same one at each call.

        Args:
            number: of the exercise.
            session: path of a session file that keeps the clicks, such as ``lesson_1.samw``; None keeps none. It needs
                a file of its own for each exercise.

        Raises:
            PromptError: there is no exercise of this number.
            SessionError: the session file cannot be used.
        """
        image = self._checked(number).image
        if number not in self._widgets:
            image = self.image if image is None else image
            self._widgets[number] = SamWidget(image, predictor=self.predictor, session=session)
        return self._widgets[number]

    def check(self, number: int, value: object = None) -> Result:
        """Checks the value for an exercise and returns the result. Nothing waits for a browser.

        Args:
            number: of the exercise, from 1.
            value: what the exercise asks for. Saved prompts are whatever ``samwidget.replay`` takes, such as
                ``w.objects`` or the path of a session file; None takes the objects in the exercise's widget.

        Raises:
            PromptError: there is no exercise of this number.
        """
        exercise = self._checked(number)
        if value is None and number in self._widgets:
            value = self._widgets[number].objects
        self.results[number] = exercise.check(value)
        return self.results[number]

    def reset(self, number: int | None = None) -> None:
        """Begins an exercise again: its result is forgotten and the objects in its widget are deleted.

        Args:
            number: of the exercise; None resets all.

        Raises:
            PromptError: there is no exercise of this number.
        """
        if number is not None:
            self._checked(number)
        for item in range(1, len(self.exercises) + 1) if number is None else (number,):
            self.results.pop(item, None)
            if item in self._widgets:
                self._widgets[item].clear()

    def close(self) -> None:
        """Closes the widgets."""
        for widget in self._widgets.values():
            widget.close()
        self._widgets = {}

    def __repr__(self) -> str:
        return "\n".join(
            f"{'solved' if self.results.get(number) else 'open  '}  {number}. {exercise.task}"
            for number, exercise in enumerate(self.exercises, start=1)
        )

    def _repr_html_(self) -> str:
        rows = ""
        for number, exercise in enumerate(self.exercises, start=1):
            colour, word = (_RIGHT, "solved") if self.results.get(number) else (_WRONG, "open")
            rows += (
                f'<div style="border-left:6px solid {colour};padding:2px 12px;margin:8px 0">'
                f"{number}. <b>{word}</b> &nbsp; {html.escape(exercise.task)}</div>"
            )
        photo = base64.b64encode(encode_small_jpeg(self.image)).decode()
        return (
            '<div style="display:flex;flex-wrap:wrap;gap:16px;align-items:center;font-size:15px;line-height:1.5">'
            f'<img alt="The photo of this lesson" src="data:image/jpeg;base64,{photo}" style="width:240px;margin:0">'
            f'<div style="flex:1;min-width:300px;max-width:640px">{rows}</div></div>'
        )

    def _checked(self, number: int) -> Exercise:
        if number not in range(1, len(self.exercises) + 1):
            raise PromptError(
                f"there is no exercise {number!r}", hint=f"this lesson has exercises 1 to {len(self.exercises)}"
            )
        return self.exercises[number - 1]


def read_truth(photos: str | Path, name: str) -> Mask:
    """(H, W) bool: the mask ``masks/NAME.png`` in the folder of the photos.

    Raises:
        ImageError: there is no such file.
    """
    return np.asarray(load_rgb(Path(photos) / "masks" / f"{name}.png")[..., 0] > 0)


def clicked_object(saved: object, image: npt.NDArray[np.uint8], predictor: SamPredictor) -> SegmentedObject:
    """The last object of saved prompts, with the mask that the model makes of them.

    Raises:
        PromptError: there is no object, or the last one has a box, a mask or no click.
        SessionError: as ``samwidget.replay`` raises it, like its other errors.
    """
    return _last_clicked(replay(saved, image, predictor=predictor))


def judge_object(
    judge: Callable[[SegmentedObject], Result],
    image: npt.NDArray[np.uint8],
    predictor: SamPredictor,
    *,
    with_boxes: bool = False,
) -> Callable[[object], Result]:
    """Makes a judge of saved prompts of one that looks at an object: the last one is judged, and a hint says so.

    Args:
        judge: gives the result for the object, with the mask that the model makes of its prompt.
        image: (H, W, 3) uint8 RGB.
        predictor: any model.
        with_boxes: whether a box is allowed.
    """

    def judge_saved(saved: object) -> Result:
        objects = replay(saved, image, predictor=predictor)
        result = judge(_last(objects) if with_boxes else _last_clicked(objects))
        if result or len(objects) == 1:
            return result
        return Result(
            False,
            f"{result.message} (You have {len(objects)} objects, and the last one is checked. Enter ends an object: "
            "without it, the next click belongs to the same one.)",
        )

    return judge_saved


def _last(objects: Sequence[SegmentedObject]) -> SegmentedObject:
    if not objects:
        raise PromptError("there is no object", hint="click into the photo first")
    return objects[-1]


def _last_clicked(objects: Sequence[SegmentedObject]) -> SegmentedObject:
    last = _last(objects)
    if last.prompt.box_xyxy is not None:
        raise PromptError("the last object has a box", hint="delete it and use clicks alone")
    if len(last.prompt.points_xy) == 0:
        raise PromptError("the last object has no clicks", hint="give prompts, such as w.objects, not masks")
    return last


def number_from(value: object) -> float | None:
    """A value as a number, also where it stands in quotation marks; None where it is something else."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def word_from(value: object, words: Iterable[str]) -> str | None:
    """Which of some words a value says, such as ``smaller`` for "It gets smaller!"; None where it is none, or two."""
    if not isinstance(value, str):
        return None
    options, parts = list(words), re.findall(r"[a-z0-9]+", value.lower())
    if " ".join(parts) in options:
        return " ".join(parts)
    matches = [word for word in options if word in parts or f"{word}s" in parts]
    return matches[0] if len(matches) == 1 and not {"not", "no"} & {*parts} else None


def reaches(value: float, wanted: float) -> bool:
    """Whether a value is at least the wanted one with the two decimals that the student sees of it."""
    return round(float(value), 2) >= wanted

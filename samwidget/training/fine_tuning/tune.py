"""``fine_tune``: teaches the decoder of a model the objects of a user, and saves it as a folder.

Owns the order of things: read, hold photos out, measure, encode once, learn and check, keep the best, measure again,
save. Everything before the saving works on a copy of the model, so a failure leaves nothing behind.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from samwidget.errors import FormatError, ModelError, UnsupportedModelError, warn_user
from samwidget.models import BUNDLED_NAME, Segmenter, load, thread_count
from samwidget.training.fine_tuning.curve import CurvePoint, LiveCurve
from samwidget.training.fine_tuning.examples import read_examples, split
from samwidget.training.fine_tuning.gain import Gain
from samwidget.training.fine_tuning.learner import Learner
from samwidget.training.fine_tuning.measure import (
    CLICKS,
    ClickScores,
    MeasuredPhoto,
    click_scores,
    measured_photos,
    one_click_ious,
)
from samwidget.training.fine_tuning.result import FineTuned
from samwidget.training.fine_tuning.tunable import Tunable, tunable_of
from samwidget.training.fine_tuning.views import encoded_views

if TYPE_CHECKING:
    from samwidget.predict import SamPredictor

RATE = 3e-4
CHECKS = 12
"""How often the masks are measured while the model learns."""
_HELD_OUT_OBJECTS, _LEARNING_OBJECTS = 40, 12
_END_SHARE = 0.12
"""Share of the time that is kept for the choice and the measurement at the end."""
SHARES = (0.5, 0.75, 1.0)
"""How far the weights may move towards those learned; less lets other photos lose less."""
_ENOUGH = 0.8
"""Share of the gain for which a smaller move is taken."""
_FACTS = "fine_tuning.json"


def fine_tune(
    images_with_masks: Any,
    folder: str | os.PathLike[str] | None = None,
    *,
    model: str | os.PathLike[str] | SamPredictor | None = None,
    minutes: float = 5.0,
    steps: int | None = None,
    held_out: float | Sequence[str] = 0.2,
    rate: float = RATE,
    seed: int = 0,
    device: str | torch.device = "auto",
    threads: int | None = None,
    progress: Callable[[CurvePoint], object] | None = None,
    cancel: threading.Event | None = None,
    show: bool = True,
) -> FineTuned:
    """Teaches a model your objects; returns where it is, and how much better it is on photos that it did not see.

    The decoder learns; the encoder stays, so each photo is encoded once. Some photos are held out: they say whether the
    model is better or has only learned the others by heart. The best weights on them are kept, if they are better by
    more than the standard error of the gain, or twice that on fewer than ten objects. The notebook's Stop button ends
    the learning early and keeps the best so far.

    Args:
        images_with_masks: photos with masks: a folder with ``images/NAME.*`` and ``masks/NAME.png``; pairs of an image
            and its masks; or what ``SamWidget.labelled_images`` returns. Ten photos are a good beginning.
        folder: of the new model, which must not exist; None takes the first free ``NAME-fine-tuned`` here. It is a
            value of ``model=``.
        model: that learns: a name or a folder as for ``SamWidget``, or a predictor, which stays as it is; ``nano`` or a
            SAM 1.
        minutes: how long all of it may take.
        steps: ends the learning after so many steps, if the time is not over before; None goes by time alone.
        held_out: the share of photos that are held out, at least one, and up to a third while they have fewer than ten
            objects; or their names. 0 holds none out.
        rate: learning rate; a lower one changes less.
        seed: chooses held-out photos, crops and prompts. The same seed and ``steps`` give the same weights.
        device: as for ``SamWidget``.
        threads: how many CPU threads compute, as for ``SamWidget``.
        progress: called with a ``CurvePoint`` at each check; an error that it raises ends the call.
        cancel: ends the learning when it is set, and keeps the best so far.
        show: whether to show the curve while it grows.

    Raises:
        FormatError: there are no masks, one does not fit its image, there is one photo only, or the folder exists.
        ImageError: an image cannot be read.
        UnsupportedModelError: the model is of another family.
        ModelError: the model cannot be loaded, an option is out of its range, or the loss was no number before anything
            was better.
    """
    start_s = time.monotonic()
    _check_options(minutes, steps, rate)
    target = _free_folder(folder, _name_of(model))
    examples = read_examples(images_with_masks)
    learning, checking = split(examples, held_out, seed)
    count = thread_count(threads)
    segmenter = _loaded(model, device)
    tunable = tunable_of(segmenter)
    tuning = _Tuning(tunable, count, LiveCurve(f"{_name_of(model)} learns from {len(learning)} photos", show))
    tuning.curve.say("Measuring before.")
    tuning.checked = measured_photos(tunable.segmenter, checking, _HELD_OUT_OBJECTS, count)
    tuning.learned = measured_photos(tunable.segmenter, learning, _LEARNING_OBJECTS, count)
    judges = tuning.checked or tuning.learned
    before = tuning.scores(judges, CLICKS)
    tuning.curve.say("Encoding the photos.")
    learner = Learner(
        tunable,
        encoded_views(tunable.segmenter, learning, seed, count),
        rate=rate,
        seed=seed,
        threads=count if tunable.segmenter.device.type == "cpu" else 1,
    )
    tuning.curve.say("Learning. The Stop button of the notebook keeps the best so far.")
    limits = _Limits(start_s, time.monotonic(), minutes * 60 * (1 - _END_SHARE), steps, cancel)
    ended = tuning.learn(learner, limits, progress)
    tuning.curve.say("Choosing and measuring.")
    weights, share, gain = tuning.choice(learner, judges)
    after = before
    if weights is not None:
        with learner.using(weights):
            tunable.weights_changed()
            after = tuning.scores(judges, CLICKS)
            facts = {
                "base": _name_of(model),
                "steps": learner.steps,
                "share": share,
                "photos": [example.name for example in learning],
                "held_out": [example.name for example in checking],
                "iou_by_click_before": before.ious,
                "iou_by_click_after": after.ious,
                "objects": gain.objects,
                "gain": gain.mean,
                "standard_error": gain.error,
            }
            _save(tunable, target, facts)
    result = FineTuned(
        folder=None if weights is None else target,
        base=_name_of(model),
        before=before,
        after=after,
        gain=gain,
        curve=tuple(tuning.points),
        learned_from=tuple(dict.fromkeys(example.name for example in learning)),
        held_out=tuple(dict.fromkeys(example.name for example in checking)),
        share=share,
        minutes=(time.monotonic() - start_s) / 60,
        ended=ended,
    )
    tuning.curve.close(f"{result.sentence}.")
    if doubt := result.doubt:
        warn_user(doubt)
    return result


@dataclass(frozen=True)
class _Limits:
    """When the learning ends.

    Attributes:
        start_s: when the call began.
        learning_s: when the learning began.
        seconds: from the start of the call.
        steps: number of steps; None for any.
        cancel: ends it when it is set.
    """

    start_s: float
    learning_s: float
    seconds: float
    steps: int | None
    cancel: threading.Event | None

    def progress(self, steps: int) -> float:
        """How much of the learning is done, 0 to 1."""
        budget_s = max(1e-3, self.start_s + self.seconds - self.learning_s)
        of_time = (time.monotonic() - self.learning_s) / budget_s
        return min(1.0, max(of_time, steps / self.steps if self.steps else 0.0))


class _Tuning:
    """One fine-tuning: the photos that are measured, the points of the curve, and the best weights.

    Args:
        tunable: the model.
        threads: that measure.
        curve: shows the points.
    """

    def __init__(self, tunable: Tunable, threads: int, curve: LiveCurve) -> None:
        self.curve = curve
        self.checked: list[MeasuredPhoto] = []
        self.learned: list[MeasuredPhoto] = []
        self.points: list[CurvePoint] = []
        self._tunable, self._threads = tunable, threads
        self._best: dict[str, Tensor] | None = None
        self._best_iou = 0.0
        self._start: npt.NDArray[np.float64] = np.zeros(0)  # IoU of each object that judges, before the learning

    def scores(self, photos: Sequence[MeasuredPhoto], clicks: int) -> ClickScores:
        """The scores with the weights as they are."""
        self._tunable.decoder.eval()
        return click_scores(
            self._tunable.segmenter,
            photos,
            clicks=clicks,
            chains_masks=self._tunable.chains_masks,
            threads=self._threads,
        )

    def one_click(self, photos: Sequence[MeasuredPhoto]) -> npt.NDArray[np.float64]:
        """(objects,) IoU after one click, with the weights as they are."""
        self._tunable.decoder.eval()
        return one_click_ious(self._tunable.segmenter, photos, self._threads)

    def learn(self, learner: Learner, limits: _Limits, progress: Callable[[CurvePoint], object] | None) -> str:
        """Learns and checks; returns why it ended, as in ``FineTuned``."""
        try:
            losses: list[float] = []
            self._check(learner, limits, losses, progress)
            while (share := limits.progress(learner.steps)) < 1:
                if limits.cancel is not None and limits.cancel.is_set():
                    return "stopped"
                losses.append(learner.step(share).loss)
                if limits.progress(learner.steps) >= len(self.points) / CHECKS:
                    self._check(learner, limits, losses, progress)
        except KeyboardInterrupt:
            return "stopped"
        except ModelError as error:
            if self._best is None:
                raise
            warn_user(f"{error}. The best weights before that are kept")
            return "diverged"
        return "steps" if limits.steps is not None and learner.steps >= limits.steps else "time"

    def choice(self, learner: Learner, photos: Sequence[MeasuredPhoto]) -> tuple[dict[str, Tensor] | None, float, Gain]:
        """The weights to keep, their share, and their gain: the smallest move that has most of the gain.

        None, 0.0 and the largest gain where all of them are such as chance makes.

        Args:
            learner: with the weights before the learning.
            photos: to choose by.
        """
        if self._best is None:
            same = self.one_click(photos)  # again: a Stop may have ended the first check
            return None, 0.0, Gain.between(same, same)
        moves = []
        for share in SHARES:
            weights = learner.between(self._best, share)
            with learner.using(weights):
                self._tunable.weights_changed()
                moves.append((weights, share, Gain.between(self._start, self.one_click(photos))))
        real = [move for move in moves if move[2].is_kept]
        if not real:
            return None, 0.0, max((gain for *_, gain in moves), key=lambda gain: gain.mean)
        most = max(gain.mean for *_, gain in real)
        return next(move for move in real if move[2].mean >= _ENOUGH * most)

    def _check(
        self,
        learner: Learner,
        limits: _Limits,
        losses: list[float],
        progress: Callable[[CurvePoint], object] | None,
    ) -> None:
        """Measures the average weights, and remembers them if they are the best so far."""
        with learner.using(learner.average):
            self._tunable.weights_changed()
            learning = self.one_click(self.learned)
            judging = self.one_click(self.checked) if self.checked else learning
        loss = float(np.mean(losses)) if losses else 0.0
        losses.clear()
        minutes = (time.monotonic() - limits.start_s) / 60
        iou = float(judging.mean())
        point = CurvePoint(
            learner.steps,
            limits.progress(learner.steps),
            minutes,
            loss,
            float(learning.mean()),
            iou if self.checked else None,
        )
        self.points.append(point)
        if learner.steps == 0:
            self._start, self._best_iou = judging, iou
        elif iou > self._best_iou:
            self._best_iou = iou
            self._best = {name: value.clone() for name, value in learner.average.items()}
        self.curve.add(point)
        if progress is not None:
            progress(point)


def _name_of(model: str | os.PathLike[str] | SamPredictor | None) -> str:
    if model is None:
        return BUNDLED_NAME
    return str(model) if isinstance(model, str | os.PathLike) else model.name


def _loaded(model: str | os.PathLike[str] | SamPredictor | None, device: str | torch.device) -> Segmenter:
    """A copy of the model for the learning, so that the one in use stays as it is.

    Raises:
        ModelError: it cannot be loaded, or a predictor's name does not lead to its weights.
        UnsupportedModelError: it runs on another computer.
    """
    if model is None or isinstance(model, str | os.PathLike):
        return load(None if model is None else str(model), device=device)
    if model.is_remote:
        raise UnsupportedModelError(
            f"{model.name} runs on another computer, where it cannot learn", hint='load it here, or give model="nano"'
        )
    segmenter = load(model.name, device=device)
    if segmenter.signature != model.signature:
        raise ModelError(
            f"the predictor does not have the weights of {model.name}",
            hint="give the name or folder that it was made of: model=...",
        )
    return segmenter


def _check_options(minutes: float, steps: int | None, rate: float) -> None:
    """Raises ModelError where a number makes no sense."""
    for name, value in (("minutes", minutes), ("rate", rate), ("steps", 1 if steps is None else steps)):
        if not value > 0:
            raise ModelError(f"{name} is {value}", hint="give a number above 0")


def _free_folder(folder: str | os.PathLike[str] | None, model: str) -> Path:
    """Where the model goes; raises FormatError where there is something already, or no folder to put it into."""
    if folder is not None:
        path = Path(folder).expanduser()
        if path.exists():
            raise FormatError(
                f"{path} is there already", hint="give the name of a new folder, or delete that one first"
            )
        if not path.parent.is_dir():
            raise FormatError(f"the folder {path.parent} does not exist", hint="create it, or choose another one")
        return path
    name = f"{Path(model).name}-fine-tuned"
    names = [name, *(f"{name}-{number}" for number in range(2, 1000))]
    return next(path for name in names if not (path := Path(name)).exists())


def _save(tunable: Tunable, target: Path, facts: dict[str, Any]) -> None:
    """Writes the model beside its folder first, so that the folder is whole or not there."""
    unfinished = target.with_name(f".{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir()
        tunable.save(unfinished, facts)
        (unfinished / _FACTS).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        unfinished.rename(target)
    except OSError as error:
        raise ModelError(f"{target} cannot be written", hint=error.strerror or str(error)) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)

"""Steps: every intermediate result of a prediction, as named arrays with a sentence for each.

Owns the order of the steps and their sentences. ``models.record`` reads the arrays; ``SamPredictor`` makes the masks,
as always. Figures and films take ``Steps`` and nothing else, so they need neither model nor kernel.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from samwidget.core import Frame, Masks, Prompt
from samwidget.errors import PromptError
from samwidget.explain.sentences import SENTENCES
from samwidget.images import load_rgb
from samwidget.models import record
from samwidget.predict import SamPredictor

Array = npt.NDArray[Any]  # bool, uint8 or float32


@dataclass(frozen=True, eq=False)
class Step:
    """One intermediate result.

    Attributes:
        name: of the step, in lower case.
        array: its numbers.
        sentence: what it is.
    """

    name: str
    array: Array
    sentence: str

    def __repr__(self) -> str:
        return f"{self.name} {_shape(self.array)}: {self.sentence}"


@dataclass(frozen=True, eq=False)
class Steps(Mapping[str, Array]):
    """The steps of one prediction, in their order: a mapping from name to array.

    Attributes:
        steps: first the pixels, last the mask.
        masks: the candidates, as ``SamPredictor.predict_many`` returns them.
        level: the candidate that is the mask, 0 to 2.
        tokens: what each prompt token is; empty for ``nano``, which reads the prompt as maps.
        model: name of the model.
        stability_offset: how far from 0 the two thresholds are that the model's stability compares.
    """

    steps: tuple[Step, ...]
    masks: Masks
    level: int
    tokens: tuple[str, ...]
    model: str
    stability_offset: float

    @property
    def image(self) -> npt.NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB."""
        return self["pixels"]

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """(H, W) bool at the image's own size."""
        return self["mask"]

    @property
    def prompt(self) -> Prompt:
        """The points, the box and the mask that were given."""
        return self.masks.prompt

    @property
    def frame(self) -> Frame:
        """Ties the maps, which cover the network's input, to image pixels."""
        return self.masks.frame

    @property
    def attention_names(self) -> tuple[str, ...]:
        """The steps that are attention, in their order."""
        return tuple(step.name for step in self.steps if "attention" in step.name)

    def __getitem__(self, name: str) -> Array:
        for step in self.steps:
            if step.name == name:
                return step.array
        raise KeyError(f"there is no step {name!r}; there are {', '.join(self)}")

    def __iter__(self) -> Iterator[str]:
        return iter(step.name for step in self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        names = max(len(step.name) for step in self.steps)
        shapes = max(len(_shape(step.array)) for step in self.steps)
        lines = [f"{step.name:{names}}  {_shape(step.array):{shapes}}  {step.sentence}" for step in self.steps]
        return "\n".join([f"{self.model}: {len(self)} steps", *lines])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr>{_cell(step.name, bold=True)}{_cell(_shape(step.array))}{_cell(step.sentence)}</tr>"
            for step in self.steps
        )
        head = "".join(_cell(title, bold=True) for title in ("step", "shape", f"what it is ({self.model})"))
        return f'<table style="font-size:1.05em"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'

    def content(self, name: str) -> Array:
        """The part of a step's (..., h, w) maps that the image fills; the rest is padding.

        Args:
            name: of a step whose array ends with the sides of a map over the network's input.
        """
        maps = self[name]
        if maps.ndim < 2:
            raise PromptError(
                f"{name} has shape {maps.shape} and is no map", hint="take a step whose shape ends in h, w"
            )
        height, width = (
            max(1, round(side * part / total))
            for side, part, total in zip(maps.shape[-2:], self.frame.content_hw, self.frame.input_hw, strict=True)
        )
        return maps[..., :height, :width]


def steps(predictor: SamPredictor, image: object, prompt: Prompt, *, level: int | None = None) -> Steps:
    """Every intermediate result of the prediction for one prompt; the masks are those that the predictor returns.

    Args:
        predictor: with a model in this process: ``nano``, SAM, SAM-HQ or SAM 2.
        image: whatever ``load_rgb`` reads.
        prompt: points, a box or a mask, in image pixels.
        level: the candidate that becomes the mask, 0 to 2; None takes the prompt's level, or else the best score.

    Raises:
        PromptError: the prompt is empty, lies outside the image, or ``level`` is none.
        ModelError: the model runs on another computer, or failed.
    """
    if level not in (None, 0, 1, 2):
        raise PromptError(f"level is {level!r}", hint="give 0, 1 or 2, or None for the candidate with the best score")
    pixels = load_rgb(image)
    embedding = predictor.embed(pixels)
    masks = predictor.predict_many([prompt], embedding)[0]
    recording = predictor.run(lambda segmenter: record(segmenter, embedding, prompt))
    level = prompt.level if level is None else level
    level = masks.best if level is None else level
    arrays: dict[str, Array] = {"pixels": pixels, **recording.arrays}
    arrays["candidates"] = masks.logits
    arrays["scores"] = masks.scores
    arrays["logits"] = masks.logits[level]
    arrays["full-size logits"] = masks.to_logits()[level]
    arrays["mask"] = masks.to_bool()[level]
    return Steps(
        tuple(Step(name, array, SENTENCES[name]) for name, array in arrays.items()),
        masks,
        level,
        recording.tokens,
        predictor.name,
        predictor.everything_defaults.stability_score_offset,
    )


def _shape(array: Array) -> str:
    return " x ".join(str(side) for side in array.shape)


def _cell(text: str, *, bold: bool = False) -> str:
    weight = "font-weight:600;white-space:nowrap;" if bold else ""
    return f'<td style="{weight}text-align:left">{html.escape(text)}</td>'

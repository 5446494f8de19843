"""One number of the logits, with everything that it is the sum of. Read from recorded arrays; nothing is computed anew.

With SAM a logit is the product of two lists: the vector of the candidate, and the features of the pixel. With ``nano``
it is what the last layer makes of a cell and its two neighbours, a bias, and what is near or similar to the prompt.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from samwidget.errors import PromptError
from samwidget.explain.inside import Steps


class Logit(NamedTuple):
    """A logit and its terms: ``(features * weights).sum() + rest == value``, up to rounding.

    Attributes:
        features: (N,) float32, of the image and the prompt at this pixel.
        weights: (N,) float32, of the candidate.
        rest: what other layers add.
        rest_name: what that is; empty where nothing is added.
        value: the logit, as it was recorded, before any cleaning.
        row: of the low-res logits.
        column: of the low-res logits.
    """

    features: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]
    rest: float
    rest_name: str
    value: float
    row: int
    column: int

    @property
    def products(self) -> npt.NDArray[np.float32]:
        """(N,) float32, each feature times its weight."""
        return self.features * self.weights


def logit_at(steps: Steps, point_xy: tuple[float, float]) -> Logit:
    """The logit of the chosen candidate at a point of the image, with its terms.

    Args:
        steps: of a prediction.
        point_xy: in image pixels.

    Raises:
        PromptError: the point lies outside the image.
    """
    height, width = steps.frame.image_hw
    x, y = point_xy
    if not (0 <= x <= width and 0 <= y <= height):
        hint = f"x is 0 to {width}, y is 0 to {height}"
        raise PromptError(f"the point ({x:g}, {y:g}) lies outside the image", hint=hint)
    column, row = (
        min(int(position), side - 1)
        for position, side in zip(steps.frame.image_to_logits(point_xy), steps.frame.logits_hw[::-1], strict=True)
    )
    index = 1 + steps.level  # behind the single mask
    if steps.tokens:
        features, weights = steps["upscaled features"][:, row, column], steps["mask vectors"][index]
        all_candidates = steps["all candidates"][index] if "all candidates" in steps else steps["logits"]
        rest_name = "" if "all candidates" in steps else "the HQ mask"
    else:
        features, weights = _last_layer(steps, index, row, column)
        all_candidates, rest_name = steps["all candidates"][index], "bias, and what is near and similar"
    value = float(all_candidates[row, column])
    rest = value - float(features @ weights) if rest_name else 0.0
    return Logit(features, weights, rest, rest_name, value, row, column)


def _last_layer(
    steps: Steps, index: int, row: int, column: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Features and weights of ``nano``'s last layer: 8 numbers of the cell on the left, the cell, and the right one."""
    features = np.pad(steps["last features"], ((0, 0), (0, 0), (1, 1)))
    # The layer makes four pixels of a cell, by row, then by column.
    output = 4 * index + 2 * (row % 2) + column % 2
    around = features[:, row // 2, column // 2 : column // 2 + 3]
    return around.T.reshape(-1), steps["last weights"][output].T.reshape(-1)

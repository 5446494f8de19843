"""A photo of discs, as a model sees it: which disc is where, of which kind, and a predictor that knows their masks."""

from dataclasses import dataclass, field

import numpy as np
import torch

from samwidget.core import Frame, Masks, RunLengths
from samwidget.models.segmenter import Embedding, EverythingDefaults

SIDE, CELLS = 256, 64
RADIUS = 14
LOOKS = {"coin": (4, 0, 0), "button": (0, 4, 0), "rusty coin": (2.5, 0, 3.5), "ground": (0, 0, 0)}
"""Three numbers for the look of each kind; beside them the features hold noise."""
DEFAULTS = EverythingDefaults(16, 0.6, 0.7, 0.25)
FRAME = Frame.padded((SIDE, SIDE), SIDE, SIDE)


@dataclass
class Discs:
    """Discs of one radius, by their centres; the part of ``SamPredictor`` that a search needs.

    Its masks are the disc at a point, half of it, and a square of 100 pixels: as of a part, the object and a group. It
    takes discs that touch for one object, of which each is a part.
    """

    kinds: dict[tuple[int, int], str]
    asked: list = field(default_factory=list)
    thread_count: int = 1
    everything_defaults: EverythingDefaults = DEFAULTS

    def mask(self, centre):
        return RunLengths.from_mask(_disc(centre))

    def masks(self, kind):
        return [self.mask(centre) for centre, name in self.kinds.items() if name == kind]

    @property
    def embedding(self):
        rng = np.random.default_rng(0)
        values = rng.normal(0, 0.3, (8, CELLS, CELLS)).astype(np.float32)
        for centre, kind in self.kinds.items():
            cells = _disc(centre)[2::4, 2::4]
            values[:3, cells] += np.array(LOOKS[kind], np.float32)[:, None]
        return Embedding({"image_embeddings": torch.from_numpy(values)[None]}, FRAME, "discs")

    def predict_many(self, prompts, embedding, *, threads=None):
        self.asked += [tuple(prompt.points_xy[0].tolist()) for prompt in prompts]
        return [self._masks_at(prompt) for prompt in prompts]

    def _masks_at(self, prompt):
        point = prompt.points_xy[0]
        near = [centre for centre in self.kinds if np.hypot(*(np.array(centre) - point)) < RADIUS]
        square = np.zeros((SIDE, SIDE), bool)
        x, y = point.astype(int)
        square[max(0, y - 50) : y + 50, max(0, x - 50) : x + 50] = True
        disc = _disc(near[0]) if near else square
        half = disc.copy()
        half[: int(near[0][1]) if near else y] = False
        touching = [_disc(centre) for centre in self.kinds if near and 0 < _distance(centre, near[0]) < 2.5 * RADIUS]
        if touching:
            half, disc = disc, np.logical_or.reduce([disc, *touching])
        logits = np.where(np.stack([half, disc, square]), 5, -5).astype(np.float32)
        return Masks(
            logits, np.array([0.9 if touching else 0.7, 0.95 if near else 0.5, 0.8], np.float32), FRAME, prompt
        )


def _distance(a, b):
    return np.hypot(a[0] - b[0], a[1] - b[1])


def _disc(centre):
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    return np.hypot(columns - centre[0], rows - centre[1]) < RADIUS

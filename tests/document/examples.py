"""Small values for documents: three candidates of 4 x 4 logits, the middle one the best; and a mask of the user."""

import numpy as np

from samwidget.core.frame import Frame
from samwidget.core.masks import Masks
from samwidget.core.prompt import Prompt
from samwidget.core.rle import RunLengths

FRAME = Frame.stretched((8, 8), (4, 4), (4, 4))


def candidates(x=1.0, y=1.0, *, count=1):
    """The candidates of a prompt with ``count`` equal include points."""
    prompt = Prompt(np.full((count, 2), (x, y), np.float32), np.ones(count, np.int32))
    logits = np.arange(48, dtype=np.float32).reshape(3, 4, 4) - 24 + count
    return Masks(logits, np.array([0.2, 0.9, 0.4], np.float32), FRAME, prompt)


def user_mask():
    """The run lengths of a mask that a user passes in, and its prompt."""
    pixels = np.zeros((8, 8), bool)
    pixels[2:6, 2:6] = True
    return RunLengths.from_mask(pixels), Prompt(mask=np.where(pixels[::2, ::2], 8, -8).astype(np.float32))

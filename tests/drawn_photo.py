"""A picture with coarse and fine structure, for tests that may not ship a photo of that size."""

import numpy as np
from PIL import Image


def drawn_photo(height, width, seed=0):
    """An (h, w, 3) uint8 picture, the same for the same seed."""
    rng = np.random.default_rng(seed)
    layers = [
        Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).resize((width, height))
        for side in (5, 90)
    ]
    return np.array(Image.blend(*layers, 0.3))

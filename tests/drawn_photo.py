"""Pictures that tests draw, since they may not ship a photo of every size, and what is in encoded ones."""

import io

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


def smooth_photo(height=96, width=128, seed=0):
    """An (h, w, 3) uint8 picture of soft blobs, which survives encoding as JPEG nearly unchanged."""
    small = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), np.uint8)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


def decoded(data):
    """The (h, w, 3) uint8 RGB pixels of an encoded image."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))

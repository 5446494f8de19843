"""Colours of surfaces: (H, W, 3) float32 of reflectance, 0 to 1, linear. All are made of noise and drawn lines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from scipy import ndimage

Texture = npt.NDArray[np.float32]
Colour = Sequence[float]


def linear(colour: Colour | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Reflectance of an sRGB colour from 0 to 1."""
    c = np.asarray(colour, float)
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def flat(colour: Colour) -> Texture:
    """One sRGB colour."""
    return linear(colour).astype(np.float32)[None, None]


def noise(
    rng: np.random.Generator, size_hw: tuple[int, int], cells_hw: tuple[float, float], octaves: int = 5
) -> npt.NDArray[np.float64]:
    """(H, W) noise about 0, with standard deviation 1, which repeats at its borders."""
    total = np.zeros(size_hw)
    for octave in range(octaves):
        rows, columns = (min(int(np.ceil(c * 2**octave)), s) for c, s in zip(cells_hw, size_hw, strict=True))
        values = rng.normal(size=(rows, columns))
        y, x = np.meshgrid(
            np.arange(size_hw[0]) * rows / size_hw[0], np.arange(size_hw[1]) * columns / size_hw[1], indexing="ij"
        )
        total += 0.55**octave * ndimage.map_coordinates(values, [y, x], order=3, mode="grid-wrap")
    return total / total.std()


def mixed(first: Colour, second: Colour, share: npt.NDArray[np.float64]) -> Texture:
    """Two sRGB colours, mixed by an (H, W) share of the second."""
    s = np.clip(share, 0, 1)[..., None]
    return linear(np.asarray(first) * (1 - s) + np.asarray(second) * s).astype(np.float32)


def wood(rng: np.random.Generator, light: Colour, dark: Colour, planks: int = 1, size: int = 1024) -> Texture:
    """Planks along u: rings that are cut at a flat angle, pores, and a darker joint between planks."""
    height = size // planks
    rows = []
    for _ in range(planks):
        v = np.linspace(0, 1, height)[:, None] + rng.uniform(0, 9)
        bent = v + 0.05 * noise(rng, (height, size), (1, 2), 3)
        rings = np.sin(2 * np.pi * (6 * bent + 1.5 * np.sin(2 * np.pi * bent)))
        pores = np.abs(noise(rng, (height, size), (height / 3, 6), 2))
        share = (
            0.36
            + 0.16 * rings
            + 0.10 * noise(rng, (height, size), (40, 3), 3)
            + 0.10 * (pores - 0.8)
            + rng.normal(0, 0.07)
        )
        joint = np.minimum(np.arange(height), np.arange(height)[::-1])[:, None]
        rows.append(mixed(light, dark, share) * np.where(joint < 2, 0.45, 1)[..., None].astype(np.float32))
    return np.concatenate(rows) if planks > 1 else mixed(light, dark, share)


def speckled(
    rng: np.random.Generator, colour: Colour, spots: Colour, density: float = 0.02, size: int = 512
) -> Texture:
    """A glaze or a stone with small spots, and a faint cloudiness."""
    fine = noise(rng, (size, size), (90, 90), 2)
    cloud = noise(rng, (size, size), (3, 3), 4)
    edge = np.quantile(fine, 1 - density)
    return mixed(colour, spots, np.clip((fine - edge) * 2, 0, 0.8) + 0.04 * cloud + 0.04)


def cloth(rng: np.random.Generator, colour: Colour, stripe: Colour, size: int = 768) -> Texture:
    """Woven cloth with a few stripes along v."""
    y, x = np.mgrid[0:size, 0:size]
    weave = 0.5 + 0.25 * np.sin(2 * np.pi * x * 120 / size) + 0.25 * np.sin(2 * np.pi * y * 120 / size)
    place = (x / size * 4) % 1
    is_stripe = ((np.abs(place - 0.5) < 0.07) | (np.abs(place - 0.64) < 0.02)).astype(float)
    base = mixed(colour, stripe, is_stripe * 0.9)
    return base * (0.8 + 0.2 * weave + 0.03 * noise(rng, (size, size), (60, 60), 2))[..., None].astype(np.float32)


def ruled_paper(rng: np.random.Generator, lines_written: int, size_hw: tuple[int, int] = (1400, 1000)) -> Texture:
    """A ruled page with lines of handwriting that no one can read, and a small drawing."""
    height, width = size_hw
    page = Image.new("RGB", (width, height), (247, 243, 232))
    draw = ImageDraw.Draw(page)
    step = height / 26
    for row in range(3, 26):
        draw.line((0, row * step, width, row * step), fill=(176, 196, 214), width=3)
    draw.line((width * 0.14, 0, width * 0.14, height), fill=(222, 150, 146), width=3)
    for row in range(lines_written):
        x, base = width * 0.18, (row + 3.9) * step
        end = width * rng.uniform(0.6, 0.93)
        while x < end:
            letters = int(rng.integers(2, 9))
            t = np.linspace(0, letters, letters * 9)
            tall = np.repeat(rng.choice([0.30, 0.34, 0.72], letters, p=[0.5, 0.3, 0.2]), 9) * step
            wave = tall * (0.5 - 0.5 * np.cos(2 * np.pi * t)) * (1 + 0.2 * np.sin(5 * t + row))
            across = x + t * step * 0.36 + 0.1 * step * np.sin(2 * np.pi * t + 1) + wave * 0.22
            draw.line([*zip(across, base - wave, strict=True)], fill=(44, 58, 112), width=5, joint="curve")
            x += letters * step * 0.36 + step * 0.42
    return linear(np.asarray(page.resize((width // 2, height // 2), Image.Resampling.LANCZOS)) / 255.0).astype(
        np.float32
    )


def leaf_colours(rng: np.random.Generator, colour: Colour, vein: Colour) -> Texture:
    """A leaf along v: lighter along its middle and its side veins."""
    v, u = np.mgrid[0:256, 0:128] / np.array([256, 128]).reshape(2, 1, 1)
    across = np.abs(u - 0.5) * 2
    side = np.abs(((v * 9 - across * 1.6) % 1) - 0.5) < 0.06
    share = np.clip(0.9 - across * 14, 0, 0.8) + 0.35 * side + 0.12 * noise(rng, (256, 128), (6, 3), 4)
    return mixed(colour, vein, share)


def fruit_skin(rng: np.random.Generator, colour: Colour, blush: Colour, streaks: float, size: int = 512) -> Texture:
    """Skin around a fruit (u) from its bottom to its stem (v): a blush on one side, streaks and fine dots."""
    v, u = np.mgrid[0:size, 0:size] / size
    side = 0.5 + 0.5 * np.cos(2 * np.pi * (u - 0.3)) * np.sin(np.pi * v)
    lines = noise(rng, (size, size), (2, 40), 3)
    dots = noise(rng, (size, size), (70, 70), 1) > 2.2
    return mixed(colour, blush, side + streaks * 0.25 * lines) * (1 + 0.25 * dots[..., None]).astype(np.float32)


def tiles(rng: np.random.Generator, colour: Colour, joint: Colour, across: int, down: int, size: int = 1536) -> Texture:
    """Tiles in a running bond, each of its own shade, with a joint around."""
    y, x = np.mgrid[0:size, 0:size] / size
    row = np.floor(y * down).astype(int)
    shifted = x * across + 0.5 * (row % 2)
    column = np.floor(shifted).astype(int) % across
    shade = rng.normal(0, 0.05, (down, across))[row, column]
    from_edge = np.minimum(np.abs(((shifted + 0.5) % 1) - 0.5) / across, np.abs(((y * down + 0.5) % 1) - 0.5) / down)
    share = np.clip(1.5 - from_edge * size / 4, 0, 1)
    return mixed(colour, joint, share) * (1 + shade * (1 - share))[..., None].astype(np.float32)

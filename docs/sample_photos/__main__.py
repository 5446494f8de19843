"""``python -m docs.sample_photos [SCENE ...]``: renders the sample photos and their masks into notebooks/photos."""

from __future__ import annotations

import argparse
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from docs.sample_photos import desk, kitchen
from docs.sample_photos.tracer import render

PHOTOS = Path(__file__).parents[2] / "notebooks/photos"
SCENES: dict[str, ModuleType] = {"desk": desk, "kitchen": kitchen}
SIZE_WH = (900, 600)
EXPOSURE = 0.6


def smoothed(
    radiance: npt.NDArray[np.float64], variance: npt.NDArray[np.float64], first_surfaces: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The radiance without the grain of few rays, (H, W, 3): matt light and reflections, each smoothed.

    All arguments are of ``tracer.render``.
    """
    reflectance, normal = np.maximum(first_surfaces[..., :3], 0.02), first_surfaces[..., 3:]
    matt = _smoothed(radiance[..., :3], variance[..., 0], reflectance, normal, tolerance=2.2)
    return matt + _smoothed(radiance[..., 3:], variance[..., 1], np.ones_like(reflectance), normal, tolerance=5)


def _smoothed(
    radiance: npt.NDArray[np.float64],
    variance: npt.NDArray[np.float64],
    reflectance: npt.NDArray[np.float64],
    normal: npt.NDArray[np.float64],
    tolerance: float,
) -> npt.NDArray[np.float64]:
    """The radiance, averaged over neighbours that differ by about ``tolerance`` standard deviations at most.

    Light on surfaces is averaged over neighbours at growing distances that have the same normal, about the same
    reflectance, and a light that differs no more than chance explains (Dammertz et al. 2010, Schied et al. 2017). The
    reflectance is taken out before and put back after, so textures stay sharp.
    """
    light = radiance / reflectance
    # A pixel that one lucky ray made far brighter than all around it is noise, not a highlight.
    around = ndimage.median_filter(light, (3, 3, 1))
    is_lucky = light.mean(2) > 2 * around.mean(2) + 0.05
    light[is_lucky] = around[is_lucky]
    noise = variance / reflectance.mean(2) ** 2
    noise[is_lucky] = 0
    noise = ndimage.gaussian_filter(noise, 1.5 * tolerance)
    for level in range(4):
        step = 2**level
        total, weights, spread = np.zeros_like(light), np.zeros(noise.shape), np.zeros_like(noise)
        grey = light.mean(2)
        for dy in range(-2, 3):
            for dx in range(-2, 3):
                shift = dy * step, dx * step
                other, other_grey = np.roll(light, shift, (0, 1)), np.roll(grey, shift, (0, 1))
                weight = np.exp(
                    -((dx * dx + dy * dy) / 4.0) - np.abs(other_grey - grey) / (tolerance * np.sqrt(noise) + 1e-3)
                )
                weight *= np.exp(-np.square(np.roll(normal, shift, (0, 1)) - normal).sum(2) / 0.01)
                weight *= np.exp(-np.square(np.roll(reflectance, shift, (0, 1)) - reflectance).sum(2) / 0.02)
                total += weight[..., None] * other
                weights += weight
                spread += weight**2 * np.roll(noise, shift, (0, 1))
        light, noise = total / weights[..., None], spread / weights**2
    return light * reflectance


def developed(radiance: npt.NDArray[np.float64], exposure: float) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 sRGB as a camera would give it: a little glare, darker corners, soft highlights, some grain."""
    light = radiance * exposure
    glare = ndimage.gaussian_filter(np.minimum(light, 6), (12, 12, 0)) * 0.6
    glare += ndimage.gaussian_filter(np.minimum(light, 6), (40, 40, 0)) * 0.4
    light = 0.96 * light + 0.04 * glare
    height, width = light.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light *= (1 - 0.16 * (x**2 + (y * height / width) ** 2))[..., None]
    # A film curve (Narkowicz 2015): straight in the middle, it bends below white.
    curved = light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14)
    curved = np.clip(curved, 0, 1)
    encoded = np.where(curved <= 0.0031308, 12.92 * curved, 1.055 * curved ** (1 / 2.4) - 0.055)
    grain = np.random.default_rng(1).normal(0, 0.006, encoded.shape[:2])
    return np.asarray(np.clip(encoded + grain[..., None], 0, 1) * 255 + 0.5, np.uint8)


def main() -> None:
    """Parses the command line, renders, and writes NAME.webp and masks/NAME_OBJECT.png."""
    parser = argparse.ArgumentParser(prog="python -m docs.sample_photos", description=__doc__)
    parser.add_argument("scenes", nargs="*", default=list(SCENES), metavar="SCENE", help="desk or kitchen")
    parser.add_argument("--samples", type=int, default=8, help="rays of a pixel")
    parser.add_argument("--width", type=int, default=SIZE_WH[0])
    parser.add_argument("--out", type=Path, default=PHOTOS)
    options = parser.parse_args()
    size = options.width, options.width * SIZE_WH[1] // SIZE_WH[0]
    (options.out / "masks").mkdir(parents=True, exist_ok=True)
    for name in options.scenes:
        scene = SCENES[name].scene()
        radiance, variance, first_surfaces, counts = render(scene, SCENES[name].CAMERA, size, options.samples)
        photo = developed(smoothed(radiance, variance, first_surfaces), EXPOSURE)
        Image.fromarray(photo).save(options.out / f"{name}.webp", quality=90, method=6)
        ids = counts.argmax(2)
        for index, thing in enumerate(scene.names, 1):
            mask = Image.fromarray(ids == index)
            mask.save(options.out / f"masks/{name}_{thing}.png", optimize=True)


if __name__ == "__main__":
    main()

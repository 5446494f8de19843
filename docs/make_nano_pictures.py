"""Draws masks of the bundled network on the shipped photos, for its model card. Part of ``make pictures``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from samwidget import Prompt, SamPredictor, SegmentedObject, load_rgb
from samwidget.images.overlay import draw_overlay

ROOT = Path(__file__).parent.parent
PHOTOS = ROOT / "notebooks/photos"
TILE_WH = (360, 260)


@dataclass(frozen=True)
class Subject:
    """An object of a photo, with prompts in image pixels.

    Attributes:
        photo: name of the file.
        clicks: x, y and label (1 include, 0 exclude), in their order.
        box: x0, y0, x1, y1.
    """

    photo: str
    clicks: tuple[tuple[int, int, int], ...]
    box: tuple[int, int, int, int]


SUBJECTS = (
    Subject("astronaut.jpg", ((225, 90, 1), (150, 420, 1), (400, 430, 0)), (18, 0, 420, 512)),
    Subject("chelsea.jpg", ((200, 130, 1), (60, 180, 1), (430, 40, 0)), (0, 8, 400, 300)),
    Subject("coffee.jpg", ((290, 150, 1), (200, 200, 1), (217, 290, 1)), (168, 12, 412, 320)),
    Subject("coins.jpg", ((335, 188, 1), (345, 170, 1), (325, 205, 1)), (314, 154, 381, 219)),
    Subject("desk.webp", ((255, 415, 1), (318, 415, 1), (255, 355, 1)), (192, 320, 344, 488)),
    Subject("kitchen.webp", ((160, 290, 1), (270, 310, 1), (55, 275, 1)), (40, 215, 300, 420)),
)


def tile(predictor: SamPredictor, photo: np.ndarray, prompt: Prompt) -> Image.Image:
    """Returns the photo with the mask that the widget would show, and with the prompt."""
    (masks,) = predictor.predict_many([prompt], multimask_output=True)
    best = masks.best
    segmented = SegmentedObject(
        1, "", "#e69f00", masks.logits[best], float(masks.scores[best]), masks.frame, prompt, None
    )
    picture = Image.fromarray(draw_overlay(photo, [segmented], 0.5))
    scale = min(TILE_WH[0] / picture.width, TILE_WH[1] / picture.height)
    picture = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(picture)
    if prompt.box_xyxy is not None:
        draw.rectangle([float(v) * scale for v in prompt.box_xyxy], outline="white", width=2)
    for (x, y), label in zip(prompt.points_xy * scale, prompt.labels, strict=True):
        draw.ellipse((x - 5, y - 5, x + 5, y + 5), fill="#15803d" if label else "#dc2626", outline="white", width=2)
    out = Image.new("RGB", TILE_WH, "white")
    out.paste(picture, ((TILE_WH[0] - picture.width) // 2, (TILE_WH[1] - picture.height) // 2))
    return out


def main(model: str | None = None) -> None:
    """Writes docs/pictures/nano.jpg: a row for each subject, with the masks of one click, of three, and of a box."""
    predictor = SamPredictor.from_pretrained(model, device="cpu")
    sheet = Image.new("RGB", (3 * (TILE_WH[0] + 8) - 8, len(SUBJECTS) * (TILE_WH[1] + 8) - 8), "white")
    for row, subject in enumerate(SUBJECTS):
        photo = load_rgb(PHOTOS / subject.photo)
        predictor.set_image(photo)
        one_click, three_clicks = (
            Prompt(points_xy=[c[:2] for c in subject.clicks[:n]], labels=[c[2] for c in subject.clicks[:n]])
            for n in (1, 3)
        )
        for column, prompt in enumerate((one_click, three_clicks, Prompt(box_xyxy=subject.box))):
            sheet.paste(tile(predictor, photo, prompt), (column * (TILE_WH[0] + 8), row * (TILE_WH[1] + 8)))
    sheet.save(ROOT / "docs/pictures/nano.jpg", quality=88)


if __name__ == "__main__":
    main()

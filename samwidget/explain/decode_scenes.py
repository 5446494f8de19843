"""The film of a prediction in three levels of detail: the whole, module by module, and the arithmetic of one number.

Owns what each scene shows. ``inside`` recorded the arrays, so the film needs no model.
"""

from __future__ import annotations

import numpy as np

from samwidget.core import INCLUDE
from samwidget.explain import colouring, maps
from samwidget.explain.arithmetic import Logit, logit_at
from samwidget.explain.figure_parts import BLUE, FAINT, INK, ORANGE, VERMILION
from samwidget.explain.film import (
    HEIGHT,
    WIDTH,
    Area,
    Film,
    Item,
    Line,
    Pictures,
    Rgb,
    Scene,
    Text,
    heading,
    prompt_items,
)
from samwidget.explain.inside import Steps

OVERVIEW, MODULE, ARITHMETIC = "Whole", "Module by module", "One number"
_LEFT, _RIGHT = (32.0, 84.0, 432.0, 396.0), (496.0, 84.0, 432.0, 396.0)
_BELOW = 512
# The modules, and the steps that each computes.
_MODULES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("image", ("pixels",)),
    ("encoder", ("fine features", "features", "deep features", "finer features", "finest features")),
    ("prompt", ("prompt maps", "tokens", "mask features")),
    (
        "decoder",
        (
            *("similarity", "attention", "coarse mask", "attention 1", "image tokens 1", "attention 2"),
            *("image tokens 2", "final attention", "upscaled features"),
        ),
    ),
    ("masks", ("candidates", "logits")),
    ("threshold", ("mask",)),
)
_PRODUCTS_SHOWN = (0.25, 0.5, 0.75, 1.0)
_BAR_HEIGHT = 70.0


def decode_film(steps: Steps, point_xy: tuple[float, float] | None = None) -> Film:
    """The prediction step by step.

    Args:
        steps: of a prediction.
        point_xy: in image pixels, the pixel whose logit is computed; None takes the first included point, or the middle
            of the mask's pixels.

    Raises:
        PromptError: the point lies outside the image.
    """
    pictures = Pictures()
    film = {
        OVERVIEW: _overview(steps, pictures),
        MODULE: _modules(steps, pictures),
        ARITHMETIC: _arithmetic(steps, pictures, _point_of(steps) if point_xy is None else point_xy),
    }
    return Film(f"From a prompt to a mask, with {steps.model}", film, tuple(pictures.images))


def _overview(steps: Steps, pictures: Pictures) -> tuple[Scene, ...]:
    features = steps.content("features")
    colours = colouring.enlarged(colouring.from_shares(maps.feature_colours(features)))
    masks = steps.masks.to_bool()
    middle, photo = (pictures.fit(steps.image, box) for box in ((32, 84, WIDTH - 64, HEIGHT - 110), _LEFT))
    scores = ", ".join(f"{score:.2f}" for score in steps.masks.scores)
    candidates = colouring.side_by_side([colouring.tinted(steps.image, mask) for mask in masks], len(masks))
    scenes: list[tuple[str, list[Item], str]] = [
        (
            "A photo and a prompt",
            [middle, *prompt_items(steps.prompt, middle, steps.frame.image_hw, 14)],
            "The photo is known; the prompt says which object is meant.",
        ),
        (
            "The encoder reads the photo, once",
            [photo, pictures.fit(colours, _RIGHT), *_caption("the photo", f"{len(features)} numbers in each cell")],
            "Parts that look alike to the network have one colour. It does not know the prompt yet.",
        ),
        (
            "The decoder reads features and prompt, at each click",
            [
                photo,
                *prompt_items(steps.prompt, photo, steps.frame.image_hw),
                pictures.fit(_meeting(steps), _RIGHT),
                *_caption("the prompt", _meeting_name(steps)),
            ],
            _meeting_sentence(steps),
        ),
        (
            "Three candidates",
            [
                pictures.fit(candidates, (32, 84, WIDTH - 64, 396)),
                Text(f"scores {scores}", WIDTH / 2, _BELOW, align="center"),
            ],
            "One prompt may mean a part or the whole. The network also estimates how good each candidate is.",
        ),
        (
            "The threshold makes a mask of logits",
            [
                pictures.fit(colouring.enlarged(colouring.signs(steps.content("logits"))), _LEFT),
                pictures.fit(colouring.tinted(steps.image, steps.mask), _RIGHT),
                *_caption("logits: blue is above 0", f"the mask: {int(steps.mask.sum())} pixels"),
            ],
            "A pixel belongs to the mask where its logit is above 0.",
        ),
    ]
    return tuple(Scene((*heading(title), *items), sentence) for title, items, sentence in scenes)


def _modules(steps: Steps, pictures: Pictures) -> tuple[Scene, ...]:
    scenes = []
    names = [(module, name) for module, names in _MODULES for name in names if name in steps]
    prompt = prompt_items(steps.prompt, pictures.fit(steps.image, (32, 134, 400, 340)), steps.frame.image_hw)
    for module, name in names:
        array = steps[name]
        shape = " \N{MULTIPLICATION SIGN} ".join(str(side) for side in array.shape)
        sentence = next(step.sentence for step in steps.steps if step.name == name)
        items = [
            *_flow(module),
            pictures.fit(steps.image, (32, 134, 400, 340)),
            *prompt,
            pictures.fit(picture_of(steps, name), (464, 134, 464, 340)),
            Text(name, 696, 508, 22, align="center", bold=True),
            Text(shape, 696, 532, 18, FAINT, "center"),
        ]
        scenes.append(Scene(tuple(items), sentence))
    return tuple(scenes)


def picture_of(steps: Steps, name: str) -> Rgb:
    """A step's array as an image: maps as they lie on the photo, tokens as rows, the mask as a tint of the photo."""
    array = steps[name]
    if name == "pixels":
        return steps.image
    if name == "mask":
        return colouring.tinted(steps.image, steps.mask)
    if "attention" in name:
        return colouring.enlarged(colouring.heat(np.sqrt(_attention(steps, name)), 0))
    if name in ("candidates", "logits", "coarse mask"):
        logits = steps.content(name).reshape(-1, *steps.content(name).shape[-2:])
        return colouring.enlarged(
            colouring.side_by_side([colouring.signs(values) for values in logits], min(2, len(logits)))
        )
    if name in ("prompt maps", "similarity"):
        # Maps of parts that the prompt has not are zero.
        used = [values for values in steps.content(name) if values.any()]
        columns = round(len(used) ** 0.5 + 0.4)
        return colouring.enlarged(colouring.side_by_side([colouring.heat(values, 0, 1) for values in used], columns))
    if array.ndim == 3:
        return colouring.enlarged(colouring.from_shares(maps.feature_colours(steps.content(name))))
    return colouring.enlarged(colouring.signs(array.repeat(-(-array.shape[1] // (2 * len(array))), 0)))


def _attention(steps: Steps, name: str) -> maps.Floats:
    """(h, w), the mean over the heads: of the chosen candidate's token, or of the cell under the prompt."""
    attention = steps.content(name)
    if steps.tokens:
        return np.asarray(attention[:, steps.tokens.index(f"candidate {steps.level + 1}")].mean(0), np.float32)
    height, width = steps.content("deep features").shape[1:]
    x, y = _point_of(steps)
    row, column = int(y / steps.frame.image_hw[0] * height), int(x / steps.frame.image_hw[1] * width)
    return np.asarray(attention[:, min(row, height - 1), min(column, width - 1)].mean(0), np.float32)


def _meeting(steps: Steps) -> Rgb:
    if steps.tokens:
        return picture_of(steps, steps.attention_names[-1])
    return colouring.enlarged(colouring.signs(steps.content("coarse mask")[0]))


def _meeting_name(steps: Steps) -> str:
    return "where the candidate's token reads" if steps.tokens else "a first, coarse mask"


def _meeting_sentence(steps: Steps) -> str:
    if steps.tokens:
        return "Tokens of the prompt and cells of the image read each other, layer after layer. Yellow is read most."
    return "Cells that are near the prompt, or look like what it points at, say where the object can be: blue."


def _arithmetic(steps: Steps, pictures: Pictures, point_xy: tuple[float, float]) -> tuple[Scene, ...]:
    logit = logit_at(steps, point_xy)
    photo = pictures.fit(steps.image, (32, 84, 260, 396))
    scale = photo.width / steps.frame.image_hw[1]
    x, y = photo.x + point_xy[0] * scale, photo.y + point_xy[1] * scale
    frame = ((x - 9, y - 9), (x + 9, y - 9), (x + 9, y + 9), (x - 9, y + 9), (x - 9, y - 9))
    where: list[Item] = [photo, Line(frame, "#ffffff", 7), Line(frame, VERMILION, 4)]
    count = len(logit.features)
    features = _bars(logit.features, 164, "features of the pixel", BLUE)
    weights = _bars(logit.weights, 310, "weights of the candidate", ORANGE)
    where.append(Text(f"row {logit.row}, column {logit.column}", 162, _BELOW, 18, FAINT, "center"))
    title = heading("One number of the logits")
    scenes = [
        Scene(
            (*title, *where, *features),
            f"At the marked pixel the network has {count} features. They know the image and the prompt.",
        ),
        Scene(
            (*title, *where, *features, *weights),
            f"The candidate has {count} weights: what to look for. All pixels share them.",
        ),
    ]
    for share in _PRODUCTS_SHOWN:
        done = max(1, round(share * count))
        total = float(logit.products[:done].sum())
        sum_text = f"{done} of {count} products add up to {total:.2f}"
        products = _bars(logit.products, 456, sum_text, INK, done)
        scenes.append(
            Scene(
                (*heading("Feature times weight, then the sum"), *where, *features, *weights, *products),
                "Each feature is multiplied by the weight below it. Bars above the line add, bars below it take away.",
            )
        )
    scenes.append(_result(logit, where))
    return tuple(scenes)


def _result(logit: Logit, where: list[Item]) -> Scene:
    total = float(logit.products.sum())
    side, belongs = ("above", "belongs") if logit.value > 0 else ("not above", "does not belong")
    lines: list[Item] = [Text("sum of the products", 340, 190), Text(f"{total:.2f}", 920, 190, 34, align="right")]
    if logit.rest_name:
        lines += [Text(logit.rest_name, 340, 260), Text(f"{logit.rest:+.2f}", 920, 260, 34, align="right")]
    lines += [
        Line(((340, 292), (920, 292)), FAINT, 2),
        Text("logit", 340, 342, bold=True),
        Text(f"{logit.value:.2f}", 920, 342, 40, BLUE if logit.value > 0 else VERMILION, "right", True),
    ]
    return Scene(
        (*heading("The logit"), *where, *lines),
        f"The logit is {logit.value:.2f}, {side} 0: the pixel {belongs} to the mask.",
    )


def _bars(values: maps.Floats, middle: float, title: str, fill: str, done: int | None = None) -> list[Item]:
    """One bar for each number, upwards where it is positive; the first ``done`` in colour, the others pale."""
    step = 580 / len(values)
    reach = max(float(np.abs(values).max()), 1e-9)
    items: list[Item] = [Text(title, 340, middle - _BAR_HEIGHT + 12, 17, FAINT)]
    for index, value in enumerate(values.tolist()):
        height = abs(value) / reach * (_BAR_HEIGHT - 20)
        top = middle - height if value > 0 else middle
        colour = fill if done is None or index < done else "#d1d5db"
        items.append(Area(round(340 + index * step, 2), round(top, 2), round(step * 0.7, 2), round(height, 2), colour))
    return [*items, Line(((340, middle), (920, middle)), FAINT, 1)]


def _flow(current: str) -> list[Item]:
    """The modules from left to right, with the current one in colour."""
    items: list[Item] = []
    step = (WIDTH - 64) / len(_MODULES)
    for index, (name, _) in enumerate(_MODULES):
        x = 32 + index * step
        is_current = name == current
        items.append(Area(x, 34, step - 26, 56, BLUE if is_current else "#eef1f5"))
        items.append(Text(name, x + (step - 26) / 2, 69, 20, "#ffffff" if is_current else INK, "center", is_current))
        if index < len(_MODULES) - 1:
            items.append(Line(((x + step - 20, 62), (x + step - 6, 62)), FAINT, 3))
            items.append(Line(((x + step - 13, 55), (x + step - 6, 62), (x + step - 13, 69)), FAINT, 3))
    return items


def _caption(left: str, right: str) -> list[Item]:
    return [Text(left, 248, _BELOW, align="center"), Text(right, 712, _BELOW, align="center")]


def _point_of(steps: Steps) -> tuple[float, float]:
    included = steps.prompt.points_xy[steps.prompt.labels == INCLUDE]
    if len(included):
        return float(included[0, 0]), float(included[0, 1])
    rows, columns = np.nonzero(steps.mask if steps.mask.any() else np.ones_like(steps.mask))
    middle = len(rows) // 2
    return float(columns[middle]) + 0.5, float(rows[middle]) + 0.5

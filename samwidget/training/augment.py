"""Random changes of a photo and its object masks together: the view, light and colour, pasted objects, backgrounds.

All functions draw from the generator that they are given, and from nothing else. Photos are (H, W, 3) uint8 RGB; ids
are (H, W) uint8 with the object of each pixel (see ``photo_cache``). Called by ``data``, which decides how often each
change is made.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from samwidget.training.photo_cache import VOID

Rgb = npt.NDArray[np.uint8]
Ids = npt.NDArray[np.uint8]
_Numbers = npt.NDArray[np.number]


def random_view(
    rng: np.random.Generator, rgb: Rgb, ids: Ids, focus_id: int, size_hw: tuple[int, int], *, rotate: bool
) -> tuple[Rgb, Ids]:
    """A random part of a photo and its ids, scaled to ``size_hw``, with at least a part of one object in it.

    One affine map crops, scales, rotates and flips, so that pixels are interpolated once. Outside of the photo its
    border pixels are repeated, in the photo and in the ids.

    Args:
        rng: draws the view.
        rgb: the photo.
        ids: its object ids.
        focus_id: the id of the object that is in the view.
        size_hw: of the result.
        rotate: whether to rotate by any multiple of 90 degrees, besides the small angle that some views get.
    """
    height, width = size_hw
    ratio = width / height * np.exp(rng.uniform(-0.22, 0.22))
    view_w = min(ids.shape[1], ids.shape[0] * ratio)
    if rng.random() < 0.2:
        view_w = max(ids.shape[1], ids.shape[0] * ratio)
    elif rng.random() < 0.5:
        view_w *= np.exp(rng.uniform(np.log(0.35), 0))
    view_h = view_w / ratio
    centre_xy = _view_centre(rng, ids, focus_id, view_w, view_h)
    angle = rng.normal(0, 8) if rng.random() < 0.3 else 0.0
    if rotate:
        angle += 90 * rng.integers(4)
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    flip = -1 if rng.random() < 0.5 else 1
    # From crop pixels to photo pixels, the direction that warpAffine expects with WARP_INVERSE_MAP.
    to_photo = np.array([[cos, -sin], [sin, cos]]) @ np.diag([flip * view_w / width, view_h / height])
    shift = np.asarray(centre_xy) - 0.5 - to_photo @ np.array([(width - 1) / 2, (height - 1) / 2])
    matrix = np.column_stack([to_photo, shift])
    flags = cv2.WARP_INVERSE_MAP
    crop = cv2.warpAffine(rgb, matrix, (width, height), None, flags | cv2.INTER_LINEAR, cv2.BORDER_REPLICATE)
    crop_ids = cv2.warpAffine(ids, matrix, (width, height), None, flags | cv2.INTER_NEAREST, cv2.BORDER_REPLICATE)
    return np.asarray(crop, np.uint8), np.asarray(crop_ids, np.uint8)


def turned(rng: np.random.Generator, rgb: Rgb, ids: Ids) -> tuple[Rgb, Ids]:
    """A photo and its ids, turned by a quarter, a half or three quarters, or half the time by any angle.

    The result holds the whole photo. Around it the photo is mirrored, and the ids there are void.

    Args:
        rng: draws the angle.
        rgb: the photo.
        ids: its object ids.
    """
    angle = rng.uniform(0, 360) if rng.random() < 0.5 else 90.0 * rng.integers(1, 4)
    height, width = ids.shape
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1.0)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    size = (round(height * sin + width * cos), round(height * cos + width * sin))
    matrix[0, 2] += (size[0] - width) / 2
    matrix[1, 2] += (size[1] - height) / 2
    around = cv2.warpAffine(rgb, matrix, size, None, cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101)
    turned_ids = cv2.warpAffine(ids, matrix, size, None, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT, VOID)
    return np.asarray(around, np.uint8), np.asarray(turned_ids, np.uint8)


def _view_centre(
    rng: np.random.Generator, ids: Ids, focus_id: int, view_w: float, view_h: float
) -> tuple[float, float]:
    """x, y of a centre for which a random pixel of the object is in the view.

    The view stays inside the photo along each side on which it fits, and is centred on the photo along the others.
    """
    rows, columns = np.nonzero(ids == focus_id)
    index = rng.integers(len(rows))
    centre_xy = []
    for position, view, side in ((columns[index], view_w, ids.shape[1]), (rows[index], view_h, ids.shape[0])):
        middle = position + rng.uniform(-0.45, 0.45) * view
        centre_xy.append(float(np.clip(middle, view / 2, side - view / 2)) if view < side else side / 2)
    return centre_xy[0], centre_xy[1]


def change_light(rng: np.random.Generator, rgb: Rgb) -> Rgb:
    """The photo with random changes of brightness, contrast, saturation, gamma, blur, noise and JPEG compression."""
    x = rgb.astype(np.float32) / np.float32(255)
    if rng.random() < 0.7:
        x = x * np.float32(np.exp(rng.normal(0, 0.2))) + np.float32(rng.normal(0, 0.05))
        mean = np.float32(x.mean())
        x = (x - mean) * np.float32(np.exp(rng.normal(0, 0.2))) + mean
        x = x * np.exp(rng.normal(0, 0.06, 3)).astype(np.float32)
    if rng.random() < 0.5:
        grey = x @ np.array([0.299, 0.587, 0.114], np.float32)
        x = grey[..., None] + (x - grey[..., None]) * np.float32(rng.uniform(0.3, 1.6))
    elif rng.random() < 0.15:
        x = np.repeat((x @ np.array([0.299, 0.587, 0.114], np.float32))[..., None], 3, 2)
    x = np.clip(x, 0, 1)
    if rng.random() < 0.3:
        x = x ** np.float32(np.exp(rng.normal(0, 0.25)))
    if rng.random() < 0.12:
        x = np.asarray(cv2.GaussianBlur(x, (0, 0), float(rng.uniform(0.4, 1.6))), np.float32)
    elif rng.random() < 0.1:
        x = np.asarray(cv2.filter2D(x, -1, _motion_kernel(rng)), np.float32)
    if rng.random() < 0.15:
        x = x + rng.normal(0, rng.uniform(0.01, 0.06), x.shape).astype(np.float32)
    changed = np.asarray(np.clip(x, 0, 1) * 255 + 0.5, np.uint8)
    if rng.random() < 0.15:
        _, file = cv2.imencode(".jpg", changed, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 80))])
        changed = np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR), np.uint8)
    return changed


def _motion_kernel(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """(11, 11) float32 kernel of a motion blur: a line of 3 to 9 pixels in any direction, with sum 1."""
    length, angle = rng.uniform(3, 9), rng.uniform(0, np.pi)
    kernel = np.zeros((11, 11), np.float32)
    half = length / 2 * np.array([np.cos(angle), np.sin(angle)])
    ends = np.round((5 + np.array([-half, half])) * 16).astype(int)
    cv2.line(kernel, ends[0].tolist(), ends[1].tolist(), 1.0, 1, cv2.LINE_AA, 4)
    return np.asarray(kernel / kernel.sum(), np.float32)


def paste(
    rng: np.random.Generator,
    rgb: Rgb,
    ids: Ids,
    donor: Rgb,
    shape: npt.NDArray[np.bool_],
    new_id: int,
    centre_xy: tuple[int, int] | None = None,
) -> None:
    """Pastes an object of another photo, at a random scale, into ``rgb`` and ``ids`` in place.

    Does nothing if the object has fewer than 40 pixels. Its outline is blended over about a pixel.

    Args:
        rng: draws the scale and, if needed, the position.
        rgb: the photo.
        ids: its object ids.
        donor: (h, w, 3) uint8 RGB, the other photo.
        shape: (h, w) bool, the object in ``donor``.
        new_id: the id of the pasted object.
        centre_xy: where its centre is pasted, in pixels of ``rgb``; None for a random position.
    """
    rows, columns = np.nonzero(shape)
    if len(rows) < 40:
        return
    top, left, bottom, right = rows.min(), columns.min(), rows.max() + 1, columns.max() + 1
    height, width = ids.shape
    share = np.exp(rng.uniform(np.log(0.1), np.log(0.7)))
    scale = share * min(height, width) / max(bottom - top, right - left)
    scale = min(scale, 2.5)
    small_w, small_h = max(4, int((right - left) * scale)), max(4, int((bottom - top) * scale))
    box = (slice(top, bottom), slice(left, right))
    patch, alpha = _resized(rng, donor[box], shape[box], (small_w, small_h))
    if centre_xy is None:
        x = int(rng.integers(-small_w // 3, width - small_w // 2))
        y = int(rng.integers(-small_h // 3, height - small_h // 2))
    else:
        x, y = centre_xy[0] - small_w // 2, centre_xy[1] - small_h // 2
    _lay(rgb, ids, patch, alpha, (x, y), new_id)


def add_rider(
    rng: np.random.Generator, rgb: Rgb, ids: Ids, host: int, donor: Rgb, person: npt.NDArray[np.bool_], new_id: int
) -> bool:
    """Puts the upper half or more of a person on the back of an animal, in place; False where there is no room.

    Args:
        rng: draws how much of the person is seen, the size, and the place on the back.
        rgb: the photo.
        ids: its object ids.
        host: the id of the animal.
        donor: (h, w, 3) uint8 RGB, the photo of the person.
        person: (h, w) bool, the person in ``donor``, from head to foot.
        new_id: the id of the rider.
    """
    rows, columns = np.nonzero(person)
    top, left, right = rows.min(), columns.min(), columns.max() + 1
    bottom = int(top + (rows.max() + 1 - top) * rng.uniform(0.5, 0.8))
    host_rows, host_columns = np.nonzero(ids == host)
    host_h, host_w = np.ptp(host_rows) + 1, np.ptp(host_columns) + 1
    x = int(host_columns.min() + host_w * rng.uniform(0.25, 0.75))
    here = host_rows[host_columns == x]
    height = int(min(host_h, host_w) * rng.uniform(0.6, 1.2))
    scale = height / (bottom - top)
    if not len(here) or height < 16 or scale > 2.5:
        return False
    seat = int(here.min() + np.ptp(here) * rng.uniform(0.15, 0.45))
    size = max(4, int((right - left) * scale)), height
    box = (slice(top, bottom), slice(left, right))
    patch, alpha = _resized(rng, donor[box], person[box], size)
    _lay(rgb, ids, patch, alpha, (x - size[0] // 2, seat - height), new_id)
    return bool((ids == new_id).any())


def _resized(
    rng: np.random.Generator, donor: Rgb, shape: npt.NDArray[np.bool_], size: tuple[int, int]
) -> tuple[Rgb, npt.NDArray[np.float32]]:
    """An object in another size, mirrored half of the time: (h, w, 3) levels, and the (h, w) share that it covers.

    Args:
        rng: draws whether it is mirrored.
        donor: the part of a photo with the object.
        shape: the object in that part, bool.
        size: w and h.
    """
    method = cv2.INTER_AREA if size[1] < len(shape) else cv2.INTER_LINEAR
    patch = np.asarray(cv2.resize(np.ascontiguousarray(donor), size, interpolation=method), np.uint8)
    alpha = np.asarray(cv2.resize(shape.astype(np.float32), size, interpolation=method), np.float32)
    return (patch[:, ::-1], alpha[:, ::-1]) if rng.random() < 0.5 else (patch, alpha)


def _lay(
    rgb: Rgb, ids: Ids, patch: _Numbers, alpha: npt.NDArray[np.float32], corner_xy: tuple[int, int], new_id: int
) -> None:
    """Lays an object over a photo in place, its left top corner at a pixel; what lies outside is left out.

    Args:
        rgb: the photo.
        ids: its object ids.
        patch: (h, w, 3) levels of the object.
        alpha: (h, w) float32, the share of each pixel that the object covers.
        corner_xy: may be outside.
        new_id: of the object.
    """
    x, y = corner_xy
    height, width = alpha.shape
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + width, ids.shape[1]), min(y + height, ids.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    patch = patch[y0 - y : y1 - y, x0 - x : x1 - x]
    alpha = np.ascontiguousarray(alpha[y0 - y : y1 - y, x0 - x : x1 - x])
    ids[y0:y1, x0:x1][alpha > 0.5] = new_id
    soft = cv2.GaussianBlur(alpha, (0, 0), 0.7)[..., None]
    _blend(rgb[y0:y1, x0:x1], patch, soft)


def _blend(rgb: Rgb, other: _Numbers, alpha: _Numbers) -> None:
    """Mixes ``other`` into ``rgb`` in place.

    Args:
        rgb: (h, w, 3) uint8.
        other: (h, w, 3) levels from 0 to 255, or (3,) for one colour.
        alpha: (h, w, 1) from 0, which leaves ``rgb``, to 1, which gives ``other``.
    """
    rgb[:] = (rgb + (other - rgb.astype(np.float32)) * alpha).astype(np.uint8)


def add_ground(rng: np.random.Generator, rgb: Rgb, ids: Ids, new_id: int, donor: Rgb | None) -> None:
    """Paints a background area, such as water, sky, lawn, road or wall, behind the objects in place.

    The datasets have no labels for these, and a guess by colour ends where the light changes. A painted area has an
    exact border, a random line, and the texture of another photo or of stretched noise, like waves and tracks.

    Does nothing if the area would cover less than 4 % or more than 85 % of the crop.

    Args:
        rng: draws the area and the light.
        rgb: the photo.
        ids: its object ids; only pixels with id 0 are painted.
        new_id: the id of the painted area.
        donor: (h, w, 3) uint8 RGB, a patch of another photo; None for noise.
    """
    free = ids == 0
    mask = ground_shape(rng, ids.shape) & free
    if not 0.04 < mask.mean() < 0.85:
        return
    texture = noise_texture(rng, ids.shape) if donor is None else _tiled(donor, ids.shape)
    height, width = ids.shape
    slope_x, slope_y = rng.normal(0, 25, 2)
    light = np.linspace(-slope_y, slope_y, height)[:, None] + np.linspace(-slope_x, slope_x, width)
    alpha = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), float(rng.uniform(0.5, 2.0)))[..., None]
    ground = np.clip(texture + light[..., None].astype(np.float32), 0, 255)
    # The blurred border must not reach into objects.
    alpha = np.where(free[..., None], alpha, 0)
    _blend(rgb, ground, alpha)
    ids[mask] = new_id


def ground_shape(rng: np.random.Generator, size_hw: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """(h, w) bool: one side of a wavy line, a band between two lines that may meet, or a blob."""
    height, width = size_hw
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / np.float32(min(size_hw))
    angle = rng.choice([0.0, np.pi, rng.uniform(0, 2 * np.pi)], p=[0.5, 0.15, 0.35]) + rng.normal(0, 0.1)
    # Coordinates along the line and across it; the origin is a random point near the middle of the crop.
    x, y = x - rng.uniform(0.2, 0.8) * width / min(size_hw), y - rng.uniform(0.2, 0.8) * height / min(size_hw)
    along, across = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    wave = np.zeros_like(along)
    for octave in range(4):
        wave += rng.normal(0, 0.03) / 1.7**octave * np.sin(along * 3 * 2.2**octave + rng.uniform(0, 2 * np.pi))
    kind = rng.random()
    if kind < 0.5:
        return np.asarray(across > wave)
    if kind < 0.75:
        wide = rng.uniform(0.08, 0.3) * np.maximum(0.15, 1 + rng.uniform(-1, 1) * along)
        return np.asarray(np.abs(across - wave) < wide)
    return np.asarray(np.hypot(along / rng.uniform(0.3, 0.8), across / rng.uniform(0.15, 0.5)) < 1 + 3 * wave)


def noise_texture(rng: np.random.Generator, size_hw: tuple[int, int]) -> npt.NDArray[np.float32]:
    """(h, w, 3) float32, about 0 to 255: one colour with noise, which is fine like sand or coarse like clouds."""
    height, width = size_hw
    colour = rng.uniform(20, 235) + rng.normal(0, 18, 3)
    strength, fall, stretch = rng.uniform(1, 22), rng.uniform(0.6, 1.3), np.exp(rng.uniform(0, np.log(6)))
    texture = np.zeros((height, width), np.float32)
    for octave in range(6):
        rows, columns = max(2, height >> (octave + 1)), max(2, int((width >> (octave + 1)) / stretch))
        noise = rng.normal(0, 1, (rows, columns)).astype(np.float32)
        texture += np.float32(fall**octave) * cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    texture *= np.float32(strength / (texture.std() + 1e-3))
    tint = 1 + rng.normal(0, 0.2, 3)
    return np.asarray(colour + texture[..., None] * tint, np.float32)


def _tiled(patch: Rgb, size_hw: tuple[int, int]) -> npt.NDArray[np.float32]:
    """(h, w, 3) float32, the patch mirrored at its borders until it fills ``size_hw``."""
    below, right = (max(0, size - side) for size, side in zip(size_hw, patch.shape, strict=False))
    filled = np.pad(patch, ((0, below), (0, right), (0, 0)), mode="symmetric")
    return np.asarray(filled[: size_hw[0], : size_hw[1]], np.float32)


def add_lines(rng: np.random.Generator, rgb: Rgb, ids: Ids, ground_id: int) -> None:
    """Draws thin lines that begin in a random object and belong to it, in place: like leashes, masts and stalks.

    The photos have few objects with thin parts, and few objects that cover only a small part of their box.

    Args:
        rng: draws the object and the lines.
        rgb: the photo.
        ids: its object ids.
        ground_id: the id of the painted background, in which no lines begin.
    """
    objects = np.flatnonzero((ids > 0) & (ids != 255) & (ids != ground_id))
    if not len(objects):
        return
    y, x = divmod(int(rng.choice(objects)), ids.shape[1])
    reach = min(ids.shape) * np.exp(rng.uniform(np.log(0.15), np.log(0.9)))
    colour = rgb[y, x].astype(int) if rng.random() < 0.4 else rng.integers(0, 256, 3)
    thickness = int(rng.choice([1, 2, 3, 5], p=[0.3, 0.35, 0.2, 0.15]))
    lines = np.zeros(ids.shape, np.uint8)
    angle, fan = rng.uniform(0, 2 * np.pi), abs(rng.normal(0, 0.3))
    for _ in range(int(rng.choice([1, 2, 4, 8], p=[0.5, 0.2, 0.2, 0.1]))):
        angles = angle + rng.uniform(-fan, fan) + np.cumsum(rng.normal(0, 0.15, 6))
        steps = np.column_stack([np.cos(angles), np.sin(angles)]) * reach / 6
        points = np.round(np.cumsum(np.vstack([[x, y], steps]), 0) * 16).astype(np.int32)
        cv2.polylines(lines, [points], False, 255, thickness, cv2.LINE_AA, 4)
    strength = (lines * rng.uniform(0.6, 1.0) / 255)[..., None]
    _blend(rgb, colour, strength)
    ids[lines >= 128] = ids[y, x]


def random_shape(rng: np.random.Generator, size_hw: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """(h, w) bool: a polygon, an ellipse, an arc or a stroke, so that not all objects are of the datasets' kinds."""
    height, width = size_hw
    canvas = np.zeros(size_hw, np.uint8)
    kind = rng.integers(4)
    if kind == 0:
        count = int(rng.integers(3, 9))
        angles = np.sort(rng.uniform(0, 2 * np.pi, count))
        radii = rng.uniform(0.15, 0.5, count)
        points = np.column_stack([0.5 + radii * np.cos(angles), 0.5 + radii * np.sin(angles)]) * (width, height)
        cv2.fillPoly(canvas, [points.astype(np.int32)], 1)
    elif kind == 1:
        axes = (max(3, int(width * rng.uniform(0.05, 0.4))), max(3, int(height * rng.uniform(0.05, 0.4))))
        cv2.ellipse(canvas, (width // 2, height // 2), axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    elif kind == 2:
        # An arc, so that the middle of its box is background.
        axes = (int(width * rng.uniform(0.15, 0.4)), int(height * rng.uniform(0.15, 0.4)))
        thickness = int(rng.integers(4, max(5, min(axes) // 2)))
        middle, tilt = (width // 2, height // 2), float(rng.uniform(0, 360))
        cv2.ellipse(canvas, middle, axes, tilt, 0, float(rng.uniform(150, 360)), 1, thickness)
    else:
        points = (np.cumsum(rng.normal(0, 0.14, (int(rng.integers(3, 7)), 2)), 0) + 0.5) * (width, height)
        thickness = int(rng.integers(3, max(4, min(size_hw) // 12)))
        cv2.polylines(canvas, [points.astype(np.int32)], bool(rng.random() < 0.2), 1, thickness)
    return canvas.astype(bool)

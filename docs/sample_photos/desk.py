"""A desk by a window: a mug, a notebook with a pen, a plant, books, an apple, a phone on its cable."""

from __future__ import annotations

import numpy as np

from docs.sample_photos import textures as t
from docs.sample_photos.meshes import Mesh, box, joined, lathe, leaf, plane, rounded, surface, tube
from docs.sample_photos.rays import LEAF, LIGHT, METAL
from docs.sample_photos.tracer import Camera, Scene

CAMERA = Camera(eye=(4, 43, 76), target=(0.5, 8.9, -2), height=31.5, focus=80, aperture=0.55)


def scene() -> Scene:
    """The desk, lit by a window on the left."""
    rng = np.random.default_rng(5)
    sky = np.array([[-62, 10, -48], [0, 0, 116], [0, 62, 0], [7.5, 8.6, 10.2]], float)
    sun = np.array([[-0.74, 0.50, 0.34], [8.0, 6.6, 4.7]])
    sun[0] /= np.linalg.norm(sun[0])
    desk = Scene(sky, sun, np.array([0.62, 0.57, 0.52]))
    _room(desk, rng)
    _mug(desk, rng)
    _notebook(desk, rng)
    _plant(desk, rng)
    _books(desk, rng)
    _apple(desk, rng)
    _phone(desk)
    return desk


def _room(desk: Scene, rng: np.random.Generator) -> None:
    top = t.wood(rng, (0.80, 0.63, 0.44), (0.50, 0.33, 0.19), planks=5)
    desk.add(plane((-90, 0, 60), (180, 0, 0), (0, 0, -90), (1.2, 1)), top, rough=0.45)
    desk.add(plane((-140, -60, -46), (280, 0, 0), (0, 200, 0)), t.flat((0.62, 0.68, 0.66)), coat=0)
    # The wall with the window: four parts around its opening, and the bars of its frame.
    wall, white = t.flat((0.86, 0.85, 0.82)), t.flat((0.93, 0.92, 0.9))
    for y0, y1, z0, z1 in ((-60, 10, -46, 120), (72, 140, -46, 120), (10, 72, 68, 120), (10, 72, -48, -46)):
        desk.add(plane((-60, y0, z1), (0, 0, z0 - z1), (0, y1 - y0, 0)), wall, coat=0)
    desk.add(
        joined([*(box(3, 62, 3).moved(-60, 10, z) for z in (-8, 30)), box(3, 3, 114, 0.2).moved(-60, 44, 11)]),
        white,
        rough=0.35,
    )
    desk.add(box(9, 2, 116, 0.4).moved(-59, 8.6, 11), white, rough=0.35)
    corner, u, v, radiance = desk.sky
    desk.add(plane(corner, u, v), radiance.astype(np.float32)[None, None], kind=LIGHT)


def _mug(desk: Scene, rng: np.random.Generator) -> None:
    glaze = t.speckled(rng, (0.18, 0.36, 0.47), (0.08, 0.16, 0.24), 0.02)
    outside = [
        (0, 0.1),
        (2.9, 0.1),
        (3.15, 0.1),
        (3.3, 0.4),
        (3.95, 1.6),
        (4.1, 4),
        (4.1, 7),
        (4.1, 9.3),
        (4.1, 9.7),
        (3.95, 9.75),
    ]
    inside = [(3.8, 9.7), (3.75, 9.2), (3.75, 3), (3.4, 1), (2.6, 0.6), (0, 0.6)]
    handle = tube(
        [(3.6, 8.2, 0), (5.6, 8.6, 0), (6.9, 6.7, 0), (6.4, 4.0, 0), (4.7, 2.9, 0), (3.6, 2.7, 0)], 0.52, 20
    ).scaled(1, 1, 1.35)
    body = joined([lathe(outside + inside), handle]).turned(-28)
    desk.add(body.moved(-13, 0, 9), glaze, "mug", rough=0.16, coat=0.05)
    coffee = lathe([(0, 8.35), (2, 8.35), (3.6, 8.35), (3.76, 8.42)], times=1)
    desk.add(coffee.moved(-13, 0, 9), t.flat((0.20, 0.11, 0.06)), "mug", rough=0.05, coat=0.03)


def _page(width: float, height: float, lift: float, side: int) -> Mesh:
    """A page that rises beside the fold in the middle and falls to its outer edge."""
    across = np.linspace(0, 1, 25)
    y = 0.15 + lift * np.sin(np.pi * np.clip(across * 1.05, 0, 1) ** 0.55) * (1 - 0.45 * across)
    x = side * width * across
    along = np.linspace(0, -height, 3)
    points = np.stack([np.tile(x, (3, 1)), np.tile(y, (3, 1)), np.repeat(along[:, None], 25, 1)], -1)
    if side < 0:
        points = points[:, ::-1]
    return surface(points)


def _notebook(desk: Scene, rng: np.random.Generator) -> None:
    for side, written in ((-1, 19), (1, 7)):
        sheet = _page(13.4, 19.4, 0.85, side)
        # v runs from the near edge to the far one, so the page is drawn upside down.
        desk.add(_placed(sheet), t.ruled_paper(rng, written)[::-1], "notebook", rough=0.8, coat=0.02)
        for under in (0.12, 0.24, 0.36):
            lower = _page(13.4 + 0.05 * under, 19.4, 0.85 - under, side).moved(z=0.05, y=-under / 4)
            desk.add(_placed(lower), t.flat((0.93, 0.90, 0.83)), "notebook", rough=0.9, coat=0)
    cover = box(27.8, 0.22, 20.2, 0.1).moved(0, 0, -9.7)
    desk.add(_placed(cover), t.flat((0.62, 0.20, 0.16)), "notebook", rough=0.5)
    pen = tube([(0, 0, 0), (1.1, 0, 0), (4, 0, 0), (13.4, 0, 0)], [0.06, 0.34, 0.42, 0.42, 0.42, 0.42], 24, 2)
    clip = joined([box(4, 0.12, 0.4, 0.05).moved(11.3, 0.5, 0), box(0.7, 0.3, 0.4, 0.05).moved(13.1, 0.3, 0)])
    ring = tube([(8.6, 0, 0), (9.0, 0, 0)], 0.45, 24, 1)
    for mesh, texture, kind, rough in (
        (pen, t.flat((0.10, 0.12, 0.16)), 0, 0.15),
        (joined([clip, ring]), t.flat((0.85, 0.72, 0.45)), METAL, 0.25),
    ):
        desk.add(_placed(mesh.turned(-2.5, 2).turned(62).moved(5.5, 1.32, -6)), texture, "pen", kind=kind, rough=rough)


def _placed(mesh: Mesh) -> Mesh:
    return mesh.turned(9).moved(5.5, 0, 20.5)


def _plant(desk: Scene, rng: np.random.Generator) -> None:
    at = (-24, 0, -17)
    pot = [
        (0, 0.2),
        (4.4, 0.2),
        (4.7, 0.2),
        (4.9, 0.7),
        (6.2, 8.6),
        (6.2, 8.8),
        (6.9, 8.8),
        (7.0, 9.0),
        (7.2, 11.3),
        (7.1, 11.5),
        (6.6, 11.5),
        (6.3, 11.2),
        (6.1, 9.9),
        (0, 9.9),
    ]
    clay = t.speckled(rng, (0.74, 0.42, 0.28), (0.84, 0.60, 0.47), 0.12)
    desk.add(lathe(pot, times=2).moved(*at), clay, "plant", rough=0.7, coat=0.02)
    angles = np.linspace(0, 2 * np.pi, 60)
    radii = np.linspace(0, 6.2, 24)[:, None]
    bumps = 0.22 * rng.normal(size=(24, 60)) + 0.5 * (1 - (radii / 6.2) ** 2)
    bumps[:, -1] = bumps[:, 0]
    earth = surface(np.stack([radii * np.cos(angles), 10.0 + bumps, -radii * np.sin(angles)], -1))
    desk.add(earth.moved(*at), t.flat((0.21, 0.15, 0.11)), "plant", rough=0.9, coat=0)
    greens = [
        t.leaf_colours(rng, c, v)
        for c, v in (
            ((0.20, 0.42, 0.16), (0.55, 0.68, 0.35)),
            ((0.28, 0.50, 0.17), (0.62, 0.74, 0.38)),
            ((0.16, 0.36, 0.17), (0.48, 0.62, 0.34)),
        )
    ]
    count = 34
    for index in range(count):
        height = (index + 0.5) / count
        angle = 137.5 * index + rng.uniform(-14, 14)
        lift = 78 - 62 * (1 - height) + rng.uniform(-9, 9)
        stalk = 3.2 + 10.5 * height + rng.uniform(-1, 1)
        size = 9.5 - 2.2 * height + rng.uniform(-0.9, 0.9)
        end = stalk * np.cos(np.radians(lift)), 10.2 + stalk * np.sin(np.radians(lift)) * 1.15
        line = [(0.4, 10, 0), (0.45 * end[0], 10 + 0.68 * (end[1] - 10), 0), (end[0], end[1], 0)]
        stem = tube(line, [0.24, 0.13], 8, 3).turned(angle)
        blade = (
            leaf(size, size * 0.52, rng.uniform(0.35, 0.75))
            .turned(rng.uniform(-22, 22), 0)
            .turned(max(8, lift - 34), 2)
        )
        desk.add(stem.moved(*at), t.flat((0.36, 0.50, 0.22)), "plant", rough=0.5)
        desk.add(
            blade.moved(end[0], end[1], 0).turned(angle).moved(*at),
            greens[index % 3],
            "plant",
            kind=LEAF,
            rough=0.38,
            coat=0.035,
        )


def _books(desk: Scene, rng: np.random.Generator) -> None:
    y = 0.0
    for size, colour, turn in (
        ((24, 3.4, 17.5), (0.16, 0.26, 0.40), 4),
        ((22.5, 2.4, 16), (0.78, 0.60, 0.24), -7),
        ((20, 2.9, 14.5), (0.57, 0.22, 0.22), 9),
    ):
        width, height, depth = size
        cloth = t.mixed(colour, tuple(0.8 * c for c in colour), 0.5 + 0.3 * t.noise(rng, (256, 256), (128, 128), 1))
        boards = [box(width, 0.28, depth, 0.08).moved(y=level) for level in (0, height - 0.28)]
        spine = box(width, height, 0.3, 0.12).moved(z=depth / 2 - 0.15)
        band = joined(
            [
                box(0.8, height + 0.03, 0.34, 0.05).moved(x, -0.01, depth / 2 - 0.15)
                for x in (-width / 2 + 2.4, width / 2 - 2.4)
            ]
        )
        lettering = box(7.5, 0.9, 0.34, 0.03).moved(-1, height / 2 - 0.45, depth / 2 - 0.15)
        lines = 0.5 + 0.5 * np.sin(np.arange(160)[:, None] * 2.4) + 0 * np.arange(4)
        leaves = t.mixed((0.90, 0.86, 0.76), (0.72, 0.67, 0.56), 0.5 * lines)
        block = box(width - 0.9, height - 0.5, depth - 0.7, 0.05).moved(0, 0.25, -0.1)
        for mesh, texture in (
            (joined([*boards, spine]), cloth),
            (joined([band, lettering]), t.flat((0.87, 0.74, 0.45))),
            (block, leaves),
        ):
            desk.add(mesh.turned(turn).moved(20, y, -20), texture, "books", rough=0.6, coat=0.03)
        y += height + 0.02


def _apple(desk: Scene, rng: np.random.Generator) -> None:
    profile = [
        (0, 0.7),
        (0.9, 0.35),
        (1.9, 0.1),
        (3.0, 0.9),
        (4.0, 3.2),
        (4.15, 5.0),
        (3.5, 6.7),
        (2.2, 7.3),
        (0.9, 6.9),
        (0.3, 6.2),
        (0, 6.0),
    ]
    skin = t.fruit_skin(rng, (0.70, 0.72, 0.24), (0.74, 0.13, 0.10), 0.9)
    apple = lathe(profile).scaled(1.02, 0.96, 0.98).turned(200).turned(8, 2)
    stalk = tube([(0, 5.7, 0), (0.1, 7.0, 0), (0.6, 8.3, 0.2)], [0.12, 0.1, 0.19], 10)
    at = (20.4, 8.55, -15.5)
    desk.add(apple.moved(*at), skin, "apple", rough=0.22, coat=0.045)
    desk.add(stalk.moved(*at), t.flat((0.30, 0.20, 0.12)), "apple", rough=0.8)


def _phone(desk: Scene) -> None:
    body = box(7.3, 0.78, 15, 0.36).turned(-16).moved(27.5, 0.02, 6)
    desk.add(body, t.flat((0.05, 0.055, 0.065)), "phone", rough=0.08, coat=0.05)
    line = [
        (25.5, 0.4, -1),
        (25, 0.4, -3),
        (22.5, 0.24, -9),
        (33, 0.24, -11),
        (40, 0.24, -2),
        (44, 0.24, -10),
        (38, 0.24, -24),
        (46, 0.24, -34),
        (60, 0.24, -36),
    ]
    path = rounded(line, 3)
    desk.add(tube(path.tolist(), 0.24, 12, 1), t.flat((0.92, 0.91, 0.88)), "cable", rough=0.4)
    plug = tube([(25.6, 0.4, -0.6), (25.5, 0.4, -1), (24.95, 0.4, -3.2)], 0.42, 16, 1)
    desk.add(plug, t.flat((0.92, 0.91, 0.88)), "cable", rough=0.4)

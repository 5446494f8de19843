"""A kitchen worktop: a teapot, a bowl of lemons, oil, spoons in a jar, and a board with bread, tomatoes and a knife."""

from __future__ import annotations

import numpy as np

from docs.sample_photos import textures as t
from docs.sample_photos.meshes import box, joined, lathe, leaf, plane, surface, tube
from docs.sample_photos.rays import GLASS, LEAF, LIGHT, METAL
from docs.sample_photos.tracer import Camera, Scene

CAMERA = Camera(eye=(-3, 38, 82), target=(0, 10.4, -6), height=31, focus=84, aperture=0.5)


def scene() -> Scene:
    """The worktop, lit by a window on the right."""
    rng = np.random.default_rng(11)
    sky = np.array([[70, 20, 70], [0, 0, -120], [0, 70, 0], [8.0, 8.8, 10.0]], float)
    sun = np.array([[0.80, 0.62, 0.52], [6.2, 5.2, 3.9]])
    sun[0] /= np.linalg.norm(sun[0])
    kitchen = Scene(sky, sun, np.array([0.62, 0.60, 0.57]))
    _room(kitchen, rng)
    _teapot(kitchen, rng)
    _lemons(kitchen, rng)
    _oil(kitchen)
    _spoons(kitchen, rng)
    _board(kitchen, rng)
    _towel(kitchen, rng)
    return kitchen


def _room(kitchen: Scene, rng: np.random.Generator) -> None:
    stone = t.speckled(rng, (0.33, 0.35, 0.36), (0.62, 0.62, 0.60), 0.16, 768)
    kitchen.add(plane((-100, 0, 60), (200, 0, 0), (0, 0, -86), (5, 2.2)), stone, rough=0.28, coat=0.04)
    wall = t.tiles(rng, (0.89, 0.90, 0.88), (0.66, 0.66, 0.63), 8, 16)
    kitchen.add(plane((-96, 0, -26), (192, 0, 0), (0, 96, 0), (1.5, 1.5)), wall, rough=0.14, coat=0.045)
    corner, u, v, radiance = kitchen.sky
    kitchen.add(plane(corner, u, v), radiance.astype(np.float32)[None, None], kind=LIGHT)
    bars = joined([box(3, 70, 4).moved(66, 20, 10), box(3, 3, 120, 0.2).moved(66, 52, 10)])
    kitchen.add(bars, t.flat((0.9, 0.9, 0.88)))
    frame = joined(
        [box(3, 20, 240).moved(66, 0, 0), box(3, 60, 240).moved(66, 90, 0), box(3, 70, 60).moved(66, 20, -80)]
    )
    kitchen.add(frame, t.flat((0.88, 0.87, 0.84)))


def _teapot(kitchen: Scene, rng: np.random.Generator) -> None:
    at = (-25, 0, -9)
    glaze = t.speckled(rng, (0.20, 0.42, 0.38), (0.12, 0.25, 0.24), 0.03)
    body = lathe(
        [
            (0, 0.1),
            (4.0, 0.1),
            (4.4, 0.3),
            (4.6, 0.8),
            (7.4, 3.4),
            (8.3, 7),
            (7.6, 10.6),
            (5.0, 12.6),
            (4.4, 12.9),
            (4.2, 12.9),
            (4.0, 12.6),
            (0, 12.6),
        ]
    )
    lid = lathe(
        [
            (0, 12.7),
            (4.3, 12.7),
            (4.5, 12.95),
            (4.2, 13.4),
            (2.6, 14.3),
            (0.9, 14.6),
            (0.6, 15.0),
            (0.7, 15.3),
            (1.3, 15.9),
            (1.2, 16.7),
            (0.5, 17.0),
            (0, 17.0),
        ]
    )
    spout = tube(
        [(5.6, 4.0, 0), (8.6, 5.0, 0), (10.4, 7.4, 0), (11.2, 11.0, 0), (12.6, 12.6, 0)],
        [2.3, 1.7, 1.15, 0.85, 0.9],
        28,
    )
    handle = tube(
        [(-6.6, 10.6, 0), (-9.5, 12.4, 0), (-12.6, 10.4, 0), (-12.2, 6.4, 0), (-9.4, 3.9, 0), (-6.8, 3.6, 0)], 0.78, 22
    )
    kitchen.add(joined([body, lid, spout, handle]).turned(-24).moved(*at), glaze, "teapot", rough=0.13, coat=0.05)


def _lemons(kitchen: Scene, rng: np.random.Generator) -> None:
    at = (22.5, 0, -8)
    profile = [
        (0, 0.3),
        (3.6, 0.3),
        (3.9, 0.1),
        (4.2, 0.6),
        (7.6, 2.4),
        (10.2, 5.4),
        (10.9, 7.6),
        (10.85, 7.85),
        (10.6, 7.8),
        (9.8, 5.8),
        (7.2, 3.0),
        (3.8, 1.4),
        (0, 1.2),
    ]
    v = np.linspace(0, 1, 256)[:, None] + 0 * np.arange(4)
    is_stripe = ((np.abs(v - 0.34) < 0.02) | (np.abs(v - 0.40) < 0.035)).astype(float)
    kitchen.add(
        lathe(profile).moved(*at),
        t.mixed((0.93, 0.92, 0.88), (0.22, 0.34, 0.55), is_stripe),
        "bowl",
        rough=0.15,
        coat=0.05,
    )
    yellow = t.mixed((0.95, 0.78, 0.13), (0.86, 0.62, 0.06), 0.4 + 0.3 * t.noise(rng, (256, 256), (60, 60), 2))
    orange = t.mixed((0.93, 0.50, 0.08), (0.84, 0.38, 0.04), 0.4 + 0.3 * t.noise(rng, (256, 256), (60, 60), 2))
    lemon = lathe(
        [(0, -4.9), (0.5, -4.8), (0.9, -4.1), (2.6, -3.0), (3.4, 0), (2.7, 2.9), (1.0, 4.0), (0.6, 4.5), (0, 4.6)], 48
    )
    ball = lathe([(0, -3.6), (2.0, -3.5), (3.7, -1.6), (3.8, 0), (3.7, 1.7), (2.0, 3.4), (0.4, 3.3), (0, 3.1)], 48)
    for mesh, skin, tilt, turn, x, y, z in (
        (lemon, yellow, 84, 20, -4.2, 5.4, 2.6),
        (ball, orange, 20, 0, 3.2, 5.6, 3.2),
        (lemon, yellow, 78, -60, 4.3, 5.7, -3.6),
        (ball, orange, 160, 40, -3.2, 5.6, -4.0),
        (lemon, yellow, 70, 100, 0.2, 9.6, -0.6),
    ):
        fruit = mesh.turned(tilt, 2).turned(turn).moved(at[0] + x, at[1] + y, at[2] + z)
        kitchen.add(fruit, skin, "fruit", rough=0.32, coat=0.045)


def _oil(kitchen: Scene) -> None:
    at = (4.6, 0, -13)
    glass = lathe(
        [
            (0, 0.05),
            (3.6, 0.05),
            (3.9, 0.3),
            (3.9, 1),
            (3.9, 15),
            (3.7, 17),
            (1.7, 20),
            (1.45, 22),
            (1.4, 27.2),
            (1.75, 27.4),
            (1.75, 28.4),
            (1.4, 28.5),
            (0, 28.5),
        ]
    )
    kitchen.add(glass.moved(*at), t.flat((0.90, 0.86, 0.42)), "bottle", kind=GLASS)
    cork = lathe([(0, 28.5), (1.2, 28.5), (1.3, 28.6), (1.45, 30.9), (1.3, 31.1), (0, 31.1)], times=2)
    kitchen.add(cork.moved(*at), t.flat((0.70, 0.52, 0.34)), "bottle", rough=0.9, coat=0)
    angles = np.linspace(-1.1, 1.1, 24) + 1.45
    label = surface(
        np.stack(
            [np.stack([3.93 * np.cos(angles), 0 * angles + y, 3.93 * np.sin(angles)], -1)[::-1] for y in (4.5, 12.5)]
        )
    )
    rows = np.linspace(0, 1, 160)[:, None]
    columns = np.linspace(0, 1, 200)[None]
    print_share = (np.abs(rows - 0.5) > 0.44) & (np.abs(rows - 0.5) < 0.47) & (np.abs(columns - 0.5) < 0.46)
    olive = (((columns - 0.5) / 0.13) ** 2 + ((rows - 0.58) / 0.22) ** 2 < 1) | (
        (np.abs(rows - 0.2) < 0.03) & (np.abs(columns - 0.5) < 0.3)
    )
    colours = t.mixed((0.93, 0.90, 0.80), (0.24, 0.34, 0.18), (print_share | olive).astype(float))
    kitchen.add(label.moved(*at), colours, "bottle", rough=0.7, coat=0.02)


def _spoons(kitchen: Scene, rng: np.random.Generator) -> None:
    at = (-8.5, 0, -14)
    jar = lathe(
        [
            (0, 0.1),
            (4.6, 0.1),
            (5.0, 0.3),
            (5.2, 0.9),
            (5.3, 7),
            (5.2, 12.6),
            (5.5, 13.1),
            (5.5, 13.9),
            (5.2, 14.1),
            (4.9, 13.9),
            (4.7, 12),
            (4.7, 1),
            (0, 0.9),
        ]
    )
    v = np.linspace(0, 1, 256)[:, None] + 0.02 * t.noise(rng, (256, 256), (3, 5), 3)
    dipped = t.mixed((0.78, 0.70, 0.58), (0.90, 0.89, 0.85), np.clip((v - 0.33) * 40, 0, 1))
    kitchen.add(jar.moved(*at), dipped, "jar", rough=0.25, coat=0.045)
    woods = [
        t.wood(rng, light, dark, size=256)
        for light, dark in (((0.78, 0.58, 0.36), (0.58, 0.38, 0.2)), ((0.62, 0.41, 0.24), (0.42, 0.25, 0.13)))
    ]
    for index, (lean, turn, length) in enumerate(((15, 35, 27), (17, 160, 25.5), (12, 260, 28.5))):
        stick = tube([(0, 1.5, 0), (0, length - 3, 0), (0, length, 0)], [0.5, 0.45, 0.55], 14, 2)
        blade = (
            lathe([(0, -3.2), (0.9, -3.0), (2.0, -1.2), (2.35, 1), (1.7, 3.2), (0.7, 3.9), (0, 4)], 32)
            .scaled(1, 1, 0.28)
            .moved(y=length + 2)
        )
        spoon = joined([stick, blade]).turned(30 * index).turned(lean, 2).turned(turn)
        foot = -2.6 * np.cos(np.radians(turn)) * -1, 2.6 * np.sin(np.radians(turn)) * -1
        kitchen.add(spoon.moved(at[0] + foot[0], 0, at[2] + foot[1]), woods[index % 2], "spoons", rough=0.6, coat=0.02)
    wires = []
    for angle in range(0, 180, 36):
        loop = [
            (0.3, 17, 0),
            (0.5, 18.5, 0),
            (2.7, 23, 0),
            (2.4, 27.4, 0),
            (0, 28.6, 0),
            (-2.4, 27.4, 0),
            (-2.7, 23, 0),
            (-0.5, 18.5, 0),
            (-0.3, 17, 0),
        ]
        wires.append(tube(loop, 0.10, 8, 3).turned(angle))
    wires.append(tube([(0, 2, 0), (0, 10, 0), (0, 17.4, 0)], [0.55, 0.6, 0.5], 16, 1))
    whisk = joined(wires).turned(-13, 2).turned(-32)
    kitchen.add(whisk.moved(at[0] - 1.4, 0, at[2] + 1.2), t.flat((0.86, 0.86, 0.86)), "whisk", kind=METAL, rough=0.2)


def _board(kitchen: Scene, rng: np.random.Generator) -> None:
    turn, at = -7, (-5.5, 0, 13)
    grain = t.wood(rng, (0.72, 0.50, 0.30), (0.45, 0.27, 0.15), planks=4, size=768)
    slab = box(38, 2.0, 21, 0.5).turned(turn).moved(*at)
    kitchen.add(slab, grain, "board", rough=0.55, coat=0.03)
    # A loaf with three cuts: crust, and lighter where it opened.
    v, u = np.mgrid[0:384, 0:768] / np.array([384, 768]).reshape(2, 1, 1)
    cuts, top = np.zeros_like(u), np.cos(2 * np.pi * (u - 0.93))
    for place in (0.24, 0.42, 0.60, 0.78):
        cuts = np.maximum(
            cuts, np.exp(-(((v - place - 0.05 * np.sin(2 * np.pi * (u - 0.93))) / 0.022) ** 2)) * (top > 0.25)
        )
    crust = t.mixed(
        (0.64, 0.38, 0.17), (0.42, 0.21, 0.08), 0.40 + 0.22 * t.noise(rng, (384, 768), (30, 40), 5) - 0.3 * (top - 0.5)
    )
    open_crumb = t.mixed((0.88, 0.72, 0.48), (0.80, 0.60, 0.36), 0.4 + 0.3 * t.noise(rng, (384, 768), (40, 60), 3))
    crust = crust * (1 - cuts[..., None]) + open_crumb * cuts[..., None]
    loaf = lathe(
        [(0, -9.5), (1.8, -9.3), (4.2, -7), (5.0, -3), (5.1, 0), (5.0, 3), (4.2, 7), (1.8, 9.3), (0, 9.5)]
    ).turned(90, 2)
    kitchen.add(
        loaf.scaled(1, 0.86, 1).turned(turn + 12).moved(-13, 6.1, 11.5),
        crust.astype(np.float32),
        "bread",
        rough=0.8,
        coat=0.02,
    )
    red = t.mixed((0.80, 0.10, 0.06), (0.66, 0.06, 0.04), 0.4 + 0.2 * t.noise(rng, (128, 128), (5, 5), 3))
    tomato = lathe(
        [(0, 0.5), (1.2, 0.1), (2.6, 0.5), (3.5, 2.2), (3.4, 4.0), (2.4, 5.1), (1.0, 5.2), (0.3, 4.8), (0, 4.7)], 56
    )
    for x, z, size in ((1.6, 9.6, 1.0), (7.8, 7.2, 0.92)):
        kitchen.add(tomato.scaled(size, size, size).moved(x, 2, z), red, "tomatoes", rough=0.12, coat=0.05)
        for point in range(5):
            green = leaf(2.5 * size, 1.0 * size, 0.1).turned(72 * point + 20 * x).moved(x, 2 + 5.22 * size, z)
            kitchen.add(green, t.flat((0.26, 0.46, 0.14)), "tomatoes", kind=LEAF, rough=0.6)
    along = np.linspace(0, 1, 30)
    edge = np.stack([16 * along, 0 * along, -1.9 * (1 - along**3) + 0.2], -1)
    back = np.stack([16 * along, 0 * along, 0.2 + 0.1 * along], -1)
    lift = np.array([0, 0.14, 0])
    blade = surface(np.stack([back, back + lift, edge + lift / 3, edge, back])).scaled(1, 1, -1)
    knife_at = {"x": -3.5, "y": 2.03, "z": 16.8}
    kitchen.add(blade.turned(8).moved(**knife_at), t.flat((0.84, 0.85, 0.87)), "knife", kind=METAL, rough=0.17)
    grip = (
        tube([(-10.4, 0, 0), (-9.6, 0, 0), (-4, 0, 0), (0.3, 0, 0)], [0.5, 0.95, 0.75, 0.8], 20)
        .scaled(1, 0.62, 1)
        .moved(0, 0.55, -0.6)
    )
    kitchen.add(grip.turned(8).moved(**knife_at), t.flat((0.13, 0.10, 0.09)), "knife", rough=0.3)


def _towel(kitchen: Scene, rng: np.random.Generator) -> None:
    x, z = np.meshgrid(np.linspace(-1, 1, 70), np.linspace(1, -1, 70))
    edge = np.clip((1 - np.abs(x)) * 14, 0, 1) * np.clip((1 - np.abs(z)) * 14, 0, 1)
    waves = 0.22 * t.noise(rng, (70, 70), (2, 3), 2) + 0.35 * np.exp(-(((x + 0.3 * z - 0.2) / 0.10) ** 2))
    layers = 0.75 + 0.5 * (x < 0.12 + 0.05 * np.sin(5 * z))
    points = np.stack(
        [8.6 * x + 0.25 * waves, edge**0.5 * (layers + waves.clip(-0.4)), 10.5 * z + 0.4 * np.sin(2.5 * x)], -1
    )
    woven = t.cloth(rng, (0.90, 0.87, 0.80), (0.66, 0.18, 0.16))
    kitchen.add(surface(points).turned(19).moved(25.5, 0.02, 12), woven, "towel", rough=0.9, coat=0)

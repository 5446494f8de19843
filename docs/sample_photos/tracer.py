"""Follows light backwards from the camera through a scene of triangles (path tracing, Kajiya 1986).

Light comes from a rectangle of sky, from the sun, and dimly from all around. Surfaces are matt under a clear coat,
metal, glass or leaf. The lens has an aperture, so what lies off the focus is soft. Besides the colour, each pixel
counts which object its rays meet first: the object that most of them meet is the truth.
"""

# The inner functions are compiled by numba, which does not read annotations: they get plain numbers and arrays.

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from numba import njit

from docs.sample_photos.meshes import Mesh
from docs.sample_photos.rays import GLASS, LEAF, LIGHT, MATT, METAL, build_tree, first_surface, light_that_passes
from docs.sample_photos.textures import Texture

BRIGHTEST = 8.0
"""Light of a path after its first surface is cut here, or single paths become white dots."""


@dataclass
class Scene:
    """What stands in the scene, and what lights it.

    Attributes:
        sky: corner, both sides and radiance of the rectangle of sky, (4, 3); it shines to the side of u x v.
        sun: direction to the sun and its irradiance, (2, 3).
        around: radiance from everywhere else, (3,).
        names: the objects that get a mask; object i + 1 is names[i].
    """

    sky: npt.NDArray[np.float64]
    sun: npt.NDArray[np.float64]
    around: npt.NDArray[np.float64]
    names: list[str] = field(default_factory=list)
    _meshes: list[tuple[Mesh, int, int]] = field(default_factory=list)
    _materials: list[tuple[float, float, float]] = field(default_factory=list)
    _textures: list[Texture] = field(default_factory=list)

    def add(
        self, mesh: Mesh, texture: Texture, name: str = "", kind: int = MATT, rough: float = 0.3, coat: float = 0.04
    ) -> None:
        """Adds a part of the object ``name``, which may have several; without a name it belongs to the background.

        Args:
            mesh: its shape.
            texture: its colours; of a light, its radiance.
            name: of the object.
            kind: MATT, METAL, GLASS, LIGHT or LEAF.
            rough: 0 is a mirror, 1 spreads its highlight widely.
            coat: share that a clear coat reflects when looked at straight; 0 for none.
        """
        if name and name not in self.names:
            self.names.append(name)
        self._meshes.append((mesh, len(self._materials), self.names.index(name) + 1 if name else 0))
        self._materials.append((float(kind), rough, coat))
        self._textures.append(texture.astype(np.float32))


@dataclass(frozen=True)
class Camera:
    """A camera with a thin lens; lengths in cm.

    Attributes:
        eye, target: where it is, and the point in the middle of the photo.
        height: degrees that the photo sees from top to bottom.
        focus: distance of what is sharp.
        aperture: radius of the lens.
    """

    eye: tuple[float, float, float]
    target: tuple[float, float, float]
    height: float
    focus: float
    aperture: float


def render(scene: Scene, camera: Camera, size_wh: tuple[int, int], samples: int, seed: int = 0):
    """Renders a scene.

    Args:
        scene: what to render.
        camera: from where.
        size_wh: width and height in pixels.
        samples: rays of each pixel.
        seed: of the random numbers.

    Returns:
        The matt radiance and what coats reflect, (H, W, 6) float64; the variance of both, (H, W, 2) float64, of the
        mean of each pixel's rays; the mean reflectance and normal of the first surfaces, (H, W, 6) float64; and how
        many rays of each pixel meet each object first, (H, W, objects + 1) int32.
    """
    corners = np.concatenate([mesh.corners for mesh, _, _ in scene._meshes])
    normals = np.concatenate([mesh.normals for mesh, _, _ in scene._meshes])
    uv = np.concatenate([mesh.uv for mesh, _, _ in scene._meshes])
    material = np.concatenate([np.full(len(mesh.corners), m) for mesh, m, _ in scene._meshes])
    owner = np.concatenate([np.full(len(mesh.corners), o) for mesh, _, o in scene._meshes])
    bounds, child, count, order = build_tree(corners.min(1), corners.max(1))
    corners, normals, uv = corners[order], normals[order], uv[order]
    texels = np.concatenate([texture.reshape(-1, 3) for texture in scene._textures])
    shapes = np.array([texture.shape[:2] for texture in scene._textures])
    starts = np.concatenate([[0], np.cumsum(shapes.prod(1))[:-1]])
    edges = np.stack([corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], 1)
    world = (
        bounds, child, count, edges, normals, uv, material[order], owner[order],
        np.array(scene._materials), texels, shapes, starts, scene.sky, scene.sun, scene.around,
    )  # fmt: skip
    ahead = np.subtract(camera.target, camera.eye)
    ahead = ahead / np.linalg.norm(ahead)
    right = np.cross(ahead, (0.0, 1.0, 0.0))
    right /= np.linalg.norm(right)
    view = np.stack([np.asarray(camera.eye, float), ahead, right, np.cross(right, ahead)])
    lens = np.array([math.tan(math.radians(camera.height) / 2), camera.focus, camera.aperture])
    return _render(world, view, lens, size_wh[0], size_wh[1], samples, len(scene.names) + 1, seed)


@njit(cache=True, fastmath=True)
def _colour(world, m, u, v):
    """Reflectance of material m at texture coordinates, between the four nearest texels."""
    texels, shapes, starts = world[9], world[10], world[11]
    h, w, start = shapes[m, 0], shapes[m, 1], starts[m]
    x, y = (u - math.floor(u)) * w - 0.5, (v - math.floor(v)) * h - 0.5
    x0, y0 = math.floor(x), math.floor(y)
    fx, fy = x - x0, y - y0
    r = g = b = 0.0
    for j in range(2):
        for i in range(2):
            weight = (fx if i else 1 - fx) * (fy if j else 1 - fy)
            t = start + int((y0 + j) % h) * w + int((x0 + i) % w)
            r, g, b = r + weight * texels[t, 0], g + weight * texels[t, 1], b + weight * texels[t, 2]
    return r, g, b


@njit(cache=True, fastmath=True)
def _around(nx, ny, nz, cos, angle):
    """A direction at a cosine to an axis, turned about it by an angle."""
    if abs(nx) > 0.5:
        tx, ty, tz = -ny, nx, 0.0
    else:
        tx, ty, tz = 0.0, nz, -ny
    length = math.sqrt(tx * tx + ty * ty + tz * tz)
    tx, ty, tz = tx / length, ty / length, tz / length
    bx, by, bz = ny * tz - nz * ty, nz * tx - nx * tz, nx * ty - ny * tx
    sin = math.sqrt(max(0.0, 1 - cos * cos))
    a, b = sin * math.cos(angle), sin * math.sin(angle)
    return a * tx + b * bx + cos * nx, a * ty + b * by + cos * ny, a * tz + b * bz + cos * nz


@njit(cache=True, fastmath=True)
def _path(world, stack, ox, oy, oz, dx, dy, dz, r1, r2, r3, r4, r5):
    """Matt and reflected radiance along a ray; object, reflectance and normal of its first surface.

    r1 to r5 are random numbers for that surface.
    """
    normals, uvs, material, owner, kinds = world[4], world[5], world[6], world[7], world[8]
    sky, sun, ambient = world[12], world[13], world[14]
    red = green = blue = 0.0
    tr = tg = tb = 1.0
    # Light that a matt surface sends through a mirror to a small light is left out: such paths are rare, white dots.
    sees_light = True
    first = 0
    ar, ag, ab, fx, fy, fz = 1.0, 1.0, 1.0, 0.0, 0.0, 0.0
    # What the first surface's coat reflects: all of a path that it sends on, or else its highlight of the sun.
    sr = sg = sb = 0.0
    is_coat = False
    for bounce in range(7):
        t, i, u, v = first_surface(world, stack, ox, oy, oz, dx, dy, dz)
        most = 1e9 if bounce == 0 else BRIGHTEST
        if i < 0:
            glow = 0.75 + 0.5 * dy
            red, green, blue = (
                red + tr * ambient[0] * glow,
                green + tg * ambient[1] * glow,
                blue + tb * ambient[2] * glow,
            )
            break
        m = material[i]
        if bounce == 0:
            first = owner[i]
        w = 1 - u - v
        tu = w * uvs[i, 0, 0] + u * uvs[i, 1, 0] + v * uvs[i, 2, 0]
        tv = w * uvs[i, 0, 1] + u * uvs[i, 1, 1] + v * uvs[i, 2, 1]
        cr, cg, cb = _colour(world, m, tu, tv)
        kind, rough, coat = kinds[m, 0], kinds[m, 1], kinds[m, 2]
        if kind == LIGHT:
            if sees_light:
                red, green, blue = red + min(most, tr * cr), green + min(most, tg * cg), blue + min(most, tb * cb)
            break
        nx = w * normals[i, 0, 0] + u * normals[i, 1, 0] + v * normals[i, 2, 0]
        ny = w * normals[i, 0, 1] + u * normals[i, 1, 1] + v * normals[i, 2, 1]
        nz = w * normals[i, 0, 2] + u * normals[i, 1, 2] + v * normals[i, 2, 2]
        length = math.sqrt(nx * nx + ny * ny + nz * nz)
        nx, ny, nz = nx / length, ny / length, nz / length
        cos = -(nx * dx + ny * dy + nz * dz)
        inside = cos < 0
        if inside:
            nx, ny, nz, cos = -nx, -ny, -nz, -cos
        if bounce == 0:
            fx, fy, fz = nx, ny, nz
            if kind in (MATT, LEAF):
                ar, ag, ab = cr, cg, cb
        px, py, pz = ox + t * dx, oy + t * dy, oz + t * dz
        if kind == GLASS:
            ratio = 1.5 if inside else 1 / 1.5
            k = 1 - ratio * ratio * (1 - cos * cos)
            share = 1.0
            if k > 0:
                c = cos if not inside else math.sqrt(k)
                share = 0.04 + 0.96 * (1 - c) ** 5
            if np.random.random() < share:
                dx, dy, dz = dx + 2 * cos * nx, dy + 2 * cos * ny, dz + 2 * cos * nz
                ox, oy, oz = px + 1e-3 * nx, py + 1e-3 * ny, pz + 1e-3 * nz
            else:
                f = ratio * cos - math.sqrt(k)
                dx, dy, dz = ratio * dx + f * nx, ratio * dy + f * ny, ratio * dz + f * nz
                ox, oy, oz = px - 1e-3 * nx, py - 1e-3 * ny, pz - 1e-3 * nz
                tr, tg, tb = tr * cr, tg * cg, tb * cb
            continue
        px, py, pz = px + 1e-3 * nx, py + 1e-3 * ny, pz + 1e-3 * nz
        # The sun: one soft shadow ray, for the matt part and for the highlight.
        spread = 0.012
        sx, sy, sz = _around(sun[0, 0], sun[0, 1], sun[0, 2], 1 - (spread * spread / 2) * r3, 2 * math.pi * r4)
        to_sun = nx * sx + ny * sy + nz * sz
        lit = 0.0
        if (to_sun > 0 or kind == LEAF) and sun[1, 0] > 0:
            side = 1.0 if to_sun > 0 else -1.0
            lit = light_that_passes(
                world,
                stack,
                px + (side - 1) * 1e-3 * nx,
                py + (side - 1) * 1e-3 * ny,
                pz + (side - 1) * 1e-3 * nz,
                sx,
                sy,
                sz,
                1e6,
            )
        mx, my, mz = dx + 2 * cos * nx, dy + 2 * cos * ny, dz + 2 * cos * nz
        exponent = 2 / max(1e-5, rough**4) - 2 if rough > 0.02 else 1e6
        schlick = (1 - cos) ** 5 * (1 - 0.7 * rough)
        share = coat + (1 - coat) * schlick if coat > 0 else 0.0
        if kind == METAL:
            share = 1.0
        if sees_light and lit > 0 and share > 0 and to_sun > 0:
            towards = mx * sx + my * sy + mz * sz
            if towards > 0:
                lobe = (
                    min(60.0, (min(exponent, 4000.0) + 1) / (2 * math.pi) * towards ** min(exponent, 4000.0))
                    * share
                    * lit
                )
                fr, fg, fb = (cr, cg, cb) if kind == METAL else (1.0, 1.0, 1.0)
                red = red + min(most, tr * fr * lobe * sun[1, 0])
                green = green + min(most, tg * fg * lobe * sun[1, 1])
                blue = blue + min(most, tb * fb * lobe * sun[1, 2])
                if bounce == 0:
                    sr, sg, sb = red, green, blue
        # On the first surface a faint reflection gets more rays of less weight, or it would be grainy.
        chance = max(share, 0.25) if bounce == 0 and share > 0 else share
        if r5 < chance:
            tr, tg, tb = tr * share / chance, tg * share / chance, tb * share / chance
            is_coat = is_coat or bounce == 0
            lobe_cos = r1 ** (1 / (exponent + 1))
            dx, dy, dz = _around(mx, my, mz, lobe_cos, 2 * math.pi * r2)
            out = dx * nx + dy * ny + dz * nz
            if out < 0:
                dx, dy, dz = dx - 2 * out * nx, dy - 2 * out * ny, dz - 2 * out * nz
            if kind == METAL:
                tr, tg, tb = tr * cr, tg * cg, tb * cb
        else:
            rest = (1 - share) / (1 - chance)
            tr, tg, tb = tr * rest, tg * rest, tb * rest
            through = 0.0
            if kind == LEAF:
                through = 0.35
            near, beyond = 1 - through, through
            weight = (near * to_sun if to_sun > 0 else -beyond * to_sun) * lit / math.pi
            # The sky: a random point of its rectangle.
            lx = sky[0, 0] + r1 * sky[1, 0] + r2 * sky[2, 0] - px
            ly = sky[0, 1] + r1 * sky[1, 1] + r2 * sky[2, 1] - py
            lz = sky[0, 2] + r1 * sky[1, 2] + r2 * sky[2, 2] - pz
            far = math.sqrt(lx * lx + ly * ly + lz * lz)
            lx, ly, lz = lx / far, ly / far, lz / far
            ax = sky[1, 1] * sky[2, 2] - sky[1, 2] * sky[2, 1]
            ay = sky[1, 2] * sky[2, 0] - sky[1, 0] * sky[2, 2]
            az = sky[1, 0] * sky[2, 1] - sky[1, 1] * sky[2, 0]
            facing = -(ax * lx + ay * ly + az * lz)
            to_sky = nx * lx + ny * ly + nz * lz
            sky_weight = 0.0
            if facing > 0 and (to_sky > 0 or kind == LEAF):
                side = 0.0 if to_sky > 0 else -2e-3
                open_share = light_that_passes(
                    world, stack, px + side * nx, py + side * ny, pz + side * nz, lx, ly, lz, far - 1e-2
                )
                strength = near * to_sky if to_sky > 0 else -beyond * to_sky
                sky_weight = strength * facing * open_share / (far * far * math.pi)
            red += min(most, tr * cr * (weight * sun[1, 0] + sky_weight * sky[3, 0]))
            green += min(most, tg * cg * (weight * sun[1, 1] + sky_weight * sky[3, 1]))
            blue += min(most, tb * cb * (weight * sun[1, 2] + sky_weight * sky[3, 2]))
            tr, tg, tb = tr * cr, tg * cg, tb * cb
            b1, b2 = np.random.random(), np.random.random()
            dx, dy, dz = _around(nx, ny, nz, math.sqrt(b1), 2 * math.pi * b2)
            if np.random.random() < through:
                dx, dy, dz = dx - 2 * math.sqrt(b1) * nx, dy - 2 * math.sqrt(b1) * ny, dz - 2 * math.sqrt(b1) * nz
                px, py, pz = px - 2e-3 * nx, py - 2e-3 * ny, pz - 2e-3 * nz
            sees_light = False
        ox, oy, oz = px, py, pz
        r1, r2, r3 = np.random.random(), np.random.random(), np.random.random()
        r4, r5 = np.random.random(), np.random.random()
        if bounce > 2:
            keep = max(tr, max(tg, tb))
            if np.random.random() > keep:
                break
            tr, tg, tb = tr / keep, tg / keep, tb / keep
    if is_coat:
        sr, sg, sb = red, green, blue
    return red - sr, green - sg, blue - sb, sr, sg, sb, first, ar, ag, ab, fx, fy, fz


@njit(cache=True, fastmath=True)
def _render(world, view, lens, width, height, samples, objects, seed):
    np.random.seed(seed)
    photo, counts = np.zeros((height, width, 6)), np.zeros((height, width, objects), np.int32)
    variance, first_surfaces = np.zeros((height, width, 2)), np.zeros((height, width, 6))
    stack = np.zeros(128, np.int64)
    # Points of a lattice in nine dimensions fill each pixel more evenly than random ones (Roberts 2018).
    steps, phi = np.zeros(9), 1.0
    for _ in range(40):
        phi = (1 + phi) ** (1 / 10)
    for k in range(9):
        steps[k] = (1 / phi) ** (k + 1)
    r, start = np.zeros(9), np.zeros(9)
    for y in range(height):
        for x in range(width):
            for k in range(9):
                start[k] = np.random.random()
            squares = np.zeros(2)
            for s in range(samples):
                for k in range(9):
                    r[k] = (start[k] + s * steps[k]) % 1.0
                a = (2 * (x + r[0]) / width - 1) * lens[0] * width / height
                b = (1 - 2 * (y + r[1]) / height) * lens[0]
                radius, angle = lens[2] * math.sqrt(r[2]), 2 * math.pi * r[3]
                la, lb = radius * math.cos(angle), radius * math.sin(angle)
                da, db = a * lens[1] - la, b * lens[1] - lb
                dx = lens[1] * view[1, 0] + da * view[2, 0] + db * view[3, 0]
                dy = lens[1] * view[1, 1] + da * view[2, 1] + db * view[3, 1]
                dz = lens[1] * view[1, 2] + da * view[2, 2] + db * view[3, 2]
                n = math.sqrt(dx * dx + dy * dy + dz * dz)
                red, green, blue, sr, sg, sb, first, ar, ag, ab, nx, ny, nz = _path(
                    world, stack,
                    view[0, 0] + la * view[2, 0] + lb * view[3, 0],
                    view[0, 1] + la * view[2, 1] + lb * view[3, 1],
                    view[0, 2] + la * view[2, 2] + lb * view[3, 2],
                    dx / n, dy / n, dz / n, r[4], r[5], r[6], r[7], r[8],
                )  # fmt: skip
                for k, value in enumerate((red, green, blue, sr, sg, sb)):
                    photo[y, x, k] += value / samples
                counts[y, x, first] += 1
                squares[0] += ((red + green + blue) / 3) ** 2 / samples
                squares[1] += ((sr + sg + sb) / 3) ** 2 / samples
                for k, value in enumerate((ar, ag, ab, nx, ny, nz)):
                    first_surfaces[y, x, k] += value / samples
            for k in range(2):
                mean = photo[y, x, 3 * k : 3 * k + 3].sum() / 3
                variance[y, x, k] = max(0.0, squares[k] - mean * mean) / samples
    return photo, variance, first_surfaces, counts

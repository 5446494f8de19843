"""Shapes of triangles: things turned on a lathe, bent tubes, rounded boxes, sheets and leaves. Lengths are in cm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
UP = np.array([0.0, 1.0, 0.0])


@dataclass(frozen=True)
class Mesh:
    """Triangles with a normal and texture coordinates at each corner.

    Attributes:
        corners: (N, 3, 3) x, y, z of the corners; y points up, z to the camera.
        normals: (N, 3, 3) unit normals.
        uv: (N, 3, 2) texture coordinates, which repeat after 1.
    """

    corners: Floats
    normals: Floats
    uv: Floats

    def moved(self, x: float = 0, y: float = 0, z: float = 0) -> Mesh:
        """The mesh, shifted."""
        return Mesh(self.corners + np.array([x, y, z]), self.normals, self.uv)

    def turned(self, degrees: float, axis: int = 1) -> Mesh:
        """The mesh, turned about an axis through the origin: 0 is x, 1 is y, 2 is z."""
        sin, cos = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
        a, b = (axis + 1) % 3, (axis + 2) % 3
        matrix = np.eye(3)
        matrix[a, a], matrix[a, b], matrix[b, a], matrix[b, b] = cos, -sin, sin, cos
        return Mesh(self.corners @ matrix.T, self.normals @ matrix.T, self.uv)

    def scaled(self, x: float = 1, y: float = 1, z: float = 1) -> Mesh:
        """The mesh, stretched along each axis."""
        normals = self.normals / (x, y, z)
        return Mesh(self.corners * (x, y, z), normals / np.linalg.norm(normals, axis=-1, keepdims=True), self.uv)


def joined(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh of several."""
    return Mesh(*(np.concatenate([getattr(mesh, name) for mesh in meshes]) for name in ("corners", "normals", "uv")))


def surface(points: Floats, uv_repeats: tuple[float, float] = (1, 1)) -> Mesh:
    """A smooth surface through (rows, columns, 3) points. Points at one place share one normal, so seams are smooth."""
    rows, columns = points.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    flat = points.reshape(-1, 3)
    corners = flat[faces]
    crosses = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    has_area = np.linalg.norm(crosses, axis=1) > 1e-9
    faces, corners, crosses = faces[has_area], corners[has_area], crosses[has_area]
    _, place = np.unique(np.round(flat, 4), axis=0, return_inverse=True)
    sums = np.zeros((place.max() + 1, 3))
    for corner in range(3):
        np.add.at(sums, place.ravel()[faces[:, corner]], crosses)
    normals = (sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12))[place.ravel()][faces]
    v, u = np.meshgrid(np.linspace(0, uv_repeats[1], rows), np.linspace(0, uv_repeats[0], columns), indexing="ij")
    return Mesh(corners, normals, np.stack([u, v], -1).reshape(-1, 2)[faces])


def rounded(line: Sequence[Sequence[float]], times: int = 3) -> Floats:
    """(N, D) points of a line whose corners are cut again and again (Chaikin 1974); its ends stay."""
    points = np.asarray(line, float)
    for _ in range(times):
        first, second = points[:-1], points[1:]
        cut = np.stack([0.75 * first + 0.25 * second, 0.25 * first + 0.75 * second], 1).reshape(-1, points.shape[1])
        points = np.concatenate([points[:1], cut[1:-1], points[-1:]])
    return points


def lathe(
    profile: Sequence[Sequence[float]], segments: int = 72, times: int = 3, repeats: tuple[float, float] = (1, 1)
) -> Mesh:
    """A solid of revolution about the y axis, of a profile of (radius, y) whose corners are rounded."""
    line = rounded(profile, times)
    angles = np.linspace(0, 2 * np.pi, segments + 1)
    radii = line[:, :1]
    points = np.stack([radii * np.cos(angles), np.repeat(line[:, 1:], segments + 1, 1), -radii * np.sin(angles)], -1)
    return surface(points, repeats)


def tube(path: Sequence[Sequence[float]], radius: float | Sequence[float], segments: int = 16, times: int = 4) -> Mesh:
    """A bent tube with closed ends along (x, y, z) points, whose corners are rounded.

    Args:
        path: the points.
        radius: of the tube, or one for each end and for points evenly between them.
        segments: corners of its cross-section.
        times: how often the path is rounded.
    """
    points = rounded(path, times)
    places = np.linspace(0, 1, len(points))
    radii = np.interp(places, np.linspace(0, 1, np.size(radius)), np.ravel(radius))
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    side = np.cross(along[0], UP if abs(along[0, 1]) < 0.9 else np.array([1.0, 0, 0]))
    rings = []
    angles = np.linspace(0, 2 * np.pi, segments + 1)[:, None]
    for point, direction, size in zip(points, along, radii, strict=True):
        side = side - direction * (side @ direction)
        side /= np.linalg.norm(side)
        other = np.cross(direction, side)
        rings.append(point + size * (np.cos(angles) * side + np.sin(angles) * other))
    caps = [np.repeat(points[[end]], segments + 1, 0) for end in (0, -1)]
    return surface(np.stack([caps[0], *rings, caps[1]]), (1, 1))


def box(width: float, height: float, depth: float, bevel: float = 0.1) -> Mesh:
    """A box on the origin's plane, from y 0 to ``height``, with rounded edges."""
    half = np.array([width, height, depth]) / 2
    meshes = []
    for axis in range(3):
        a, b = (axis + 1) % 3, (axis + 2) % 3
        ticks = [np.r_[-h + bevel * np.linspace(0, 1, 5), h - bevel * np.linspace(1, 0, 5)] for h in (half[a], half[b])]
        for sign in (-1, 1):
            cube = np.zeros((len(ticks[0]), len(ticks[1]), 3))
            cube[..., a], cube[..., b] = np.meshgrid(ticks[0], ticks[1] * sign, indexing="ij")
            cube[..., axis] = sign * half[axis]
            inner = np.clip(cube, bevel - half, half - bevel)
            out = cube - inner
            points = inner + bevel * out / np.linalg.norm(out, axis=-1, keepdims=True)
            mesh = surface(points)
            uv = np.stack([mesh.corners[..., a] / half[a], mesh.corners[..., b] / half[b]], -1) / 2 + 0.5
            meshes.append(Mesh(mesh.corners, mesh.normals, uv if axis == 1 else uv[..., ::-1]))
    return joined(meshes).moved(y=height / 2)


def plane(
    origin: Sequence[float], side_u: Sequence[float], side_v: Sequence[float], repeats: tuple[float, float] = (1, 1)
) -> Mesh:
    """A flat rectangle from a corner along two sides."""
    o, u, v = np.asarray(origin, float), np.asarray(side_u, float), np.asarray(side_v, float)
    return surface(np.stack([np.stack([o, o + u]), np.stack([o + v, o + u + v])]), repeats)


def leaf(length: float, width: float, bend: float, fold: float = 0.25) -> Mesh:
    """A pointed leaf from the origin along x; it bends down by ``bend`` of its length, and is folded along x."""
    t = np.linspace(0, 1, 15)[:, None]
    s = np.linspace(-1, 1, 9)[None]
    half = width / 2 * np.sin(np.pi * t**0.75) ** 0.9 * (1 - 0.25 * t)
    x = length * t * (1 - 0.25 * bend * t) + 0 * s
    y = length * (-bend * t**2) + fold * half * np.abs(s) + 0.03 * width * np.sin(9 * t + 2 * s)
    return surface(np.stack([x, y, half * s], -1))

"""Which triangle a ray of light meets first: a bounding volume tree over all triangles, and the search in it.

The functions are compiled by numba, which does not read annotations: they get plain numbers, and ``world``, the tuple
of arrays that ``tracer.render`` makes.
"""

from __future__ import annotations

import numpy as np
from numba import njit

MATT, METAL, GLASS, LIGHT, LEAF = range(5)
"""Kinds of surfaces."""


@njit(cache=True)
def build_tree(lows, highs):
    """A bounding volume tree, split where surfaces are smallest (Wald 2007): bounds, first child or triangle, count."""
    n = len(lows)
    centres = (lows + highs) / 2
    order = np.arange(n)
    bounds = np.empty((2 * n, 6))
    child, count = np.zeros(2 * n, np.int64), np.zeros(2 * n, np.int64)
    stack = [(0, 0, n)]
    used = 1
    bins = 16
    while len(stack):
        node, start, end = stack.pop()
        for k in range(3):
            low, high = np.inf, -np.inf
            for i in range(start, end):
                low, high = min(low, lows[order[i], k]), max(high, highs[order[i], k])
            bounds[node, k], bounds[node, 3 + k] = low, high
        best, best_axis, best_cut = np.inf, -1, 0.0
        if end - start > 4:
            for k in range(3):
                low, high = np.inf, -np.inf
                for i in range(start, end):
                    low, high = min(low, centres[order[i], k]), max(high, centres[order[i], k])
                if high - low < 1e-9:
                    continue
                box_low, box_high, inside = np.full((bins, 3), np.inf), np.full((bins, 3), -np.inf), np.zeros(bins)
                for i in range(start, end):
                    t = order[i]
                    b = min(bins - 1, int((centres[t, k] - low) / (high - low) * bins))
                    inside[b] += 1
                    for j in range(3):
                        box_low[b, j], box_high[b, j] = min(box_low[b, j], lows[t, j]), max(box_high[b, j], highs[t, j])
                for cut in range(1, bins):
                    cost = 0.0
                    for first, last in ((0, cut), (cut, bins)):
                        size = np.zeros(3)
                        total = 0.0
                        for j in range(3):
                            size[j] = max(0.0, box_high[first:last, j].max() - box_low[first:last, j].min())
                        for b in range(first, last):
                            total += inside[b]
                        if total > 0:
                            cost += total * (size[0] * size[1] + size[1] * size[2] + size[2] * size[0])
                        else:
                            cost = np.inf
                    if cost < best:
                        best, best_axis, best_cut = cost, k, low + (high - low) * cut / bins
        if best_axis < 0:
            child[node], count[node] = start, end - start
            continue
        middle = start
        for i in range(start, end):
            if centres[order[i], best_axis] < best_cut:
                order[i], order[middle] = order[middle], order[i]
                middle += 1
        if middle in (start, end):
            child[node], count[node] = start, end - start
            continue
        child[node] = used
        stack.append((used, start, middle))
        stack.append((used + 1, middle, end))
        used += 2
    return bounds[:used], child[:used], count[:used], order


@njit(cache=True, fastmath=True)
def _box(bounds, node, ox, oy, oz, ix, iy, iz, nearest):
    """Distance at which a ray enters the bounds of a node; infinite if it misses them."""
    ax, bx = (bounds[node, 0] - ox) * ix, (bounds[node, 3] - ox) * ix
    ay, by = (bounds[node, 1] - oy) * iy, (bounds[node, 4] - oy) * iy
    az, bz = (bounds[node, 2] - oz) * iz, (bounds[node, 5] - oz) * iz
    enter = max(max(min(ax, bx), min(ay, by)), max(min(az, bz), 0.0))
    leave = min(min(max(ax, bx), max(ay, by)), min(max(az, bz), nearest))
    return enter if enter <= leave else 1e30


@njit(cache=True, fastmath=True)
def _meet(edges, i, ox, oy, oz, dx, dy, dz):
    """Distance, u and v where a ray meets a triangle (Möller and Trumbore 1997); negative if it does not."""
    e = edges[i]
    px, py, pz = dy * e[2, 2] - dz * e[2, 1], dz * e[2, 0] - dx * e[2, 2], dx * e[2, 1] - dy * e[2, 0]
    det = e[1, 0] * px + e[1, 1] * py + e[1, 2] * pz
    if abs(det) < 1e-12:
        return -1.0, 0.0, 0.0
    sx, sy, sz = ox - e[0, 0], oy - e[0, 1], oz - e[0, 2]
    u = (sx * px + sy * py + sz * pz) / det
    if u < 0 or u > 1:
        return -1.0, 0.0, 0.0
    qx, qy, qz = sy * e[1, 2] - sz * e[1, 1], sz * e[1, 0] - sx * e[1, 2], sx * e[1, 1] - sy * e[1, 0]
    v = (dx * qx + dy * qy + dz * qz) / det
    if v < 0 or u + v > 1:
        return -1.0, 0.0, 0.0
    return (e[2, 0] * qx + e[2, 1] * qy + e[2, 2] * qz) / det, u, v


@njit(cache=True, fastmath=True)
def _inverse(d):
    return 1.0 / d if abs(d) > 1e-12 else 1e12


@njit(cache=True, fastmath=True)
def first_surface(world, stack, ox, oy, oz, dx, dy, dz):
    """Distance, triangle, u and v of the first surface on a ray; triangle -1 if there is none."""
    bounds, child, count, edges = world[0], world[1], world[2], world[3]
    ix, iy, iz = _inverse(dx), _inverse(dy), _inverse(dz)
    best, hit, hit_u, hit_v = 1e29, -1, 0.0, 0.0
    stack[0], top = 0, 1
    while top:
        top -= 1
        node = stack[top]
        if count[node]:
            for i in range(child[node], child[node] + count[node]):
                t, u, v = _meet(edges, i, ox, oy, oz, dx, dy, dz)
                if 1e-4 < t < best:
                    best, hit, hit_u, hit_v = t, i, u, v
            continue
        left = child[node]
        a = _box(bounds, left, ox, oy, oz, ix, iy, iz, best)
        b = _box(bounds, left + 1, ox, oy, oz, ix, iy, iz, best)
        near, far = (left, left + 1) if a <= b else (left + 1, left)
        if max(a, b) < 1e29:
            stack[top] = far
            top += 1
        if min(a, b) < 1e29:
            stack[top] = near
            top += 1
    return best, hit, hit_u, hit_v


@njit(cache=True, fastmath=True)
def light_that_passes(world, stack, ox, oy, oz, dx, dy, dz, reach):
    """The share of light that passes along a ray of a length: 0 behind anything but glass."""
    bounds, child, count, edges, material, kinds = world[0], world[1], world[2], world[3], world[6], world[8]
    ix, iy, iz = _inverse(dx), _inverse(dy), _inverse(dz)
    share = 1.0
    stack[0], top = 0, 1
    while top:
        top -= 1
        node = stack[top]
        if _box(bounds, node, ox, oy, oz, ix, iy, iz, reach) > 1e29:
            continue
        if not count[node]:
            stack[top], stack[top + 1] = child[node], child[node] + 1
            top += 2
            continue
        for i in range(child[node], child[node] + count[node]):
            t, _, _ = _meet(edges, i, ox, oy, oz, dx, dy, dz)
            if 1e-4 < t < reach:
                kind = kinds[material[i], 0]
                if kind == GLASS:
                    share *= 0.8
                elif kind != LIGHT:
                    return 0.0
    return share

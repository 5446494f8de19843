import json
from pathlib import Path

import numpy as np
import pytest

from samwidget.core.contour import rings
from samwidget.core.frame import Frame
from samwidget.core.upsample import upsample_mask

CASES = json.loads((Path(__file__).parent.parent / "shared" / "contours.json").read_text())["cases"]


def clipped(ring, width, height):
    """The part of a ring inside the image, as a drawing clips it."""
    for axis, limit, sign in ((0, 0, 1), (0, width, -1), (1, 0, 1), (1, height, -1)):
        points = []
        for a, b in zip(np.roll(ring, 1, axis=0), ring, strict=True):
            was_in, is_in = ((point[axis] - limit) * sign >= 0 for point in (a, b))
            if was_in != is_in:
                points.append(a + (limit - a[axis]) / (b[axis] - a[axis]) * (b - a))
            if is_in:
                points.append(b)
        ring = np.array(points).reshape(-1, 2)
    return ring


def signed_area(ring):
    following = np.roll(ring, -1, axis=0)
    return 0.5 * float((ring[:, 0] * following[:, 1] - ring[:, 1] * following[:, 0]).sum())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_shared_cases(case):
    width, height = case["width"], case["height"]
    logits = (np.array(case["bytes"]).reshape(height, width) - 127.5) / case["scale"]
    outlines = rings(logits.astype(np.float32), case["threshold"])
    assert len(outlines) == case["rings"]
    # Holes turn the other way round, so that their areas subtract.
    area = abs(sum(signed_area(clipped(ring[:-1], width, height)) for ring in outlines))
    assert area == pytest.approx(case["area"], abs=1e-3)


def test_rings_are_closed_and_run_beyond_the_image():
    (ring,) = rings(np.ones((2, 3), np.float32))
    assert ring[0].tolist() == ring[-1].tolist()
    assert ring.min() < 0
    assert ring[:, 0].max() > 3
    assert ring[:, 1].max() > 2


def test_the_outline_is_the_outline_of_the_mask():
    from matplotlib.path import Path as Outline

    frame = Frame.padded((90, 120), 64, 32)
    y, x = np.mgrid[:32, :32] + 0.5
    logits = (9 - np.hypot(y - 11, x - 14)).astype(np.float32)
    (ring,) = rings(logits)
    rows, columns = np.mgrid[:90, :120]
    centres = np.stack([columns.ravel(), rows.ravel()], axis=1) + 0.5
    inside = Outline(frame.logits_to_image(ring)).contains_points(centres).reshape(90, 120)
    mask = upsample_mask(logits, frame)
    assert (inside & mask).sum() / (inside | mask).sum() > 0.99

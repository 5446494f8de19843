"""From one candidate's low-res logits to what the filters of *everything* ask for, without a picture of its size.

The reference scales every candidate to the image and counts there. The same numbers come out strip by strip inside the
candidate's box, and what stays is run lengths: 1,000 candidates of 12 megapixels are 50 MB instead of 48 GB.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from samwidget.core import Frame, RunLengths, area_bounds, upsampled_strips


def trace(
    logits: npt.NDArray[np.float32], frame: Frame, offset: float, stability_min: float
) -> tuple[RunLengths, np.float32] | None:
    """The mask at the image's own size and its stability, float32; None where it is less stable than asked.

    Stability is the IoU of the masks at thresholds ``offset`` above and below the network's own: near 1 where the
    outline is steep. NaN, which is never enough, where even the lower threshold leaves nothing.

    Args:
        logits: (h, w) float32 low-res logits over the frame's logits window.
        frame: ties the logits to image pixels.
        offset: a logit, not negative.
        stability_min: 0 asks for nothing.
    """
    if stability_min > 0:
        # Most candidates that fail do so clearly: half a millisecond tells, without a pixel of the image.
        at_least, _ = area_bounds(logits, frame, -offset)
        _, at_most = area_bounds(logits, frame, offset)
        if at_most < stability_min * at_least:
            return None
    sure, possible = 0, 0
    strips = []
    # The mask lies inside of what exceeds the lower threshold. Transposed, since runs go down the columns.
    for x, y, values in upsampled_strips(np.ascontiguousarray(logits.T), frame.transposed, -offset):
        possible += int(np.count_nonzero(values > -offset))
        sure += int(np.count_nonzero(values > offset))
        strips.append((x.start, y.start, values > 0))
    # In float32, as the reference divides and compares.
    stability = np.float32(sure) / np.float32(possible) if possible else np.float32(np.nan)
    if stability_min > 0 and not stability >= np.float32(stability_min):
        return None
    parts = [RunLengths.from_columns(columns).moved(x, y, frame.image_hw) for x, y, columns in strips]
    return RunLengths.joined(parts, frame.image_hw), stability

"""RunLengths: a mask as vertical runs of pixels, 50 kB where the pixels are 12 MB. Pure numpy.

The runs are vertical because COCO's run lengths count down the columns. Here no run crosses from one column to the
next: a mask moves inside a larger image by adding to its coordinates. The text form of COCO is in ``formats.coco``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from samwidget.core.frame import Size
from samwidget.core.measure import Box, box_of


@dataclass(frozen=True, eq=False)
class RunLengths:
    """An (H, W) bool mask; run i is the pixels ``[tops[i] : bottoms[i], columns[i]]``.

    Attributes:
        size_hw: height and width of the mask.
        columns: (N,) int16, or int32 where a side of the mask is too long for int16; ascending, with repeats.
        tops: (N,) of the same type, ascending inside a column.
        bottoms: (N,) of the same type, exclusive; the next run of the column begins further down.
    """

    size_hw: Size
    columns: npt.NDArray[np.signedinteger]
    tops: npt.NDArray[np.signedinteger]
    bottoms: npt.NDArray[np.signedinteger]

    @classmethod
    def from_mask(cls, mask: npt.NDArray[np.bool_]) -> RunLengths:
        """The runs of an (H, W) bool mask."""
        box = box_of(mask)
        if box is None:
            return cls.joined([], (mask.shape[0], mask.shape[1]))
        x0, y0, x1, y1 = box  # most objects are a small part of their image
        inside = mask[y0:y1, x0:x1]
        # Where a pixel differs from the one above it, row by row as the mask lies in memory: columns would take longer.
        edges = np.empty((y1 - y0 + 1, x1 - x0), np.bool_)
        edges[0], edges[-1] = inside[0], inside[-1]
        np.not_equal(inside[1:], inside[:-1], out=edges[1:-1])
        y, x = np.divmod(np.flatnonzero(edges), x1 - x0)
        order = np.argsort(x, kind="stable")
        x, y = x[order] + x0, y[order] + y0  # in each column a run begins, ends, begins, ...
        size_hw = (mask.shape[0], mask.shape[1])
        return cls(size_hw, *_compact(size_hw, x[::2], y[::2], y[1::2]))

    @classmethod
    def from_columns(cls, columns: npt.NDArray[np.bool_]) -> RunLengths:
        """The runs of a transposed mask, (W, H) bool; faster than ``from_mask`` where it is C-contiguous."""
        width, height = columns.shape
        # One False after each column, so that every run ends in its own column.
        padded = np.zeros((width, height + 1), np.bool_)
        padded[:, :-1] = columns
        flat = padded.ravel()
        changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        if len(flat) and flat[0]:
            changes = np.concatenate([[0], changes])
        begins, ends = changes[::2], changes[1::2]
        x = begins // (height + 1)
        y = x * (height + 1)
        return cls((height, width), *_compact((height, width), x, begins - y, ends - y))

    @classmethod
    def from_counts(cls, counts: Sequence[int], size_hw: Size) -> RunLengths:
        """The mask of COCO's uncompressed run lengths; see ``to_counts``.

        Raises:
            ValueError: the counts are not whole numbers, or do not add up to the number of pixels.
        """
        height, width = size_hw
        if sum(counts) != height * width or min(counts, default=0) < 0:
            raise ValueError(f"the counts add up to {sum(counts)}, the mask has {height} x {width} pixels")
        values = np.asarray(counts)
        if values.dtype.kind not in "iu":
            raise ValueError(f"the counts are {values.dtype}, not whole numbers")
        edges = np.cumsum(values, dtype=np.int64)
        return cls.from_spans(edges[:-1:2], edges[1::2], size_hw)

    @classmethod
    def from_spans(
        cls, begins: npt.NDArray[np.signedinteger], ends: npt.NDArray[np.signedinteger], size_hw: Size
    ) -> RunLengths:
        """The union of spans of pixels, which are counted down one column after the other.

        Args:
            begins: (N,) int64, of each span, in any order; spans may overlap, be empty, and cross columns.
            ends: (N,) int64, exclusive, inside the mask.
            size_hw: height and width of the mask.
        """
        height = size_hw[0]
        is_filled = begins < ends
        if not is_filled.any():
            return cls.joined([], size_hw)
        begins, ends = begins[is_filled], ends[is_filled]
        order = np.argsort(begins, kind="stable")
        begins, ends = begins[order], np.maximum.accumulate(ends[order])
        is_apart = begins[1:] > ends[:-1]
        begins, ends = begins[np.append(True, is_apart)], ends[np.append(is_apart, True)]
        # A span becomes a run in each column that it crosses.
        first = begins // height
        columns_each = (ends - 1) // height - first + 1
        before = np.cumsum(columns_each) - columns_each
        columns = np.repeat(first - before, columns_each) + np.arange(columns_each.sum())
        tops = np.maximum(np.repeat(begins, columns_each) - columns * height, 0)
        bottoms = np.minimum(np.repeat(ends, columns_each) - columns * height, height)
        return cls(size_hw, *_compact(size_hw, columns, tops, bottoms))

    @classmethod
    def joined(cls, parts: Sequence[RunLengths], size_hw: Size) -> RunLengths:
        """The union of parts of one image, which are ordered from left to right and share no column."""
        if not parts:
            return cls(size_hw, *_compact(size_hw, *np.zeros((3, 0), np.int64)))
        columns, tops, bottoms = zip(*((part.columns, part.tops, part.bottoms) for part in parts), strict=True)
        return cls(size_hw, np.concatenate(columns), np.concatenate(tops), np.concatenate(bottoms))

    @cached_property
    def area(self) -> int:
        """Number of pixels in the mask."""
        return int((self.bottoms - self.tops).sum(dtype=np.int64))

    @cached_property
    def box_xyxy(self) -> Box | None:
        """The box around the mask, maximum exclusive; None where the mask is empty."""
        if len(self.columns) == 0:
            return None
        return int(self.columns[0]), int(self.tops.min()), int(self.columns[-1]) + 1, int(self.bottoms.max())

    @property
    def byte_count(self) -> int:
        """Bytes that the arrays take."""
        return self.columns.nbytes + self.tops.nbytes + self.bottoms.nbytes

    def moved(self, x: int, y: int, size_hw: Size) -> RunLengths:
        """The same pixels, ``x`` further right and ``y`` further down, in a mask of size ``size_hw``."""
        columns, tops, bottoms = (array.astype(np.int64) for array in (self.columns, self.tops, self.bottoms))
        return RunLengths(size_hw, *_compact(size_hw, columns + x, tops + y, bottoms + y))

    def to_mask(self) -> npt.NDArray[np.bool_]:
        """(H, W) bool, a new array."""
        out = np.zeros(self.size_hw, np.bool_)
        if self.box_xyxy is None:
            return out
        x0, y0, x1, y1 = self.box_xyxy  # most objects are a small part of their image
        flips = out[y0:y1, x0:x1]
        # Each run flips its column at the top and back below the bottom. Runs of a column do not touch, so no pixel
        # flips twice.
        flips[self.tops - y0, self.columns - x0] = True
        ends_inside = self.bottoms < y1
        flips[self.bottoms[ends_inside] - y0, self.columns[ends_inside] - x0] = True
        for above, row in pairwise(flips):
            np.logical_xor(above, row, out=row)
        return out

    def to_counts(self) -> list[int]:
        """COCO's uncompressed run lengths: pixels outside, inside, outside, ..., down one column after the other."""
        height, width = self.size_hw
        begins = self.columns.astype(np.int64) * height + self.tops
        ends = begins + (self.bottoms - self.tops)
        # COCO joins a run that ends at the bottom of a column with one that begins at the top of the next column.
        is_apart = begins[1:] != ends[:-1]
        begins = begins[np.concatenate([[True], is_apart])] if len(begins) else begins
        ends = ends[np.concatenate([is_apart, [True]])] if len(ends) else ends
        changes = np.stack([begins, ends], axis=1).ravel()
        counts: list[int] = np.diff(changes, prepend=0, append=height * width).tolist()
        return counts[:-1] if counts[-1] == 0 and len(counts) > 1 else counts


def _compact(size_hw: Size, *arrays: npt.NDArray[np.signedinteger]) -> tuple[npt.NDArray[np.signedinteger], ...]:
    """The arrays in the smallest type that can count the sides of a mask: 16 or 32 bits."""
    dtype = np.int16 if max(size_hw) <= np.iinfo(np.int16).max else np.int32
    return tuple(array.astype(dtype, copy=False) for array in arrays)

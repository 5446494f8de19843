"""Features: what the encoder made of each cell of an image, as vectors that can be compared. Numpy, no layers.

Owns which tensor of an embedding holds them, and how masks cover the cells. ``likeness`` compares the vectors,
``similar`` searches with both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from samwidget.core import Frame, RunLengths
from samwidget.errors import ModelError
from samwidget.models import Embedding

# The bundled model has numbers for the comparison of pixels: the last ones of this tensor, at stride 8.
_COMPARED, _COMPARED_CHANNELS = "middle", 96
# Samples along each side of a cell: the cells of all models are four logits wide.
_SAMPLES = 4


def feature_tensor(embedding: Embedding) -> torch.Tensor:
    """The (D, h, w) features of an embedding that say how alike two places are; h x w cells cover the input.

    Raises:
        ModelError: the embedding holds no such features: the model runs on another computer.
    """
    tensors = embedding.tensors
    if _COMPARED in tensors:
        return tensors[_COMPARED][0, -_COMPARED_CHANNELS:]
    maps = [tensor for tensor in tensors.values() if tensor.ndim == 4 and tensor.is_floating_point()]
    if "image_embeddings" in tensors:
        return tensors["image_embeddings"][0]
    if not maps:
        raise ModelError(
            "the features of the image are not on this computer",
            hint="find_similar compares them: load the model here, or take nano",
        )
    # The deepest map, which knows most about what things are.
    return min(maps, key=lambda tensor: tensor.shape[2] * tensor.shape[3])[0]


@dataclass(frozen=True, eq=False)
class Features:
    """The features of the cells that the image fills.

    Attributes:
        vectors: (h, w, D) float32.
        frame: of the image; its logits are the cells, with those of the padding.
    """

    vectors: npt.NDArray[np.float32]
    frame: Frame

    @classmethod
    def of(cls, embedding: Embedding) -> Features:
        """The features of an embedding; raises ModelError as ``feature_tensor``."""
        values = feature_tensor(embedding).float().cpu().numpy()
        frame = embedding.frame
        cells = Frame(frame.image_hw, frame.input_hw, frame.content_hw, (values.shape[1], values.shape[2]))
        height, width = cells.content_logits_hw
        return cls(np.ascontiguousarray(values[:, :height, :width].transpose(1, 2, 0)), cells)

    def cover_of_mask(self, mask: RunLengths) -> npt.NDArray[np.float32]:
        """(h, w) float32, which share of each cell lies in a mask of the image."""
        height, width = self.vectors.shape[:2]
        side = np.arange(max(height, width) * _SAMPLES) + 0.5
        samples_xy = self.frame.logits_to_image(np.stack([side, side], 1) / _SAMPLES).astype(np.intp)
        columns, rows = samples_xy[: width * _SAMPLES, 0], samples_xy[: height * _SAMPLES, 1]
        image_h, image_w = mask.size_hw
        # The last cells may lie half in the padding.
        inside = mask.to_mask()[np.ix_(np.minimum(rows, image_h - 1), np.minimum(columns, image_w - 1))]
        inside &= np.logical_and.outer(rows < image_h, columns < image_w)
        return _means_of_cells(inside)

    def cover_of_logits(self, logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(h, w) float32, which share of each cell lies in the mask of (lh, lw) low-res logits of the whole input."""
        height, width = self.vectors.shape[:2]
        rows, columns = (
            ((np.arange(count * _SAMPLES) + 0.5) / _SAMPLES * size / cells).astype(np.intp)
            for count, size, cells in zip((height, width), logits.shape, self.frame.logits_hw, strict=True)
        )
        # Signs are a quarter of the bytes of logits: they are gathered in a fifth of the time.
        return _means_of_cells((logits > 0).take(rows, 0).take(columns, 1))

    @property
    def pixels_per_cell(self) -> float:
        """The area of a cell in image pixels."""
        (x0, y0), (x1, y1) = self.frame.logits_to_image([[0, 0], [1, 1]]).tolist()
        return float((x1 - x0) * (y1 - y0))


def _means_of_cells(samples: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """(h, w) means of (h * _SAMPLES, w * _SAMPLES); the sums are written out, which is faster than ``mean``."""
    counts = samples.astype(np.uint8)
    counts = np.add.reduce([counts[row::_SAMPLES] for row in range(_SAMPLES)], dtype=np.uint8)
    counts = np.add.reduce([counts[:, column::_SAMPLES] for column in range(_SAMPLES)], dtype=np.uint8)
    means: npt.NDArray[np.float32] = counts / np.float32(_SAMPLES * _SAMPLES)
    return means

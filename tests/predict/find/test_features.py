"""Which part of an embedding is compared, and how masks cover its cells."""

import numpy as np
import torch

from samwidget.core import Frame, RunLengths
from samwidget.models.segmenter import Embedding
from samwidget.predict.find.features import Features, feature_tensor

# An image of 40 x 80, padded to a square; 8 x 8 cells, of which it fills 4 x 8.
FRAME = Frame.padded((40, 80), 80, 32)


def embedding(**tensors):
    return Embedding(tensors, FRAME, "test")


def test_each_family_has_its_features():
    middle = torch.zeros(1, 160, 8, 8)
    assert feature_tensor(embedding(middle=middle)).shape == (96, 8, 8)
    sam = torch.zeros(1, 256, 8, 8)
    assert feature_tensor(embedding(image_embeddings=sam)).shape == (256, 8, 8)
    fine = torch.zeros(1, 32, 32, 32)
    assert feature_tensor(embedding(fine=fine, deep=sam)).shape == (256, 8, 8)


def test_cells_of_the_padding_are_left_out():
    features = Features.of(embedding(image_embeddings=torch.zeros(1, 5, 8, 8)))
    assert features.vectors.shape == (4, 8, 5)
    assert features.pixels_per_cell == 100


def test_a_mask_covers_shares_of_cells():
    features = Features.of(embedding(image_embeddings=torch.zeros(1, 5, 8, 8)))
    mask = np.zeros((40, 80), bool)
    mask[10:20, 20:35] = True
    expected = np.zeros((4, 8))
    expected[1, 2:4] = 1, 0.5
    assert features.cover_of_mask(RunLengths.from_mask(mask)).tolist() == expected.tolist()
    logits = np.full((32, 32), -1.0, np.float32)
    logits[4:8, 8:14] = 1
    assert features.cover_of_logits(logits).tolist() == expected.tolist()

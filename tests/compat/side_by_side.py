"""Compares results of ``samwidget.compat`` with those of ``segment_anything``: types, shapes and values."""

from types import SimpleNamespace

import numpy as np
import torch

from tests.models.sam.torchvision_stand_in import torchvision_stand_in

NAMES = (
    "SamPredictor",
    "SamAutomaticMaskGenerator",
    "sam_model_registry",
    "build_sam",
    "build_sam_vit_h",
    "build_sam_vit_l",
    "build_sam_vit_b",
    "ResizeLongestSide",
)


def reference():
    """The reference's names, among them one that its users import from ``utils.transforms``."""
    with torchvision_stand_in():
        import segment_anything
        from segment_anything.utils.transforms import ResizeLongestSide
    names = {name: getattr(segment_anything, name) for name in NAMES if name != "ResizeLongestSide"}
    return SimpleNamespace(**names, ResizeLongestSide=ResizeLongestSide)


def assert_same(ours, official):
    """Checks three arrays or tensors: masks, scores and low-res logits."""
    assert type(ours) is type(official) is tuple
    assert len(ours) == len(official) == 3
    for array, other in zip(ours, official, strict=True):
        assert_alike(array, other)
    masks, scores, logits = map(np.asarray, official)
    our_masks, our_scores, our_logits = map(np.asarray, ours)
    assert logits.std() > 0.1, "the weights must make logits that mean something"
    assert np.abs(our_logits - logits).max() < 1e-3 * logits.std()
    np.testing.assert_allclose(our_scores, scores, atol=1e-3)
    if masks.dtype == np.bool_:
        assert np.count_nonzero(our_masks != masks) <= 1e-4 * masks.size
    else:
        assert np.abs(our_masks - masks).max() < 1e-3 * masks.std()


def assert_alike(value, other):
    """Checks that two arrays or tensors have the same type, dtype, shape and device, and can be used alike."""
    assert type(value) is type(other)
    assert value.dtype == other.dtype
    assert value.shape == other.shape
    if isinstance(value, torch.Tensor):
        assert value.device == other.device
        assert value.requires_grad == other.requires_grad
        value.numpy()
    else:
        assert value.flags.writeable == other.flags.writeable

"""Lets the official ``segment_anything`` import without torchvision: the four functions it takes, on Pillow and torch.

The modules are in ``sys.modules`` only while it imports, so that nothing else mistakes them for torchvision.
"""

import sys
from contextlib import contextmanager
from types import ModuleType

import torch
from PIL import Image


def to_pil_image(image):
    return Image.fromarray(image)


def resize(image, size_hw):
    height, width = size_hw
    return image.resize((width, height), Image.Resampling.BILINEAR)


def box_area(boxes):
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def batched_nms(boxes, scores, idxs, iou_threshold):
    selected = []
    for index in scores.argsort(descending=True, stable=True).tolist():
        candidates = torch.tensor([k for k in selected if idxs[k] == idxs[index]], dtype=torch.long)
        corners = torch.cat(
            [
                torch.maximum(boxes[candidates, :2], boxes[index, :2]),
                torch.minimum(boxes[candidates, 2:], boxes[index, 2:]),
            ],
            1,
        )
        shared = (corners[:, 2:] - corners[:, :2]).clamp(min=0).prod(1)
        if not (shared / (box_area(boxes[candidates]) + box_area(boxes[index][None]) - shared) > iou_threshold).any():
            selected.append(index)
    return torch.tensor(selected, dtype=torch.long)


@contextmanager
def torchvision_stand_in():
    if "torchvision" in sys.modules:  # a machine with a GPU may have the real one
        yield
        return
    names = (
        "torchvision",
        "torchvision.ops",
        "torchvision.ops.boxes",
        "torchvision.transforms",
        "torchvision.transforms.functional",
    )
    modules = {name: ModuleType(name) for name in names}
    for function in (to_pil_image, resize):
        setattr(modules["torchvision.transforms.functional"], function.__name__, function)
    for function in (box_area, batched_nms):
        setattr(modules["torchvision.ops.boxes"], function.__name__, function)
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]

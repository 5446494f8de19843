"""The values that all packages share: prompts, frames, masks, objects, and pure functions of them. No I/O, no torch."""

from samwidget.core.arrays import as_array, as_floats
from samwidget.core.blas import BlasLimit, in_force
from samwidget.core.classes import ObjectClass
from samwidget.core.frame import PIXELS_MAX, Frame, Size
from samwidget.core.interrupts import held_interrupts
from samwidget.core.mask_logits import checked_mask, logits_of_mask
from samwidget.core.masks import Masks
from samwidget.core.measure import Box, box_of, iou
from samwidget.core.memory import free_memory_bytes, memory_bytes, return_freed_memory
from samwidget.core.objects import FoundObject, SegmentedObject
from samwidget.core.palette import NO_COLOUR, Palette, least_used_colour
from samwidget.core.phrases import checked_phrases
from samwidget.core.prompt import EXCLUDE, INCLUDE, Prompt, make_prompt
from samwidget.core.regions import connected_regions
from samwidget.core.rle import RunLengths
from samwidget.core.upsample import area_bounds, in_windows, upsample_mask, upsampled_strips

__all__ = [
    "EXCLUDE",
    "INCLUDE",
    "NO_COLOUR",
    "PIXELS_MAX",
    "BlasLimit",
    "Box",
    "FoundObject",
    "Frame",
    "Masks",
    "ObjectClass",
    "Palette",
    "Prompt",
    "RunLengths",
    "SegmentedObject",
    "Size",
    "area_bounds",
    "as_array",
    "as_floats",
    "box_of",
    "checked_mask",
    "checked_phrases",
    "connected_regions",
    "free_memory_bytes",
    "held_interrupts",
    "in_force",
    "in_windows",
    "iou",
    "least_used_colour",
    "logits_of_mask",
    "make_prompt",
    "memory_bytes",
    "return_freed_memory",
    "upsample_mask",
    "upsampled_strips",
]

"""*Everything*: the search for all objects of an image. The model is asked at each point of a grid."""

from samwidget.predict.everything.generate import generate_masks
from samwidget.predict.everything.nms import suppress_overlaps
from samwidget.predict.everything.options import EverythingOptions
from samwidget.predict.everything.search import Progress
from samwidget.predict.everything.small_regions import without_small_regions

__all__ = ["EverythingOptions", "Progress", "generate_masks", "suppress_overlaps", "without_small_regions"]

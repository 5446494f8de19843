"""*Everything*: the search for all objects of an image. The model is asked at each point of a grid."""

from samwidget.predict.everything.generate import generate_masks
from samwidget.predict.everything.search import Progress

__all__ = ["Progress", "generate_masks"]

"""All objects of an image: a grid of points is asked, and the good, stable and different masks are kept."""

from samwidget.predict.everything.generate import Progress, generate_masks

__all__ = ["Progress", "generate_masks"]

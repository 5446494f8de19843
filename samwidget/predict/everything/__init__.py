"""*Everything*: the search for all objects of an image. The model is asked at each point of a grid."""

from samwidget.predict.everything.generate import Progress, generate_masks

__all__ = ["Progress", "generate_masks"]

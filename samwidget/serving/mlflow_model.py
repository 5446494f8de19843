"""Old name of ``samwidget.serving.adapters.MaskGeneration``: MLflow models saved by version 0.1.0 import it."""

from samwidget.serving.adapters import MaskGeneration

__all__ = ["MaskGeneration"]

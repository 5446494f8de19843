"""Uses a model: embeds images with a cache, decodes prompts, and searches an image for everything."""

from samwidget.predict.cleanup import remove_islands_and_holes
from samwidget.predict.compat import to_sam_dicts
from samwidget.predict.embedding_cache import EmbeddingCache
from samwidget.predict.predictor import SamPredictor
from samwidget.predict.shared import open_predictor

__all__ = ["EmbeddingCache", "SamPredictor", "open_predictor", "remove_islands_and_holes", "to_sam_dicts"]

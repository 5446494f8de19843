"""A network at work: embeddings that are cached, prompts that are answered, and the search for everything."""

from samwidget.predict.cleanup import clean
from samwidget.predict.compat import to_sam_dicts
from samwidget.predict.embedding_cache import EmbeddingCache
from samwidget.predict.predictor import SamPredictor
from samwidget.predict.shared import open_predictor

__all__ = ["EmbeddingCache", "SamPredictor", "clean", "open_predictor", "to_sam_dicts"]

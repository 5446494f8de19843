from .cleanup import remove_islands_and_holes as remove_islands_and_holes
from .embedding_cache import EmbeddingCache as EmbeddingCache
from .predictor import SamPredictor as SamPredictor
from .shared import open_predictor as open_predictor

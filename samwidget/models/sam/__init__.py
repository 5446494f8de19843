"""SAM v1 with the weights of transformers' ``SamModel``, and an encoder and a decoder that run faster on a CPU.

``segmenter`` is what ``models.loader`` builds. ``fast_encoder`` and ``fast_decoder`` compute; behind the decoder stand
``low_rank`` (the algebra, to be read first), ``folded_weights`` (its constants), ``upscaling`` (the last layers) and
``workspace`` (memory). ``official_checkpoint`` reads the files of Meta's package.
"""

from samwidget.models.sam.official_checkpoint import ENCODER_SIZES, new_model, official_name
from samwidget.models.sam.segmenter import SamSegmenter

__all__ = ["ENCODER_SIZES", "SamSegmenter", "new_model", "official_name"]

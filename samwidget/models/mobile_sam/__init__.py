"""MobileSAM, TinySAM and micro-sam's ``vit_t``: SAM's decoder behind TinyViT, an encoder ten times smaller than ViT-B.

``segmenter`` is what ``models.official_files`` builds. ``network`` has the weights of the encoder, ``encoder`` computes
it, ``official_checkpoint`` reads the names of the official files.
"""

from samwidget.models.mobile_sam.segmenter import MobileSamSegmenter

__all__ = ["MobileSamSegmenter"]

"""SAM-HQ with the weights of transformers' ``SamHQModel``: SAM v1 with one token more, which sharpens its masks.

``segmenter`` is what ``models.loader`` builds. Encoder and decoder are those of ``models.sam``. What SAM-HQ adds:
``image_features`` (once an image), ``sharpening`` (for each prompt), and ``decoder``, which adds the token.
Paper: Ke et al., Segment Anything in High Quality, https://arxiv.org/abs/2306.01567.
"""

from samwidget.models.sam_hq.segmenter import SamHqSegmenter

__all__ = ["SamHqSegmenter"]

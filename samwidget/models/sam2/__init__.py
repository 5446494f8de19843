"""SAM 2 and 2.1 with the weights of transformers' ``Sam2Model``, and other networks with the same decoder.

``segmenter`` is what ``models.loader`` builds. ``decoder`` says how the decoder differs from that of SAM, whose modules
compute most of it (``models.sam``).
"""

from samwidget.models.sam2.segmenter import Sam2Segmenter

__all__ = ["Sam2Segmenter"]

"""SAM 3 with the weights of transformers: words and example boxes, and clicks where the checkpoint has them.

``segmenter`` is what ``models.loader`` builds. ``detector`` finds objects by words, ``phrases`` makes tokens of them,
``box_pooling`` reads the image inside example boxes, and ``tracker`` takes the part for clicks out of a checkpoint for
videos. Clicks are computed by ``models.sam2``, whose decoder SAM 3 has.
"""

from samwidget.models.sam3.phrases import Phrases
from samwidget.models.sam3.segmenter import Sam3Segmenter, WordsSegmenter
from samwidget.models.sam3.tracker import tracker_of

__all__ = ["Phrases", "Sam3Segmenter", "WordsSegmenter", "tracker_of"]

"""A drop-in for ``segment_anything``, Meta's package: the same names, arguments and results, computed by samwidget.

Code that was written for it needs another import: ``from samwidget.compat import SamPredictor, sam_model_registry``.
Files have the names of the reference, so ``samwidget.compat.utils.transforms`` is found too. It follows version 1.0 of
https://github.com/facebookresearch/segment-anything; nothing in samwidget calls it.
``docs/coming-from-segment-anything.md`` says what differs.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

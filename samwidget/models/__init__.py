"""Which network, and where it comes from. Each network answers to the ``Segmenter`` protocol.

Its public names are in ``__init__.pyi``. Each loads on first use: the list of models costs no torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

"""Which models there are, how one is loaded, and the protocol that each follows.

The public names are in ``__init__.pyi``. Each is imported on first use, so that the list of models costs no torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

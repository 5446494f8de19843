"""samwidget: click a photo in a notebook, get its masks.

The names in ``__init__.pyi`` are the whole public API. Each loads on first use, so that ``import samwidget`` costs
neither torch nor transformers (2.4 s): those load with the first network.
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

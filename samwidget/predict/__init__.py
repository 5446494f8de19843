"""Uses a model: embeds images with a cache, decodes prompts, and searches an image for everything.

Its public names are in ``__init__.pyi``. Each loads on first use: a widget is on the screen before torch is imported.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

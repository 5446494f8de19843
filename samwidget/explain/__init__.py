"""Teaches promptable segmentation: what a model computes on the way from a click to a mask, as arrays and pictures.

The names in ``__init__.pyi`` are public; each loads on first use. Figures need ``pip install 'samwidget[explain]'``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

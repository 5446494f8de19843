"""Trains and evaluates the bundled model, and fine-tunes it and SAM 1 on objects of a user (``fine_tune``).

Needs ``pip install 'samwidget[train]'``. Its command lines are ``python -m samwidget.training.train``, ``.evaluate``
and ``.average``. Of samwidget's other packages only ``explain`` imports it, for the clicks of a robot.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

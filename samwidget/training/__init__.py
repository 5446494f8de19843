"""Trains and evaluates the bundled model: data, augmentation, simulated clicks, losses, the training loop, evaluation.

Needs ``pip install samwidget[train]``. No other package of samwidget imports it; its command lines are
``python -m samwidget.training.train``, ``.evaluate`` and ``.average``.
"""

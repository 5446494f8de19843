"""Training and judging the bundled network: data, click robot, losses, trainer, evaluation.

Needs ``pip install samwidget[train]``. Nothing else in samwidget imports it.
"""

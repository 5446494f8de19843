"""Old name of ``samwidget.serving.adapters``' ``init`` and ``run``: the score.py of existing deployments imports it."""

from samwidget.serving.adapters import init, run

__all__ = ["init", "run"]

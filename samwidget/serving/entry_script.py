"""``init`` and ``run`` of ``serving.adapters`` under an old name, which the score.py of existing deployments imports."""

from samwidget.serving.adapters import init, run

__all__ = ["init", "run"]

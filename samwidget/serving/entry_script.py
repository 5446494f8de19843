"""``init`` and ``run`` of ``serving.adapters`` under an old name, which the score.py of earlier deployments uses."""

from samwidget.serving.adapters import init, run

__all__ = ["init", "run"]

"""The entry script of the deployment in deploy-online.yaml."""

from samwidget.serving.adapters import init, run

__all__ = ["init", "run"]

"""The entry script of the deployment in deploy-online.yaml."""

from samwidget.serving.entry_script import init, run

__all__ = ["init", "run"]

"""The entry script of the deployment in deploy-online.yaml."""

from samwidget.serving.adapters.azure_entry_script import init, run

__all__ = ["init", "run"]

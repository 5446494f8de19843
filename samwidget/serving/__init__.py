"""Answers documented requests for programs, without a widget: over HTTP, inside Azure ML, inside MLflow, or by a call.

The public names are in ``__init__.pyi``. Each loads on first use: ``score`` needs no web framework, and only
``save_mlflow_model`` needs MLflow.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

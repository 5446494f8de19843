"""Adapters to servers of others: ``init`` and ``run`` for Azure ML's inference server, ``MaskGeneration`` for MLflow.

The public names are in ``__init__.pyi``. Each loads on first use: the first two need no MLflow.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

"""Ways in for programs: the documented request is answered by a network, without a widget.

``save_mlflow_model`` loads on first use: it needs MLflow, which nothing else here does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samwidget.serving.adapters.mlflow_model import save_mlflow_model

__all__ = ["save_mlflow_model"]


def __getattr__(name: str) -> Any:
    if name != "save_mlflow_model":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from samwidget.serving.adapters.mlflow_model import save_mlflow_model
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "mlflow":
            raise
        from samwidget.errors import SamWidgetError

        raise SamWidgetError("MLflow is not installed here", hint="pip install 'samwidget[mlflow]'") from error
    return save_mlflow_model

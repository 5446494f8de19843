"""The code that an MLflow model consists of: MLflow copies this file into the model and runs it there."""

from mlflow.models import set_model

from samwidget.serving.adapters.mlflow_model import MaskGeneration

set_model(MaskGeneration())

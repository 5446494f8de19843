"""The code of a saved MLflow model: ``save_mlflow_model`` has MLflow copy this file into the model and run it there.

Models that exist hold copies of it, so the import below has to keep working.
"""

from mlflow.models import set_model

from samwidget.serving.adapters import MaskGeneration

set_model(MaskGeneration())

"""samwidget as an MLflow model (pyfunc), with the signature that the Azure ML model card documents.

The model is code and plain files; nothing is pickled. ``mlflow models serve`` answers requests with it, and so does an
Azure ML deployment of an MLflow model, without an entry script. Those servers own access, body size and time limit.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from samwidget import __version__
from samwidget.errors import ModelError, SamWidgetError
from samwidget.formats.azure_ml import COLUMNS
from samwidget.predict import SamPredictor
from samwidget.serving.decoding import decoders
from samwidget.serving.limits import Limits
from samwidget.serving.reading import read_rows
from samwidget.serving.scoring import refuse_urls, score_rows

try:
    import mlflow
    import pandas as pd
    from mlflow.exceptions import MlflowException
    from mlflow.models import ModelSignature
    from mlflow.protos.databricks_pb2 import BAD_REQUEST
    from mlflow.pyfunc.model import PythonModel, PythonModelContext
    from mlflow.types import ColSpec, DataType, Schema
except ModuleNotFoundError as error:
    package = "MLflow" if (error.name or "").partition(".")[0] == "mlflow" else error.name
    raise SamWidgetError(f"{package} is not installed here", hint="pip install 'samwidget[mlflow]'") from error

_CODE = Path(__file__).parent / "mlflow_code.py"
# Name of the artifact, and of the entry of the model's config: saved models have both.
_NETWORK = "network"


class MaskGeneration(PythonModel):
    """Answers documented requests inside MLflow."""

    def load_context(self, context: PythonModelContext) -> None:
        """Loads the SAM model: the folder saved with this one, else the name in its config, else the bundled one."""
        config = context.model_config or {}
        self._predictor = SamPredictor.from_pretrained(context.artifacts.get(_NETWORK) or config.get(_NETWORK))

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, object] | None = None,
    ) -> pd.DataFrame:
        """A DataFrame with the column ``response``, one row per row of the request.

        Images given as URLs are refused: the server can reach what clients must not.

        Args:
            context: what MLflow knows of the model; not used.
            model_input: the documented columns.
            params: not used.

        Raises:
            MlflowException: the request cannot be answered; MLflow's server sends status 400.
            ModelError: the SAM model failed.
        """
        try:
            rows = read_rows(model_input, Limits(), "service")
            refuse_urls(rows)
            response = score_rows(
                rows, self._predictor, "service", read_image=partial(decoders().decode, exif="ignore")
            )
        except ModelError:
            raise
        except SamWidgetError as error:
            raise MlflowException(str(error), error_code=BAD_REQUEST) from error
        return pd.DataFrame({"response": [row["response"] for row in response]})


def save_mlflow_model(path: str | Path, model: str | Path | None = None) -> None:
    """Writes an MLflow model to a new folder.

    Args:
        path: a folder that does not exist yet.
        model: None for the bundled SAM model; a folder with one, which is copied into the MLflow model; or a hub id,
            which is downloaded where the MLflow model is loaded.

    Raises:
        SamWidgetError: the folder exists.
    """
    target = Path(path).expanduser()
    if target.exists():
        raise SamWidgetError(f"{target} exists already", hint="give a new folder")
    folder = None if model is None else Path(model).expanduser()
    is_folder = folder is not None and folder.is_dir()
    mlflow.pyfunc.save_model(
        target,
        python_model=str(_CODE),
        artifacts={_NETWORK: str(folder)} if is_folder else None,
        model_config=None if model is None or is_folder else {_NETWORK: str(model)},
        signature=ModelSignature(
            inputs=Schema(
                [*(ColSpec(DataType.string, name) for name in COLUMNS[:4]), ColSpec(DataType.boolean, COLUMNS[4])]
            ),
            outputs=Schema([ColSpec(DataType.string, "response")]),
        ),
        # Given here: MLflow would otherwise load the model in a new process to find out what it imports.
        pip_requirements=[f"samwidget[mlflow]=={__version__}"],
    )

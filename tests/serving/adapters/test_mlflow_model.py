"""The MLflow model: loaded back, and served by MLflow itself as a process."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from samwidget.errors import SamWidgetError
from samwidget.formats.azure_ml.messages import COLUMNS, build_request
from samwidget.models.registry import BUNDLED_FOLDER
from samwidget.predict.predictor import SamPredictor
from samwidget.serving import save_mlflow_model
from samwidget.serving.scoring import score
from tests.serving.processes import START_S, running, until

COFFEE = Path(__file__).parents[3] / "notebooks/photos/coffee.jpg"
# MLflow asks for an example to be saved beside each model.
pytestmark = pytest.mark.filterwarnings("ignore:.*input example was not provided")


@pytest.fixture(scope="module")
def request_table():
    return build_request(COFFEE.read_bytes(), points=[[[290, 110]], [[370, 200]]], multimask_output=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mlflow") / "model"
    save_mlflow_model(folder)
    return folder


def test_the_signature_is_the_documented_one(folder):
    import mlflow

    signature = mlflow.models.get_model_info(str(folder)).signature
    assert [(each.name, each.type.name) for each in signature.inputs] == [
        *((name, "string") for name in COLUMNS[:4]),
        ("multimask_output", "boolean"),
    ]
    assert [(each.name, each.type.name) for each in signature.outputs] == [("response", "string")]


def test_nothing_is_pickled(folder):
    names = {path.name for path in folder.rglob("*")}
    assert names == {"MLmodel", "conda.yaml", "mlflow_code.py", "python_env.yaml", "requirements.txt"}
    assert "samwidget[mlflow]==" in (folder / "requirements.txt").read_text()


def test_loaded_back_it_answers(folder, request_table):
    import mlflow
    import pandas as pd

    table = request_table["input_data"]
    answer = mlflow.pyfunc.load_model(str(folder)).predict(pd.DataFrame(table["data"], columns=table["columns"]))
    assert list(answer.columns) == ["response"]
    assert answer.to_dict("records") == score(request_table, style="service")


def test_a_network_goes_with_it(tmp_path, request_table):
    import mlflow
    import pandas as pd

    network = shutil.copytree(BUNDLED_FOLDER, tmp_path / "network")
    weights = load_file(network / "model.safetensors")
    save_file({name: value * np.float32(1.01) for name, value in weights.items()}, network / "model.safetensors")
    save_mlflow_model(tmp_path / "model", network)
    expected = score(request_table, SamPredictor.from_pretrained(network), "service")
    assert expected != score(request_table, style="service")
    shutil.rmtree(network)  # the model has its own copy
    table = request_table["input_data"]
    loaded = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    answer = loaded.predict(pd.DataFrame(table["data"], columns=table["columns"]))
    assert answer.to_dict("records") == expected


def test_models_saved_by_version_0_1_0_load(folder, request_table, tmp_path):
    import mlflow
    import pandas as pd

    saved = shutil.copytree(folder, tmp_path / "model")
    code = (saved / "mlflow_code.py").read_text()
    (saved / "mlflow_code.py").write_text(code.replace("samwidget.serving.adapters", "samwidget.serving.mlflow_model"))
    table = request_table["input_data"]
    answer = mlflow.pyfunc.load_model(str(saved)).predict(pd.DataFrame(table["data"], columns=table["columns"]))
    assert answer.to_dict("records") == score(request_table, style="service")


def test_mlflow_serves_it(folder, request_table, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    url = f"http://127.0.0.1:{port}"
    command = ["mlflow", "models", "serve", "-m", str(folder), "--env-manager", "local", "--port", port]
    # It starts uvicorn by its name.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with running(command, cwd=tmp_path, PATH=path) as server, httpx.Client(base_url=url, trust_env=False) as client:

        def is_ready():
            assert server.process.poll() is None, server.lines
            try:
                return client.get("/ping").status_code == 200
            except httpx.TransportError:
                return False

        until(is_ready, START_S)
        split = {"dataframe_split": request_table["input_data"]}
        answer = client.post("/invocations", json=split, timeout=60)
        assert answer.status_code == 200
        assert answer.json()["predictions"] == score(request_table, style="service")
        split["dataframe_split"]["data"] = [["http://127.0.0.1/a.png", "[[1,2]]", "", "", True]]
        refused = client.post("/invocations", json=split, timeout=60)
        assert refused.status_code == 400
        assert "row 0: the image is a URL" in refused.json()["message"]


def test_a_folder_that_is_there_is_left_alone(folder):
    with pytest.raises(SamWidgetError, match="exists already: give a new folder"):
        save_mlflow_model(folder)


def test_without_mlflow_the_error_has_a_remedy():
    code = "import sys; sys.modules['mlflow'] = None\nfrom samwidget.serving import save_mlflow_model"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "MLflow is not installed here: pip install 'samwidget[mlflow]'" in done.stderr

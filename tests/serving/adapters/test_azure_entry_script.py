"""The entry script under the Azure ML inference server, as a deployment runs it; and a predictor that asks it."""

import os
import socket
import subprocess
import sys

import httpx
import pytest

from samwidget.core.measure import iou
from samwidget.core.prompt import make_prompt
from samwidget.errors import LimitError
from samwidget.formats.azure_ml.messages import build_request
from samwidget.predict.predictor import SamPredictor
from samwidget.serving.scoring import score
from tests.serving.processes import ROOT, running
from tests.widget.fakes import WiredWidget

COFFEE = ROOT / "notebooks/photos/coffee.jpg"
SCORE = ROOT / "docs/deploy/score.py"
SERVER = "azureml-inference-server-http>=1.4,<2"


@pytest.fixture(scope="module")
def packages(pytestconfig):
    """A folder with Microsoft's server: it pins packages that others here need in newer versions."""
    folder = pytestconfig.cache.mkdir(f"inference-server-{sys.version_info.major}{sys.version_info.minor}")
    if not (folder / "complete").exists():
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", folder, SERVER],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            pytest.skip(f"{SERVER} cannot be installed here: {done.stderr[-300:]}")
        (folder / "complete").touch()
    return folder


@pytest.fixture(scope="module")
def url(packages):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # Before this environment's own packages, so that the pinned versions win.
    path = os.pathsep.join([str(packages), str(ROOT)])
    command = ["azureml_inference_server_http", "--entry_script", str(SCORE), "--port", str(port)]
    with running(command, cwd=SCORE.parent, PYTHONPATH=path, SAMWIDGET_MODEL="", AZUREML_MODEL_DIR="") as server:
        server.wait_for("init has completed successfully")
        yield f"http://127.0.0.1:{port}"


def test_the_documented_request_is_answered(url):
    request = build_request(COFFEE.read_bytes(), points=[[[290, 110]], [[370, 200]]])
    answer = httpx.post(f"{url}/score", json=request, timeout=60, trust_env=False)
    assert answer.status_code == 200
    assert answer.json() == score(request, style="service")


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"{}", 400, "has no table"),
        (b'{"columns": ["image"], "data": [["http://169.254.169.254/a.png"]]}', 400, "row 0: the image is a URL"),
        (b'{"columns": ["image"], "data": [' + b'["aaaa"],' * 64 + b'["aaaa"]]}', 413, "65 rows, at most 64"),
    ],
)
def test_bad_requests_are_answered_with_the_reason(url, body, status, message):
    answer = httpx.post(f"{url}/score", content=body, headers={"Content-Type": "application/json"}, trust_env=False)
    assert answer.status_code == status
    assert message in answer.json()["error"]["message"]


def test_it_needs_neither_fastapi_nor_mlflow():
    code = (
        "import sys\n"
        "for name in ('fastapi', 'starlette', 'uvicorn', 'prometheus_client', 'mlflow'): sys.modules[name] = None\n"
        "from samwidget.serving.adapters import init, run\n"
        "from samwidget.serving import entry_script  # as the score.py of version 0.1.0 has it\n"
        "assert (entry_script.init, entry_script.run) == (init, run)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


# An endpoint that knows the documented request alone.


@pytest.fixture(scope="module")
def predictors(url):
    return SamPredictor.from_endpoint(f"{url}/score", timeout_s=60), SamPredictor.from_pretrained()


PROMPTS = [
    make_prompt([[290, 110]]),
    make_prompt(box=[320, 60, 430, 330]),
    make_prompt([[300, 200], [20, 20]], [1, 0]),
    make_prompt([[370, 200]]),
    make_prompt([[300, 200]], box=[100, 50, 500, 350]),
]


@pytest.mark.parametrize("several", [True, False])
def test_logits_are_made_of_its_masks(predictors, several):
    there, here = [each.predict_many(PROMPTS, each.embed(COFFEE), several) for each in predictors]
    for ours, theirs in zip(there, here, strict=True):
        assert len(ours) == (3 if several else 1)
        assert ours.scores == pytest.approx(theirs.scores, abs=1e-6)
        for mask, expected in zip(ours.to_bool(), theirs.to_bool(), strict=True):
            assert iou(mask, expected) > 0.97
        assert (ours.logits > 7).any()
        assert (ours.logits < -7).any()


def test_the_widget_drives_it(predictors):
    masks = []
    for predictor in predictors:
        with WiredWidget(COFFEE, predictor=predictor) as w:
            w.do("add_point", x=290, y=110, label=1)
            w.add(box=[320, 60, 430, 330])
            masks.append(w.masks)
    assert masks[0].shape == (2, 400, 600)
    for ours, theirs in zip(*masks, strict=True):
        assert iou(ours, theirs) > 0.97


def test_its_refusals_are_errors_here(predictors):
    remote, _ = predictors
    remote.set_image(COFFEE)
    with pytest.raises(LimitError, match="4097 points, at most 4096"):
        remote.predict([[290, 110]] * 4097)

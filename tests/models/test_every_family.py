"""Each family on a small network through each way in: predictor, widget, everything, server, batch, cache on disk.

Here is only what must be so for all of them, so a new family is one more entry of ``SMALL_NETWORKS``. The folder of a
family tests its masks, and what is its own.
"""

import asyncio
import csv

import httpx
import numpy as np
import pytest
from PIL import Image

from samwidget import SamWidget
from samwidget.batch.job import Job
from samwidget.batch.run import run_batch
from samwidget.core.prompt import make_prompt
from samwidget.formats.azure_ml.messages import build_request, parse_response
from samwidget.predict.predictor import SamPredictor
from samwidget.serving.http.admission import Admission
from samwidget.serving.http.app import make_app
from samwidget.serving.http.auth import NoKey
from samwidget.serving.http.service import Service
from samwidget.serving.limits import Limits
from tests.drawn_photo import drawn_photo
from tests.models.small_networks import SMALL_NETWORKS
from tests.serving.image_files import encoded

HW = (30, 50)
PHOTO = drawn_photo(*HW)
POINT, BOX = [20, 10], [5, 5, 30, 20]


@pytest.fixture(scope="module", params=SMALL_NETWORKS)
def model(request, tmp_path_factory):
    """What ``model=`` takes: a folder or a file."""
    return SMALL_NETWORKS[request.param](tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def predictor(model):
    return SamPredictor.from_pretrained(model, device="cpu")


def test_predictor(predictor):
    predictor.set_image(PHOTO)
    three = predictor.predict([POINT], [1])
    assert three.masks.shape == (3, *HW)
    assert np.isfinite(three.low_res_logits).all()
    assert np.isfinite(three.scores).all()
    corrected = predictor.predict(
        [POINT, [40, 20]], [1, 0], box=BOX, mask_input=three.low_res_logits[:1], multimask_output=False
    )
    assert corrected.masks.shape == (1, *HW)
    # The same prompt gives the same masks, whatever came between.
    np.testing.assert_array_equal(predictor.predict([POINT], [1]).masks, three.masks)


def test_widget(predictor):
    with SamWidget(PHOTO, predictor=predictor) as w:
        w.wait()
        w.add([POINT])
        w.add(box=BOX)
        assert w.masks.shape == (2, *HW)
        w.undo()
        assert w.masks.shape == (1, *HW)


def test_everything(predictor):
    found_objects = predictor.everything(PHOTO, points_per_side=2, pred_iou_thresh=0, stability_score_thresh=0)
    assert found_objects
    assert {item.mask.shape for item in found_objects} == {HW}


def test_server(predictor):
    service = Service([predictor], Admission([predictor]), NoKey(), Limits())

    async def post():
        transport = httpx.ASGITransport(make_app(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.post("/score", json=build_request(encoded("PNG", HW), points=[[POINT]]))

    response = asyncio.run(post())
    assert response.status_code == 200, response.text
    (((masks, _),),) = parse_response(response.content)
    assert masks.shape == (3, *HW)


def test_batch(model, tmp_path):
    photos, prompts, result = tmp_path / "photos", tmp_path / "prompts.csv", tmp_path / "out.csv"
    photos.mkdir()
    Image.fromarray(PHOTO).save(photos / "photo.png")
    prompts.write_text('image,input_points\nphoto.png,"[[20, 10]]"\nphoto.png,"[[40, 20]]"\n')
    job = Job(str(photos), str(result), prompts=str(prompts), model=str(model))
    done = run_batch(job, show_progress=False)
    assert (done.rows, done.errors) == (2, 0)
    with result.open(newline="") as file:
        assert len(list(csv.reader(file))) == 2


def test_cache_on_disk(model, tmp_path):
    first, again = (SamPredictor.from_pretrained(model, device="cpu", cache_folder=tmp_path) for _ in range(2))
    (expected,) = first.predict_many([make_prompt([POINT])], first.embed(PHOTO))
    (masks,) = again.predict_many([make_prompt([POINT])], again.embed(PHOTO))
    assert (first.encodes, again.encodes) == (1, 0)
    # Files hold half precision.
    np.testing.assert_allclose(masks.logits, expected.logits, atol=0.02 * expected.logits.std())

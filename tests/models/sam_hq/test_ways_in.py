"""SAM-HQ through each way in: a folder, predictor, cache on disk, everything, widget, score, batch, compat."""

import base64
import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from samwidget import SamWidget, compat, score
from samwidget.batch.job import Job
from samwidget.batch.run import run_batch
from samwidget.core.prompt import make_prompt
from samwidget.errors import ModelError
from samwidget.models.loader import load
from samwidget.predict.predictor import SamPredictor
from tests.models.sam_hq.random_sam_hq import save_sam_hq

COLUMNS = ["image", "input_points", "input_boxes", "input_labels", "multimask_output"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_sam_hq(tmp_path_factory.mktemp("small-sam-hq"), side=128)


@pytest.fixture(scope="module")
def predictor(folder):
    return SamPredictor.from_pretrained(folder, device="cpu")


def test_a_folder(folder):
    segmenter = load(folder)
    assert (segmenter.family, segmenter.name, segmenter.precision) == ("sam_hq", str(folder), "float32")
    assert load(folder).signature == segmenter.signature


def test_embeddings_on_disk_keep_the_features(folder, photo, tmp_path):
    first, again = (SamPredictor.from_pretrained(folder, device="cpu", cache_folder=tmp_path) for _ in range(2))
    expected = first.predict_many([make_prompt([[9, 9]])], first.embed(photo(30, 50)))[0].logits
    masks = again.predict_many([make_prompt([[9, 9]])], again.embed(photo(30, 50)))[0]
    assert again.encodes == 0
    # They are kept in half precision.
    assert np.abs(masks.logits - expected).max() < 0.01 * expected.std()


def test_everything(predictor, photo):
    assert tuple(predictor.everything_defaults) == (32, 0.88, 0.95, 1.0)
    found_objects = predictor.everything(photo(30, 50), points_per_side=2, pred_iou_thresh=0, stability_score_thresh=0)
    assert found_objects
    assert found_objects[0].mask.shape == (30, 50)


def test_a_widget(predictor, photo):
    with SamWidget(photo(30, 50), predictor=predictor) as w:
        w.wait()
        w.add([[20, 10]])
        w.add(box=[5, 5, 30, 20])
        assert w.masks.shape == (2, 30, 50)


def test_a_request_and_a_batch(predictor, folder, photo, tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(photo(30, 50)).save(buffer, "PNG")
    text = base64.b64encode(buffer.getvalue()).decode()
    row = [text, "[[[20,10]]]", "", "", False]
    response = score({"input_data": {"columns": COLUMNS, "index": [0], "data": [row]}, "params": {}}, predictor)
    assert len(response) == 1
    rows = tmp_path / "rows.csv"
    rows.write_text(",".join(COLUMNS) + f'\n{text},"[[[20,10]]]",,,False\n')
    assert run_batch(Job(str(rows), str(tmp_path / "out.csv"), model=str(folder)), show_progress=False).errors == 0


def test_code_for_the_reference(predictor, photo):
    """It sees no layers of SAM here, as with every network that is not SAM v1."""
    reference = compat.SamPredictor(predictor)
    reference.set_image(photo(30, 50))
    masks, scores, _ = reference.predict(np.array([[20, 10]]), np.array([1]))
    assert (masks.shape, scores.shape) == ((3, 30, 50), (3,))


def test_a_config_without_global_attention(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"]["global_attn_indexes"] = []
    (tmp_path / "copy/config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError):  # its relative positions do not fit either
        load(tmp_path / "copy")

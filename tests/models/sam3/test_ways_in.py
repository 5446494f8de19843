"""SAM 3 through each way in: predictor, cache on disk, everything, widget; words and clicks."""

import shutil

import numpy as np
import pytest

from samwidget.core.prompt import make_prompt
from samwidget.errors import PromptError, UnsupportedModelError
from samwidget.predict.predictor import SamPredictor


@pytest.fixture(scope="module")
def predictor(sam3_folder):
    return SamPredictor.from_pretrained(sam3_folder, device="cpu")


def test_words_and_clicks_on_one_encode(predictor, photo):
    encodes = predictor.encodes
    predictor.set_image(photo(30, 50))
    found_objects = predictor.find(["coin", "leaf"], threshold=0.3)
    assert found_objects
    assert [item.score for item in found_objects] == sorted([item.score for item in found_objects], reverse=True)
    assert {item.phrase for item in found_objects} == {"coin", "leaf"}
    assert found_objects[0].mask.shape == (30, 50)
    assert predictor.predict([[9, 9]], [1]).masks.shape == (3, 30, 50)
    assert predictor.encodes == encodes + 1


def test_boxes_as_examples(predictor, photo):
    predictor.set_image(photo(30, 50))
    words, both, excluded, alone = (
        [round(item.score, 4) for item in predictor.find(text, threshold=0, **boxes)]
        for text, boxes in [
            ("coin", {}),
            ("coin", {"boxes": [[1, 2, 20, 20]]}),
            ("coin", {"excluded_boxes": [[1, 2, 20, 20]]}),
            (None, {"boxes": [[1, 2, 20, 20]]}),
        ]
    )
    assert len({tuple(scores) for scores in (words, both, excluded, alone)}) == 4


def test_embeddings_on_disk(sam3_folder, photo, tmp_path):
    image = photo(30, 50)
    first = SamPredictor.from_pretrained(sam3_folder, device="cpu", cache_folder=tmp_path)
    expected = first.find("coin", image=image, threshold=0)
    again = SamPredictor.from_pretrained(sam3_folder, device="cpu", cache_folder=tmp_path)
    found_objects = again.find("coin", image=image, threshold=0)
    assert again.encodes == 0
    np.testing.assert_allclose([item.score for item in found_objects], [item.score for item in expected], atol=1e-5)


def test_clicks_alone_do_not_read_the_embeddings_of_words(sam3_folder, photo, tmp_path):
    """A checkpoint without a tokenizer makes other embeddings, under another signature."""
    copy = shutil.copytree(sam3_folder, tmp_path / "copy")
    for path in copy.glob("tokenizer*"):
        path.unlink()
    words, clicks = (SamPredictor.from_pretrained(folder, device="cpu") for folder in (sam3_folder, copy))
    assert (words.reads_words, clicks.reads_words) == (True, False)
    assert words.signature.split()[1:4] == clicks.signature.split()[1:4]
    assert words.signature.endswith("and words")
    with pytest.raises(UnsupportedModelError, match="cannot read words") as caught:
        clicks.find("coin", image=photo(30, 50))
    assert "tokenizer" in caught.value.hint


@pytest.mark.parametrize("model_type", ["sam3", "sam3_lite_text"])
def test_words_alone(words_folders, photo, model_type):
    predictor = SamPredictor.from_pretrained(words_folders[model_type], device="cpu")
    image = photo(30, 50)
    assert predictor.find("coin", image=image, threshold=0)
    with pytest.raises(PromptError, match="no layers for clicks"):
        predictor.predict_many([make_prompt([[5, 5]])], predictor.embed(image))
    with pytest.raises(PromptError, match="no layers for clicks"):
        predictor.everything(image, points_per_side=2)


def test_everything(predictor, photo):
    assert tuple(predictor.everything_defaults) == (32, 0.8, 0.95, 1.0)
    assert predictor.everything(photo(30, 50), points_per_side=2, pred_iou_thresh=0, stability_score_thresh=0)


def test_a_widget(predictor, photo):
    from samwidget import SamWidget

    encodes = predictor.encodes
    w = SamWidget(photo(31, 50), predictor=predictor)
    try:
        w.wait()
        w.add([[20, 10]])
        objects = w.find(["coin", "leaf"], threshold=0.3)
        assert {item.class_name for item in objects} == {"coin", "leaf"}
        assert len(w.objects) == 1 + len(objects)
        w.undo()
        assert len(w.objects) == 1
        assert w.status["reads_words"]
        assert predictor.encodes == encodes + 1
    finally:
        w.close()


def test_a_widget_with_words_alone(words_folders, photo):
    from samwidget import SamWidget

    w = SamWidget(photo(30, 50), model=str(words_folders["sam3"]))
    try:
        w.wait()
        assert w.find("coin", threshold=0)
        before = len(w.objects)
        with pytest.raises(PromptError, match="no layers for clicks"):
            w.add([[20, 10]])
        assert len(w.objects) == before
    finally:
        w.close()

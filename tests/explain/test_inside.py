"""The steps of a prediction: the same masks as without them, and arrays that fit each other."""

import numpy as np
import pytest

from samwidget.core import make_prompt
from samwidget.errors import ModelError, PromptError
from samwidget.explain import steps
from samwidget.explain.sentences import SENTENCES

CLICK = make_prompt([[60, 50]])
PROMPTS = {
    "click": CLICK,
    "two clicks": make_prompt([[60, 50], [10, 10]], [1, 0]),
    "box": make_prompt(box=[30, 20, 90, 80]),
    "click and box": make_prompt([[60, 50]], box=[30, 20, 90, 80]),
}


@pytest.mark.parametrize("name", PROMPTS)
def test_the_masks_are_those_without_a_recording(predictor, disc, name):
    expected = predictor.predict_many([PROMPTS[name]], predictor.embed(disc[0]))[0]
    recorded = steps(predictor, disc[0], PROMPTS[name])
    np.testing.assert_array_equal(recorded["candidates"], expected.logits)
    np.testing.assert_array_equal(recorded["scores"], expected.scores)
    np.testing.assert_array_equal(recorded.mask, expected.to_bool()[expected.best])
    # And a later prediction is not changed by hooks that stayed.
    np.testing.assert_array_equal(
        predictor.predict_many([PROMPTS[name]], predictor.embed(disc[0]))[0].logits, expected.logits
    )


@pytest.mark.parametrize("name", PROMPTS)
def test_what_was_recorded_leads_to_these_masks(predictor, disc, name):
    """SAM's recording runs other code than its fast decoder; both must compute the same."""
    from samwidget.models import record

    embedding = predictor.embed(disc[0])
    recording = predictor.run(lambda segmenter: record(segmenter, embedding, PROMPTS[name]))
    logits, scores = predictor.run(
        lambda segmenter: segmenter.decode(embedding, [PROMPTS[name]], multimask_output=True)
    )
    np.testing.assert_allclose(recording.logits, logits[0].numpy(), atol=2e-3)
    np.testing.assert_allclose(recording.scores, scores[0].numpy(), atol=1e-4)
    if predictor.name == "nano":
        assert np.array_equal(recording.logits, logits[0].numpy())


def test_a_mask_prompt_is_recorded(predictor, disc):
    embedding = predictor.embed(disc[0])
    mask = predictor.predict_many([CLICK], embedding)[0].logits[0]
    recorded = steps(predictor, disc[0], make_prompt([[60, 50]], mask=mask))
    assert ("mask features" in recorded) == (predictor.name != "nano")


def test_attention_is_a_distribution_over_the_image(predictor, disc):
    recorded = steps(predictor, disc[0], PROMPTS["click and box"])
    assert recorded.attention_names
    for name in recorded.attention_names:
        totals = recorded[name].sum((-2, -1))
        np.testing.assert_allclose(totals, np.ones_like(totals), atol=1e-4)


def test_tokens_are_named(predictor, disc):
    recorded = steps(predictor, disc[0], PROMPTS["two clicks"])
    if predictor.name == "nano":
        assert recorded.tokens == ()
        return
    assert len(recorded.tokens) == len(recorded["tokens"]) == recorded["attention 1"].shape[1]
    assert recorded.tokens[-3:] == ("include 1", "exclude 2", "padding")
    box = steps(predictor, disc[0], PROMPTS["box"])
    assert box.tokens.index("top left corner") == len(box.tokens) - 2 - box.tokens.count("padding")


def test_each_candidate_is_a_product_of_a_vector_and_features(predictor, disc):
    recorded = steps(predictor, disc[0], CLICK)
    if "all candidates" not in recorded or predictor.name == "nano":
        return
    by_hand = recorded["mask vectors"][2] @ recorded["upscaled features"][:, 5, 7]
    np.testing.assert_allclose(by_hand, recorded["candidates"][1, 5, 7], atol=2e-3)


def test_the_table_has_a_plain_sentence_for_each_step(nano, disc):
    recorded = steps(nano, disc[0], CLICK)
    assert repr(recorded).splitlines()[1].split("  ")[0] == "pixels"
    assert "96 x 128 x 3" in repr(recorded)
    assert recorded._repr_html_().count("<tr>") == 1 + len(recorded)
    assert all(sentence.endswith(".") for sentence in SENTENCES.values())


def test_content_leaves_the_padding_out(nano, disc):
    recorded = steps(nano, disc[0], CLICK)
    assert recorded["deep features"].shape[1:] == tuple(side // 16 for side in recorded.frame.input_hw)
    assert recorded.content("logits").shape == recorded.frame.content_logits_hw
    with pytest.raises(PromptError, match="no map"):
        recorded.content("summary")


def test_a_level_may_be_chosen(nano, disc):
    assert steps(nano, disc[0], CLICK, level=2).level == 2
    assert np.array_equal(steps(nano, disc[0], CLICK, level=0)["logits"], steps(nano, disc[0], CLICK)["candidates"][0])
    with pytest.raises(PromptError, match="level is 3"):
        steps(nano, disc[0], CLICK, level=3)


def test_an_unknown_step_names_those_there_are(nano, disc):
    with pytest.raises(KeyError, match="coarse mask"):
        steps(nano, disc[0], CLICK)["logit"]


def test_a_model_elsewhere_has_no_layers_here():
    from types import SimpleNamespace

    from samwidget.models import record

    with pytest.raises(ModelError, match="another computer"):
        record(SimpleNamespace(family="remote", name="http://x"), None, CLICK)

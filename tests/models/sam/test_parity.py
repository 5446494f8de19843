"""The same masks and scores as the official package and as plain transformers calls, on a SAM of true sizes."""

import numpy as np
import pytest

from tests.models.parity import PROMPTS, PlainSam, arguments, assert_same

SIZES = [(1, 1), (7, 3000), (1023, 1025), (900, 600), (3000, 4000)]
# Every size meets every prompt; the rest of the table is thinned, since a decode takes a tenth of a second or more.
SIZE_WITH_BOTH_OUTPUTS = (900, 600)
SINGLE_MASK = {"points and box", "mask and box", "box"}
ALSO_PLAIN = {"one point", "points and box", "mask and box"}


@pytest.mark.parametrize("image_hw", SIZES, ids=str)
def test_official_and_plain_transformers(true_size, photo, image_hw):
    image = photo(*image_hw)
    true_size.ours.set_image(image)
    true_size.official.set_image(image)
    plain = PlainSam(true_size.plain, image)
    earlier = true_size.ours.predict(np.array([[0.5, 0.5]]) * image_hw[::-1], [1]).low_res_logits[:1]
    for name, prompt in PROMPTS.items():
        inputs = arguments(prompt, image_hw, earlier)
        for multimask_output in (True, False) if image_hw == SIZE_WITH_BOTH_OUTPUTS else (name not in SINGLE_MASK,):
            actual = true_size.ours.predict(**inputs, multimask_output=multimask_output)
            assert actual.masks.shape == (3 if multimask_output else 1, *image_hw)
            assert_same(actual, true_size.official.predict(**inputs, multimask_output=multimask_output))
            if name in ALSO_PLAIN:
                assert_same(actual, plain.predict(**inputs, multimask_output=multimask_output))


def test_full_size_logits(true_size, photo):
    image = photo(300, 500)
    true_size.ours.set_image(image)
    true_size.official.set_image(image)
    inputs = arguments(PROMPTS["points"], (300, 500), None)
    actual = true_size.ours.predict(**inputs, return_logits=True)
    logits, _, _ = true_size.official.predict(**inputs, return_logits=True)
    assert actual.masks.dtype == np.float32
    assert np.abs(actual.masks - logits).max() < 0.01 * logits.std()


def test_many_prompts_get_the_masks_of_each_alone(true_size, photo):
    from samwidget.core.prompt import make_prompt

    image = photo(300, 500)
    true_size.ours.set_image(image)
    inputs = [arguments(prompt, (300, 500), None) for prompt in list(PROMPTS.values())[:4]]
    prompts = [
        make_prompt(values["point_coords"], values["point_labels"], values["box"]) for values in [*inputs, inputs[0]]
    ]
    for masks, alone in zip(true_size.ours.predict_many(prompts), [*inputs, inputs[0]], strict=True):
        np.testing.assert_allclose(masks.logits, true_size.ours.predict(**alone).low_res_logits, atol=1e-4)


def test_torchvision_is_not_imported(true_size):
    import sys

    assert "torchvision" not in sys.modules

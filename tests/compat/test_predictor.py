"""The calls of the reference's predictor notebook, side by side; and the members that other programs read and write."""

import numpy as np
import pytest
import torch

import samwidget
from samwidget.errors import ImageError, ModelError, PromptError, SamWidgetError
from tests.compat.side_by_side import assert_alike, assert_same

HEIGHT, WIDTH = 400, 600
BOXES = [[75, 115, 425, 350], [25, 200, 300, 275], [375, 150, 450, 300], [540, 75, 599, 150]]


@pytest.fixture(scope="module")
def predictors(pair, photo):
    """Ours and the reference's, with the same image set."""
    both = pair.ours.SamPredictor(pair.sam), pair.official.SamPredictor(pair.official_sam)
    for predictor in both:
        predictor.set_image(photo(HEIGHT, WIDTH))
    return both


def on_both(predictors, call):
    ours, official = (call(predictor) for predictor in predictors)
    assert_same(ours, official)
    return official


POINT = {"point_coords": np.array([[250, 187]]), "point_labels": np.array([1])}
POINTS = {"point_coords": np.array([[250, 187], [561, 322]]), "point_labels": np.array([1, 0])}
BOX = {"box": np.array([212, 300, 350, 390])}


def test_a_point_then_its_best_mask_with_another_point(predictors):
    _, scores, logits = on_both(predictors, lambda predictor: predictor.predict(**POINT, multimask_output=True))
    mask_input = logits[np.argmax(scores), :, :]
    on_both(
        predictors, lambda predictor: predictor.predict(**POINTS, mask_input=mask_input[None], multimask_output=False)
    )


@pytest.mark.parametrize(
    "prompt",
    [
        {"box": np.array([[212, 300, 350, 390]]), "multimask_output": False},
        {"point_coords": np.array([[287, 345]]), "point_labels": np.array([0]), **BOX, "multimask_output": False},
        {**POINT, "return_logits": True},
        {"point_coords": np.array([[250.25, 187.75]]), "point_labels": np.array([1.0], np.float32)},
        {"point_coords": np.array([[250, 187], [0, 0]]), "point_labels": np.array([1, -1])},
        {"point_coords": np.array([[-250, 187], [1e4, 10]]), "point_labels": np.array([1, 0])},
        {"point_coords": None, "point_labels": np.array([]), **BOX},
        {"box": np.array([350.5, 390, 212, 300])},
        {"box": np.array([-50, 20, 700, 20])},
        {},
    ],
    ids=[
        "box of the notebook",
        "point and box",
        "logits",
        "fractions",
        "padding point",
        "points outside",
        "labels without points",
        "box the other way round",
        "box without area",
        "nothing",
    ],
)
def test_prompts(predictors, prompt):
    on_both(predictors, lambda predictor: predictor.predict(**prompt))


def test_any_mask_as_a_prompt(small, photo):
    """Larger than any logit, and without a point."""
    predictors = small.ours.SamPredictor(small.sam), small.official.SamPredictor(small.official_sam)
    mask = np.random.default_rng(0).normal(0, 200, (1, 64, 64)).astype(np.float32)
    for predictor in predictors:
        predictor.set_image(photo(HEIGHT, WIDTH))
    on_both(predictors, lambda predictor: predictor.predict(mask_input=mask))


def test_boxes_of_a_batch(predictors, pair):
    def predict(predictor):
        boxes = torch.tensor(BOXES, device=predictor.device)
        transformed = predictor.transform.apply_boxes_torch(boxes, (HEIGHT, WIDTH))
        return predictor.predict_torch(point_coords=None, point_labels=None, boxes=transformed, multimask_output=False)

    masks, _, _ = on_both(predictors, predict)
    assert masks.shape == (4, 1, HEIGHT, WIDTH)


@pytest.mark.parametrize("labels", [torch.int, torch.int64, torch.float32])
@pytest.mark.parametrize("return_logits", [True, False])
def test_points_of_a_batch(small, photo, labels, return_logits):
    def predict(predictor):
        predictor.set_image(photo(HEIGHT, WIDTH))
        points = torch.tensor(
            [[[20.0, 30.0], [100, 90]], [[60, 70], [0, 0]], [[400, 390], [5, 5]]], dtype=torch.float64
        )
        return predictor.predict_torch(
            predictor.transform.apply_coords_torch(points, (HEIGHT, WIDTH)),
            torch.tensor([[1, 0], [1, -1], [1, 1]], dtype=labels),
            return_logits=return_logits,
        )

    assert_same(predict(small.ours.SamPredictor(small.sam)), predict(small.official.SamPredictor(small.official_sam)))


@pytest.mark.parametrize("masks", [1, 2])
def test_masks_of_a_batch(small, photo, masks):
    def predict(predictor):
        predictor.set_image(photo(HEIGHT, WIDTH))
        points = torch.tensor([[[20.0, 30.0]], [[100, 90]]])
        low_res = torch.linspace(-9, 9, masks * 64 * 64).reshape(masks, 1, 64, 64)
        return predictor.predict_torch(points, torch.ones(2, 1), mask_input=low_res, multimask_output=False)

    assert_same(predict(small.ours.SamPredictor(small.sam)), predict(small.official.SamPredictor(small.official_sam)))


def test_no_boxes_give_no_masks(small, photo):
    predictor = small.ours.SamPredictor(small.sam)
    predictor.set_image(photo(40, 60))
    masks, scores, logits = predictor.predict_torch(None, None, boxes=torch.zeros(0, 4), multimask_output=False)
    assert (masks.shape, scores.shape, logits.shape) == ((0, 1, 40, 60), (0, 1), (0, 1, 64, 64))
    assert masks.dtype == torch.bool


def test_what_is_set(predictors):
    ours, official = predictors
    assert ours.original_size == official.original_size == (HEIGHT, WIDTH)
    assert ours.input_size == official.input_size
    assert ours.is_image_set is official.is_image_set is True
    assert ours.device == official.device
    assert ours.transform.target_length == official.transform.target_length
    assert ours.model.image_encoder.img_size == official.model.image_encoder.img_size
    assert ours.model.mask_threshold == official.model.mask_threshold
    for features, official_features in (
        (ours.features, official.features),
        (ours.get_image_embedding(), official.get_image_embedding()),
    ):
        assert_alike(features, official_features.detach())
        assert (features - official_features).abs().max() < 1e-4 * official_features.std()


def test_reset(small, photo):
    predictor = small.ours.SamPredictor(small.sam)
    assert not predictor.is_image_set
    predictor.set_image(photo(30, 40))
    predictor.reset_image()
    assert not predictor.is_image_set
    assert predictor.features is None
    for call in (predictor.predict, predictor.get_image_embedding, lambda: predictor.predict_torch(None, None)):
        with pytest.raises(RuntimeError, match="no image is set") as caught:
            call()
        assert isinstance(caught.value, SamWidgetError)
        assert caught.value.hint


@pytest.mark.parametrize("image_format", ["RGB", "BGR"])
def test_the_order_of_the_channels(small, photo, image_format):
    ours, official = small.ours.SamPredictor(small.sam), small.official.SamPredictor(small.official_sam)
    for predictor in (ours, official):
        predictor.set_image(photo(30, 40), image_format=image_format)
    assert (ours.features - official.features).abs().max() < 1e-4 * official.features.std()


def test_another_format_is_refused(small, photo):
    with pytest.raises(AssertionError, match="give RGB or BGR") as caught:
        small.ours.SamPredictor(small.sam).set_image(photo(30, 40), "HSV")
    assert isinstance(caught.value, PromptError)


@pytest.mark.parametrize("size", [(1, 1), (30, 900), (333, 500), (1024, 683)])
def test_an_image_that_is_transformed_already(small, photo, size):
    """As programs do that resize on a GPU, or keep their images resized; also in floats."""
    image = photo(*size)
    ours, official = small.ours.SamPredictor(small.sam), small.official.SamPredictor(small.official_sam)
    pixels = torch.as_tensor(official.transform.apply_image(image)).permute(2, 0, 1)[None]
    np.testing.assert_array_equal(ours.transform.apply_image(image), official.transform.apply_image(image))
    for tensor in (pixels, pixels.float() + 0.25):
        for predictor in (ours, official):
            predictor.set_torch_image(tensor, size)
        assert_alike(ours.features, official.features)
        on_both((ours, official), lambda predictor: predictor.predict(**POINT))
    ours.set_torch_image(pixels, size)
    same = ours.features
    ours.set_image(image)
    assert (same - ours.features).abs().max() < 1e-5


@pytest.mark.parametrize("shape", [(3, 100, 256), (1, 3, 100, 200), (1, 4, 256, 256), (2, 3, 256, 256)])
def test_images_that_are_not_transformed_are_refused(small, shape):
    with pytest.raises(AssertionError, match="the image has shape"):
        small.ours.SamPredictor(small.sam).set_torch_image(torch.zeros(shape), (10, 10))


def test_features_that_were_kept(small, photo):
    """Annotation tools keep features on disk, and write them into the predictor for the next click."""
    images = photo(300, 200), photo(90, 120, seed=3)

    def keep(predictor, image):
        predictor.set_image(image)
        return predictor.get_image_embedding().clone(), predictor.original_size, predictor.input_size

    def click(predictor, kept):
        predictor.features, predictor.original_size, predictor.input_size = kept
        predictor.is_image_set = True
        return predictor.predict(**POINT)

    ours, official = small.ours.SamPredictor(small.sam), small.official.SamPredictor(small.official_sam)
    our_memory = [keep(ours, image) for image in images]
    official_memory = [keep(official, image) for image in images]
    for index in (0, 1, 0):
        assert_same(click(ours, our_memory[index]), click(official, official_memory[index]))
        # Each package can use the features of the other.
        assert_same(click(ours, official_memory[index]), click(official, our_memory[index]))
    another = small.ours.SamPredictor(small.sam)
    assert_same(click(another, our_memory[0]), click(official, official_memory[0]))


def test_features_and_sizes_may_be_changed(predictors):
    before = [(predictor.features, predictor.original_size) for predictor in predictors]
    try:
        for predictor in predictors:
            predictor.features = predictor.features.clone()
            predictor.predict(**POINT)
            predictor.features += 0.5
        on_both(predictors, lambda predictor: predictor.predict(**POINT))
        for predictor in predictors:
            predictor.original_size = (HEIGHT // 2, WIDTH // 2)
        on_both(predictors, lambda predictor: predictor.predict(**POINT))
    finally:
        for predictor, (features, size) in zip(predictors, before, strict=True):
            predictor.features, predictor.original_size = features, size


def test_changed_features_do_not_reach_other_predictors(small, photo):
    first, second = small.ours.SamPredictor(small.sam), small.ours.SamPredictor(small.sam)
    first.set_image(photo(50, 60))
    expected = first.predict(**POINT)
    first.features.zero_()
    assert not np.array_equal(first.predict(**POINT)[2], expected[2])
    second.set_image(photo(50, 60))  # from the cache
    for array, other in zip(second.predict(**POINT), expected, strict=True):
        np.testing.assert_array_equal(array, other)


def test_the_threshold(small, photo):
    predictors = small.ours.SamPredictor(small.sam), small.official.SamPredictor(small.official_sam)
    try:
        for predictor in predictors:
            predictor.model.mask_threshold = -0.7
            predictor.set_image(photo(HEIGHT, WIDTH))
        on_both(predictors, lambda predictor: predictor.predict(**POINT))
    finally:
        for predictor in predictors:
            predictor.model.mask_threshold = 0.0


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"point_coords": np.zeros((2, 2))}, AssertionError),
        ({"point_coords": np.zeros((2, 2)), "point_labels": np.ones(3)}, ValueError),
        ({"point_coords": np.zeros((2, 2)), "point_labels": np.array([1, 2])}, ValueError),
        ({"point_coords": np.zeros((2, 3)), "point_labels": np.ones(2)}, ValueError),
        ({"point_coords": np.array([[np.nan, 1]]), "point_labels": np.ones(1)}, ValueError),
        ({"box": np.zeros((2, 4))}, ValueError),
        ({"box": np.zeros(3)}, ValueError),
        ({"box": "a box"}, ValueError),
        ({"mask_input": np.zeros((1, 32, 32))}, ValueError),
        ({"mask_input": np.zeros((3, 64, 64))}, ValueError),
        ({"mask_input": "a mask"}, ValueError),
        ({"point_coords": np.zeros((1, 2)), "point_labels": ["include"]}, ValueError),
        ({"point_coords": np.zeros((1, 2)), "point_labels": [[1], 1]}, ValueError),
        ({"point_coords": np.zeros((1, 2), complex), "point_labels": np.ones(1)}, ValueError),
        ({"point_coords": np.ma.masked_all((1, 2)), "point_labels": np.ones(1)}, ValueError),
    ],
)
def test_wrong_prompts(small, photo, arguments, error):
    predictor = small.ours.SamPredictor(small.sam)
    predictor.set_image(photo(30, 40))
    with pytest.raises(error) as caught:
        predictor.predict(**arguments)
    assert isinstance(caught.value, PromptError)
    assert caught.value.hint


@pytest.mark.parametrize("convert", [
    lambda array: torch.tensor(array, requires_grad=True), lambda array: torch.tensor(array, dtype=torch.bfloat16),
    lambda array: [torch.tensor(row) for row in array], lambda array: array.tolist(),
    lambda array: array.astype(object),
])  # fmt: skip
def test_prompts_of_any_library_give_the_same_masks(small, photo, convert):
    predictor = small.ours.SamPredictor(small.sam)
    predictor.set_image(photo(64, 64))
    points, labels, box = np.float32([[10, 20], [30, 40]]), np.float32([1, 0]), np.float32([[4, 4, 60, 60]])
    logits = np.round(predictor.predict(box=box)[2][:1])
    prompts = points, labels, box, logits
    wanted = predictor.predict(*prompts)
    for ours, theirs in zip(predictor.predict(*map(convert, prompts)), wanted, strict=True):
        assert np.array_equal(ours, theirs)
    batch = (points[None], labels[None], box, logits[None])
    wanted_batch = predictor.predict_torch(*map(torch.tensor, batch))
    for tensor, theirs in zip(predictor.predict_torch(*map(convert, batch)), wanted_batch, strict=True):
        assert torch.equal(tensor, theirs)


def test_prompts_of_a_batch_that_differ_in_number(small, photo):
    predictor = small.ours.SamPredictor(small.sam)
    predictor.set_image(photo(30, 40))
    with pytest.raises(PromptError, match="points for 2, labels for 2, boxes for 3"):
        predictor.predict_torch(torch.zeros(2, 1, 2), torch.ones(2, 1), boxes=torch.zeros(3, 4))


def test_an_image_that_cannot_be_read_leaves_the_one_before(small, photo):
    predictor = small.ours.SamPredictor(small.sam)
    predictor.set_image(photo(30, 40))
    with pytest.raises(ImageError):
        predictor.set_image("no-such-file.png")
    assert predictor.original_size == (30, 40)
    predictor.predict(**POINT)


# What a predictor is made of.


def test_any_model_of_samwidget(small, photo):
    own = samwidget.SamPredictor.from_pretrained(small.path, device="cpu", dtype="float32")
    for model in (own, small.path, str(small.path), small.sam):
        predictor = small.ours.SamPredictor(model)
        predictor.set_image(photo(30, 40))
        assert predictor.predict(**POINT)[0].shape == (3, 30, 40)
    assert own.encodes == 1


@pytest.mark.parametrize("model", [7, torch.nn.Linear(1, 1), {}])
def test_what_is_no_model(small, model):
    with pytest.raises(PromptError, match="no model of samwidget"):
        small.ours.SamPredictor(model)


def test_the_bundled_model(small, photo):
    """It is not SAM, so it has no features that are a tensor; all else works."""
    predictor = small.ours.SamPredictor("nano")
    image = photo(300, 450)
    predictor.set_image(image)
    expected = samwidget.SamPredictor.from_pretrained("nano")
    expected.set_image(image)
    masks, scores, logits = predictor.predict(np.array([[200, 100]]), np.array([1]))
    for array, other in zip((masks, scores, logits), expected.predict([[200, 100]]), strict=True):
        np.testing.assert_array_equal(array, other)
    boxes = predictor.transform.apply_boxes_torch(torch.tensor([[20, 30, 200, 150]]), image.shape[:2])
    batch, _, _ = predictor.predict_torch(None, None, boxes=boxes, multimask_output=False)
    single = expected.predict(box=[20, 30, 200, 150], multimask_output=False).masks
    assert np.count_nonzero(batch[0].numpy() != single) <= 2
    padded = predictor.predict(np.array([[200, 100], [0, 0]]), np.array([1, -1]))
    np.testing.assert_array_equal(padded[0], masks)
    kept = predictor.features, predictor.original_size, predictor.input_size
    predictor.reset_image()
    predictor.features, predictor.original_size, predictor.input_size = kept
    predictor.is_image_set = True
    np.testing.assert_array_equal(predictor.predict(np.array([[200, 100]]), np.array([1]))[2], logits)
    with pytest.raises(ModelError, match="nano is not SAM") as caught:
        predictor.set_torch_image(torch.zeros(1, 3, 1024, 500), (1024, 500))
    assert "set_image" in caught.value.hint

"""Fine-tuning on drawn photos: what is read, refused, learned, kept and saved."""

import json
import threading
from itertools import count

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("cv2")

from samwidget import SamPredictor, SamWidget
from samwidget.core import make_prompt
from samwidget.errors import FormatError, ImageError, ModelError, SamWidgetWarning, UnsupportedModelError
from samwidget.models import load
from samwidget.training import fine_tune
from samwidget.training.fine_tuning import learner as learner_module
from samwidget.training.fine_tuning import measure as measure_module
from samwidget.training.fine_tuning import tune as tune_module
from samwidget.training.fine_tuning.curve import CurvePoint, LiveCurve, curve_svg
from samwidget.training.fine_tuning.examples import read_examples, split
from samwidget.training.fine_tuning.gain import Gain
from samwidget.training.fine_tuning.measure import ClickScores, click_scores, measured_photos, one_click_ious
from samwidget.training.fine_tuning.result import FineTuned
from samwidget.training.fine_tuning.tunable import Decoded, tunable_of
from samwidget.training.fine_tuning.views import on_grid


def drawn(seed, size_hw=(72, 96)):
    """A photo of a bright box on noise, and the mask of its left half, which no model takes for an object."""
    rng = np.random.default_rng(seed)
    image = rng.integers(40, 90, (*size_hw, 3)).astype(np.uint8)
    mask = np.zeros(size_hw, np.bool_)
    top, left = rng.integers(10, 25), rng.integers(10, 30)
    image[top : top + 30, left : left + 40] = (220, 200, 60)
    mask[top : top + 30, left : left + 20] = True
    return image, mask


@pytest.fixture(scope="module")
def photos():
    return [drawn(seed) for seed in range(3)]


@pytest.fixture(autouse=True)
def few_checks(monkeypatch):
    """One view of a photo and two checks, since each costs a second."""
    monkeypatch.setattr("samwidget.training.fine_tuning.views.VIEWS_MAX", 1)
    monkeypatch.setattr(tune_module, "CHECKS", 1)


@pytest.fixture
def rising(monkeypatch):
    """Each measurement is better than the one before: what few steps make of a network is left to chance."""
    numbers = count(1)

    def value():
        return 1 - 0.5 ** next(numbers)

    monkeypatch.setattr(tune_module._Tuning, "scores", lambda *_: ClickScores(6, (value(),) * 5, 1.0))
    monkeypatch.setattr(tune_module._Tuning, "one_click", lambda *_: np.full(6, value()))


def masks_of(folder):
    predictor = SamPredictor.from_pretrained(folder, device="cpu")
    image, _ = drawn(7)
    return predictor.predict_many([make_prompt([40, 30])], predictor.embed(image))[0].logits


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ([], "no mask to learn from"),
        ([(np.zeros((9, 9, 3), np.uint8), [])], "no mask to learn from"),
        ([(np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9), np.bool_))], "no mask to learn from"),
        ([(np.zeros((9, 9, 3), np.uint8), np.ones((8, 9), np.bool_))], r"shape \(8, 9\), and its image \(9, 9\)"),
        ([(np.zeros((9, 9, 3), np.uint8), np.ones((9, 9), np.float32))], "float32"),
        ([(np.zeros((9, 9, 3), np.uint8), [np.ones((9, 9), np.uint8)])], "mask > 0"),
        ([(np.zeros((9, 9, 3), np.uint8), 5)], "give an array"),
        ([5], "pairs of an image and its masks"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(source, words):
    with pytest.raises(FormatError, match=words):
        read_examples(source)


def test_an_image_that_is_missing_is_named(tmp_path):
    with pytest.raises(ImageError):
        read_examples([(tmp_path / "no.png", np.ones((9, 9), np.bool_))])


def test_an_empty_mask_among_others_is_left_out_and_said(photos):
    empty = (photos[0][0], np.zeros_like(photos[0][1]))
    with pytest.warns(SamWidgetWarning, match="photo 2"):
        assert len(read_examples([photos[0], empty])) == 1


def test_a_folder_is_read_with_its_unknown_pixels(tmp_path, photos):
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    image, mask = photos[0]
    ids = mask.astype(np.uint8) * 3
    ids[:, -5:] = 255
    Image.fromarray(image).save(tmp_path / "images/a.png")
    Image.fromarray(ids).save(tmp_path / "masks/a.png")
    (example,) = read_examples(tmp_path)
    assert (example.name, len(example.masks)) == ("a", 1)
    assert np.array_equal(example.masks[0], mask)
    assert not example.valid[:, -5:].any()
    assert example.valid[:, :-5].all()
    with pytest.raises(FormatError, match=r"SamWidget.open\(file\)"):
        read_examples(tmp_path / "images/a.png")
    with pytest.raises(FormatError, match="expected images"):
        read_examples(tmp_path / "masks")


def test_masks_in_each_form_are_the_same(photos):
    image, mask = photos[0]
    numbers = np.where(mask, 300, 0)
    for masks in (mask, mask[None], [mask], numbers):
        (example,) = read_examples([(image, masks)])
        assert np.array_equal(example.masks[0], mask)


def test_large_photos_are_reduced():
    (example,) = read_examples([(np.zeros((1500, 2048, 3), np.uint8), np.ones((1500, 2048), np.bool_))])
    assert example.image.shape == (750, 1024, 3)
    assert example.masks[0].shape == example.valid.shape == (750, 1024)


def test_photos_are_held_out_as_wholes(photos):
    examples = read_examples(photos)
    learning, checking = split(examples, 0.2, 0)
    assert (len(learning), len(checking)) == (2, 1)
    assert split(examples, 0.0, 0)[1] == []
    assert [example.name for example in split(examples, ["photo 2"], 0)[1]] == ["photo 2"]
    twice = [*examples[:1], *examples[:1], *examples[1:]]
    for seed in range(4):
        learning, checking = split(twice, 0.3, seed)
        assert not {example.name for example in learning} & {example.name for example in checking}


@pytest.mark.parametrize(("objects", "held_out"), [(1, 3), (4, 3), (5, 2)])
def test_more_photos_are_held_out_while_they_have_too_few_objects(objects, held_out):
    image, mask = drawn(0)
    examples = read_examples([(image, [mask] * objects) for _ in range(10)])
    assert len(split(examples, 0.2, 0)[1]) == held_out
    assert len(split(examples, 0.4, 0)[1]) == 4
    assert len(split(examples[:3], 0.2, 0)[1]) == 1


@pytest.mark.parametrize(
    ("gains", "is_kept", "is_clear"),
    [
        ((0.3, 0.1), True, False),
        ((0.24, 0.0), False, False),
        ((0.1,) * 5, True, True),
        ((0.3, 0.2, -0.2, 0.1), False, False),
        ((0.06, 0.06), False, False),  # two that agree are no proof
        ((0.05,) * 10, True, True),
        ((0.02,) * 10, True, False),
        ((0.5, -0.3, 0.5, -0.4, 0.2), False, False),
        ((-0.2,) * 10, False, False),
    ],
)
def test_a_gain_is_compared_with_chance(gains, is_kept, is_clear):
    before = np.full(len(gains), 0.4)
    gain = Gain.between(before, before + gains)
    assert gain.mean == pytest.approx(np.mean(gains))
    assert (gain.is_kept, gain.is_clear) == (is_kept, is_clear)


def test_one_click_is_that_of_the_table_and_few_objects_get_more(photos, monkeypatch):
    segmenter = load("nano", device="cpu")
    measured = measured_photos(segmenter, read_examples(photos[:2]), 2, 1)
    clicks, decode = [], segmenter.decode

    def decode_and_note(embedding, prompts, **options):
        clicks.append([tuple(prompt.points_xy[0]) for prompt in prompts])
        return decode(embedding, prompts, **options)

    monkeypatch.setattr(segmenter, "decode", decode_and_note)
    assert one_click_ious(segmenter, measured).shape == (2,)
    one_click_ious(segmenter, measured)
    assert clicks[:2] == clicks[2:], "the same clicks each time"
    assert all(len(part) == 4 and len(set(part)) > 1 for part in clicks[:2])
    monkeypatch.setattr(measure_module, "CLICKS_IN_ALL", 2)
    centre = one_click_ious(segmenter, measured)
    assert [len(part) for part in clicks[4:]] == [1, 1]
    assert centre.mean() == pytest.approx(click_scores(segmenter, measured, clicks=1).ious[0])


def test_the_candidate_that_is_shown_learns_most():
    logits = torch.zeros(1, 4, 8, 8, requires_grad=True)
    target = np.zeros((1, 8, 8), np.float32)
    target[:, :4] = 1
    scores = torch.tensor([[0.5, 0.4, 0.9, 0.6]])
    decoded = Decoded(logits, scores, None)
    learner_module.decoded_loss(decoded, torch.zeros(1, 4), target, np.ones((8, 8), np.float32)).sum().backward()
    _, first, second, third = logits.grad.abs().sum((0, 2, 3))
    assert second > 100 * max(first, third)


def test_the_error_is_the_standard_error_of_many_objects():
    gains = np.random.default_rng(0).normal(0.1, 0.2, 1000)
    gain = Gain.between(np.zeros(1000), gains)
    assert gain.error == pytest.approx(gains.std() / 1000**0.5, rel=0.01)


def test_the_result_says_what_chance_may_have_made(tmp_path):
    def tuned(folder, *gains):
        scores = ClickScores(len(gains), (0.4,) * 5, 1.0)
        gain = Gain.between(np.zeros(len(gains)), np.array(gains))
        return FineTuned(folder, "nano", scores, scores, gain, (), ("a",), ("b",), 0.5, 1.0, "steps")

    assert tuned(tmp_path, *[0.2] * 10).doubt is None
    few = tuned(tmp_path, 0.3, 0.1)
    assert "2 held-out objects can hardly tell the gain of +0.200 ± 0.079 from chance" in few.doubt
    assert "standard error of the gain 0.079" in str(few)
    none = tuned(None, 0.05)
    assert "more than chance on 1 held-out object (gain +0.050 ± 0.100), so nothing was saved" in none.doubt


@pytest.mark.parametrize(
    ("photo_count", "held_out", "words"),
    [(1, 0.2, "held_out=0"), (2, 1.5, "share"), (2, ["b"], "no photo 'b'"), (1, ["photo 1"], "all photos")],
)
def test_a_split_that_makes_no_sense_is_refused(photos, photo_count, held_out, words):
    with pytest.raises(FormatError, match=words):
        split(read_examples(photos[:photo_count]), held_out, 0)


def test_a_mask_lies_on_the_grid_as_in_the_image():
    frame = load("nano", device="cpu").encode(drawn(0)[0]).frame
    mask = np.zeros((72, 96), np.bool_)
    mask[:36] = True
    grid = on_grid(mask, frame)
    rows = frame.content_hw[0] // 2
    assert grid.shape == frame.logits_hw
    assert abs(float(grid[:, 0].sum()) - rows / 2) < 1
    assert not grid[rows + 1 :].any()


def test_it_learns_saves_and_loads_again(photos, tmp_path, rising):
    target = tmp_path / "halves"
    points = []
    result = fine_tune(
        photos, target, steps=2, rate=1e-3, held_out=["photo 3"], progress=points.append, show=False, device="cpu"
    )
    assert (result.folder, result.ended) == (target, "steps")
    assert result.after.ious[0] > result.before.ious[0]
    assert result.learned_from == ("photo 1", "photo 2")
    assert result.held_out == ("photo 3",)
    assert [point.step for point in points] == [0, 2]
    assert result.curve == tuple(points)
    facts = json.loads((target / "fine_tuning.json").read_text())
    assert (facts["base"], facts["held_out"]) == ("nano", ["photo 3"])
    assert not np.array_equal(masks_of(target), masks_of("nano"))
    assert "-> " in str(result)
    assert "<table" in result._repr_html_()
    tuned, base = load(target, device="cpu"), load("nano", device="cpu")
    for name, value in base.network.encoder.state_dict().items():
        assert torch.equal(tuned.network.encoder.state_dict()[name], value), "the encoder stays"
    with pytest.raises(FormatError, match="there already"):
        fine_tune(photos, target)
    with SamWidget(photos[0][0], model=target) as w:
        assert w.predictor.signature == result.predictor.signature


def test_the_weights_do_not_depend_on_threads(photos):
    weights = []
    for threads in (1, 2):
        from samwidget.training.fine_tuning.views import encoded_views

        tunable = tunable_of(load("nano", device="cpu"))
        views = encoded_views(tunable.segmenter, read_examples(photos[:2]), 0, 1)
        learner = learner_module.Learner(tunable, views, rate=1e-3, seed=0, threads=threads)
        learner.step(0.0)
        weights.append(learner.average)
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


def test_the_options_are_checked_before_anything_is_read(tmp_path):
    for options, words in (({"minutes": 0}, "minutes"), ({"rate": -1.0}, "rate"), ({"steps": 0}, "steps")):
        with pytest.raises(ModelError, match=words):
            fine_tune([], tmp_path / "x", **options)
    with pytest.raises(FormatError, match="does not exist"):
        fine_tune([], tmp_path / "no/x")


def test_other_families_are_refused(photos, tmp_path):
    class Other:
        family, name = "sam2", "facebook/sam2.1-hiera-tiny"

    with pytest.raises(UnsupportedModelError, match="nano and SAM 1 can"):
        tunable_of(Other())


def test_stop_before_anything_is_better_saves_nothing(photos, tmp_path):
    cancel = threading.Event()
    cancel.set()
    with pytest.warns(SamWidgetWarning, match="nothing was saved"):
        result = fine_tune(photos, tmp_path / "x", cancel=cancel, show=False, device="cpu")
    assert (result.folder, result.ended, result.after) == (None, "stopped", result.before)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ModelError, match="nothing was saved"):
        result.predictor  # noqa: B018


class Scripted:
    """Steps that go as a test wants, after which the weights are those that make everything better."""

    def __init__(self, monkeypatch, *events):
        self.events = list(events)
        self.step = learner_module.Learner.step
        monkeypatch.setattr(learner_module.Learner, "step", lambda learner, share: self(learner, share))

    def __call__(self, learner, share):
        event = self.events.pop(0)
        if event is not None:
            raise event
        return self.step(learner, share)


@pytest.mark.parametrize(
    ("event", "ended"), [(KeyboardInterrupt(), "stopped"), (ModelError("the loss is no number"), "diverged")]
)
def test_the_best_so_far_is_kept(photos, tmp_path, monkeypatch, event, ended, recwarn, rising):
    monkeypatch.setattr(tune_module, "CHECKS", 10**6)  # a check after each step
    Scripted(monkeypatch, *[None] * 2, event)
    result = fine_tune(photos, tmp_path / "x", rate=1e-3, minutes=60, held_out=0.0, show=False, device="cpu")
    assert result.ended == ended
    assert result.folder is not None
    assert ("best weights" in " ".join(str(item.message) for item in recwarn)) == (ended == "diverged")


def test_a_gain_that_chance_makes_is_not_saved(photos, tmp_path, monkeypatch):
    ious = iter([0.40, 0.40] + [0.45] * 9)  # of photos learned from and held out, at both checks, and of the choice
    monkeypatch.setattr(tune_module._Tuning, "one_click", lambda *_: np.full(2, next(ious)))
    with pytest.warns(SamWidgetWarning, match="more than chance on 2 held-out objects"):
        result = fine_tune(photos, tmp_path / "x", steps=2, rate=1e-3, show=False, device="cpu")
    assert (result.folder, result.after) == (None, result.before)
    assert result.gain.mean == pytest.approx(0.05)
    assert not list(tmp_path.iterdir())


def test_a_loss_that_is_no_number_has_a_remedy(photos, tmp_path, monkeypatch):
    def nan_loss(decoded, iou, targets, valid):
        return decoded.logits.sum((1, 2, 3)) * float("nan")

    monkeypatch.setattr(learner_module, "decoded_loss", nan_loss)
    with pytest.raises(ModelError, match=r"no number any more after 0 steps.*rate=3e-05"):
        fine_tune(photos, tmp_path / "x", steps=3, show=False, device="cpu")
    assert not list(tmp_path.iterdir())


def test_a_disk_that_refuses_leaves_nothing(photos, tmp_path, monkeypatch, rising):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("samwidget.training.fine_tuning.tunable.export_bundle", refuse)
    with pytest.raises(ModelError, match="No space left"):
        fine_tune(photos, tmp_path / "x", steps=2, rate=1e-3, held_out=0.0, show=False, device="cpu")
    assert not list(tmp_path.iterdir())


def test_sam_learns_and_its_folder_loads(photos, tmp_path, rising):
    from tests.models.sam.true_size_sam import save_sam

    save_sam(tmp_path / "sam", image_size=128, hidden_size=16, num_hidden_layers=1, mlp_dim=16)
    result = fine_tune(
        photos, tmp_path / "tuned", model=tmp_path / "sam", steps=2, rate=1e-3, held_out=0.0, show=False, device="cpu"
    )
    assert result.after.ious[0] > result.before.ious[0]
    tuned, base = load(tmp_path / "tuned", device="cpu"), load(tmp_path / "sam", device="cpu")
    assert tuned.preprocessing == base.preprocessing
    for name, value in base.network.vision_encoder.state_dict().items():
        assert torch.equal(tuned.network.vision_encoder.state_dict()[name], value), "the encoder stays"
    changed = [
        name
        for name, value in base.network.mask_decoder.state_dict().items()
        if not torch.equal(tuned.network.mask_decoder.state_dict()[name], value)
    ]
    assert len(changed) > 50


def test_all_four_masks_of_sam_are_those_that_it_gives(tmp_path):
    from tests.models.sam.true_size_sam import save_sam

    save_sam(tmp_path / "sam", image_size=128, hidden_size=16, num_hidden_layers=1, mlp_dim=16)
    segmenter = load(tmp_path / "sam", device="cpu")
    tunable = tunable_of(segmenter)
    embedding = segmenter.encode(drawn(0)[0])
    prompts = [make_prompt([40, 30]), make_prompt([20, 50])]
    decoded = tunable.decode(embedding, prompts)
    for multimask, part in ((False, slice(0, 1)), (True, slice(1, 4))):
        logits, scores = segmenter.decode(embedding, prompts, multimask_output=multimask)
        scale = float(logits.std())
        assert torch.allclose(decoded.logits[:, part], logits, atol=1e-3 * scale, rtol=1e-3)
        assert torch.allclose(decoded.scores[:, part], scores, atol=1e-3, rtol=1e-3)


def test_a_widget_learns_from_its_objects_and_uses_the_model(tmp_path, rising):
    for seed in range(3):
        Image.fromarray(drawn(seed)[0]).save(tmp_path / f"{seed}.png")
    with SamWidget(tmp_path / "*.png", session=tmp_path / "s.samw", device="cpu") as w:
        before = w.predictor.signature
        with pytest.raises(FormatError, match="no image is labelled"):
            w.fine_tune(tmp_path / "tuned")
        for seed in range(3):
            w.go_to(seed)
            w.add_masks([drawn(seed)[1]])
        with pytest.raises(ModelError, match="minutes"):
            w.fine_tune(tmp_path / "tuned", minutes=-1)
        assert w.predictor.signature == before, "a failure leaves the model as it was"
        masks = w.masks.copy()
        result = w.fine_tune(tmp_path / "tuned", steps=2, rate=1e-3, held_out=["2.png"], show=False)
        assert result.folder is not None
        assert w.predictor.signature != before
        assert np.array_equal(w.masks, masks)


def test_the_curve_is_drawn_as_far_as_it_goes():
    points = [CurvePoint(0, 0.0, 0.1, 0.0, 0.4, 0.3), CurvePoint(10, 0.5, 1.0, 2.0, 0.6, 0.5)]
    drawing = curve_svg(points)
    assert drawing.count("<polyline") == 2
    assert "up to 20" in drawing
    assert "#fff" not in drawing, "it has the colours of the notebook's theme"
    assert curve_svg([]).startswith("<svg")
    assert curve_svg([CurvePoint(0, 0.0, 0.1, 0.0, 0.4, None)]).count("<polyline") == 1
    assert curve_svg([CurvePoint(0, 0.001, 0.1, 0.0, 0.4, None)]).count("<polyline") == 1, "some time before step 1"


def test_without_a_notebook_the_curve_is_text(capsys):
    curve = LiveCurve("nano learns")
    curve.add(CurvePoint(0, 0.25, 0.1, 0.0, 0.4, 0.3))
    curve.close("saved as x.")
    text = capsys.readouterr().err
    assert "25%" in text
    assert "held-out photos: 0.30" in text

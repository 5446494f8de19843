"""score(): the answers of plain transformers calls, row by row, and of the widget that wrote the request."""

import base64
import io
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from jsonschema import Draft202012Validator
from PIL import Image

import samwidget
from samwidget.core.measure import iou
from samwidget.errors import FormatError, ImageError, ModelError, PromptError
from samwidget.formats.azure_ml.messages import COLUMNS, build_request, parse_request, parse_response
from samwidget.formats.azure_ml.schema import load_schema
from samwidget.predict.predictor import SamPredictor
from samwidget.serving.scoring import score
from tests.drawn_photo import drawn_photo
from tests.models.sam.true_size_sam import save_sam
from tests.predict.fake_segmenter import FakeSegmenter
from tests.serving.image_files import rotated_jpeg

COFFEE = Path(__file__).parents[2] / "notebooks/photos/coffee.jpg"

# The service's own sample: points, boxes, labels.
SAMPLE = [
    ("[[[280,320]], [[300,350]]]", "", ""),
    ("[[[280,320], [300,350]]]", "", ""),
    ("", "[[125,240,375,425]]", ""),
    ("[[[280,320]]]", "[[125,240,375,425]]", ""),
    ("[[[280,320]]]", "[[125,240,375,425]]", "[[0]]"),
]
CARD_EXAMPLE = ("", "[[650, 900, 1000, 1250]]", "")
PAIRS = ("[[[280,320]], [[300,350]]]", "[[125,240,375,425],[200,100,500,400]]", "[[0],[1]]")


def png_of(image):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def request_of(*rows, image, several=True):
    """Rows of points, boxes and labels about one image, given as its bytes or as text."""
    text = image if isinstance(image, str) else base64.b64encode(image).decode()
    data = [[text, *row, several] for row in rows]
    return {"input_data": {"columns": list(COLUMNS), "index": list(range(len(data))), "data": data}, "params": {}}


@pytest.fixture(scope="module")
def sam(tmp_path_factory):
    """One network, ours and as plain transformers: SAM's own decoder on a small and shallow encoder."""
    from transformers.models import sam as sam_module

    folder = save_sam(tmp_path_factory.mktemp("sam"), image_size=256)
    size = {"size": {"longest_edge": 256}, "pad_size": {"height": 256, "width": 256}}
    # The Pillow one; where there is a choice, the other needs torchvision.
    processor = getattr(sam_module, "SamImageProcessorPil", sam_module.SamImageProcessor)(**size)
    return SimpleNamespace(
        ours=SamPredictor.from_pretrained(folder, device="cpu"),
        model=sam_module.SamModel.from_pretrained(folder).eval(),
        processor=sam_module.SamProcessor(processor),
    )


@torch.no_grad()
def plain_transformers(sam, image, points, boxes, labels, several):
    """(P, C, H, W) masks and (P, C) scores of one row, as transformers documents its calls."""
    given = {"input_points": points, "input_boxes": boxes, "input_labels": labels}
    nested = {name: [json.loads(text)] for name, text in given.items() if text}
    inputs = sam.processor(images=image, return_tensors="pt", **nested)
    # It makes doubles of them, and the weights are single.
    inputs = {name: value.float() if value.is_floating_point() else value for name, value in inputs.items()}
    original, reshaped = inputs.pop("original_sizes"), inputs.pop("reshaped_input_sizes")
    output = sam.model(**inputs, multimask_output=several)
    (masks,) = sam.processor.image_processor.post_process_masks(output.pred_masks, original, reshaped)
    return masks.numpy(), output.iou_scores[0].numpy()


@pytest.mark.parametrize(
    ("rows", "image_hw", "several"),
    [
        (SAMPLE, (480, 640), True),
        (SAMPLE, (480, 640), False),
        ([CARD_EXAMPLE], (1300, 1100), False),
        ([PAIRS], (480, 640), True),
    ],
    ids=["sample", "sample, one mask", "card", "pairs"],
)
def test_plain_transformers_gives_the_same(sam, rows, image_hw, several):
    image = drawn_photo(*image_hw)
    answer = parse_response(score(request_of(*rows, image=png_of(image), several=several), sam.ours))
    assert len(answer) == len(rows)
    for row, predictions in zip(rows, answer, strict=True):
        expected_masks, expected_scores = plain_transformers(sam, image, *row, several)
        assert len(predictions) == len(expected_masks)
        for (masks, scores), plain_masks, plain_scores in zip(
            predictions, expected_masks, expected_scores, strict=True
        ):
            assert masks.shape == plain_masks.shape == (3 if several else 1, *image_hw)
            np.testing.assert_allclose(scores, plain_scores, atol=1e-3)
            for mask, plain_mask in zip(masks, plain_masks, strict=True):
                assert 0.005 < mask.mean() < 0.995, "the mask must mean something"
                assert iou(mask, plain_mask.astype(np.bool_)) >= 0.999


def test_the_widgets_request_gives_the_widgets_masks():
    with samwidget.SamWidget(COFFEE) as w:
        w.add(points=[[290, 110], [20, 20]], labels=[1, 0])
        w.add(box=[320, 60, 430, 330])
        w.add(points=[[300, 200]], box=[100, 50, 500, 350])
        request, masks, scores = w.request(), w.masks, w.scores
    for (found, found_scores), mask, its_score in zip(
        [prediction for (prediction,) in parse_response(samwidget.score(request))], masks, scores, strict=True
    ):
        best = int(found_scores.argmax())
        np.testing.assert_array_equal(found[best], mask)
        assert found_scores[best] == its_score


@pytest.fixture
def fake():
    return SamPredictor(FakeSegmenter(), cache_bytes_max=0)


PHOTOS = [png_of(drawn_photo(30, 40, seed)) for seed in range(3)]


@pytest.mark.parametrize(
    ("images", "encodes"),
    [
        ([0], 1),
        ([0, 0, 0], 1),
        ([0, 1, 0, 1, 2, 0], 3),
    ],
)
def test_an_image_is_encoded_once_even_without_a_cache(fake, images, encodes):
    points = [[[[5 + number, 9]]] for number in range(len(images))]
    answer = parse_response(score(build_request([PHOTOS[i] for i in images], points), fake))
    assert fake.encodes == encodes
    # In the order of the request, whatever was encoded together: the fake draws a disc around the point.
    for number, ((masks, scores),) in enumerate(answer):
        assert masks.shape == (3, 30, 40)
        assert scores.tolist() == pytest.approx([0.2, 0.3, 0.4])
        assert masks[0, 9, 5 + number]
    alone = [score(build_request(PHOTOS[i], point), fake)[0] for i, point in zip(images, points, strict=True)]
    assert score(build_request([PHOTOS[i] for i in images], points), fake) == alone


def test_the_same_image_written_in_other_ways_is_the_same_image(fake):
    text = base64.b64encode(PHOTOS[0]).decode()
    data = [
        [each, "[[5,9]]", "", "", True]
        for each in (text, base64.encodebytes(PHOTOS[0]).decode(), f"data:image/png;base64,{text}")
    ]
    answer = score({"input_data": {"columns": list(COLUMNS), "data": data}}, fake)
    assert fake.encodes == 1
    assert answer[0] == answer[1] == answer[2]


@pytest.mark.parametrize("style", ["card", "service"])
def test_forms_of_a_request_have_one_answer(fake, style):
    pd = pytest.importorskip("pandas")
    request = build_request(PHOTOS, points=[[[[5, 9]]]] * 3, multimask_output=[True, False, True])
    table = request["input_data"]
    order = [4, 2, 0, 1, 3]
    shuffled = {
        "columns": [COLUMNS[i] for i in order],
        "index": [9, 7, 8],
        "data": [[row[i] for i in order] for row in table["data"]],
    }
    assert [row.index for row in parse_request({"input_data": shuffled})] == [9, 7, 8]
    frame = pd.DataFrame(shuffled["data"], columns=shuffled["columns"], index=["c", "a", "b"])
    answer = score(request, fake, style)
    Draft202012Validator(load_schema(f"azure_ml_response_{style}")).validate(answer)
    for other in (json.dumps(request), json.dumps(request).encode(), {"input_data": shuffled}, frame):
        assert score(other, fake, style) == answer
    assert [len(scores) for ((_, scores),) in parse_response(answer)] == [3, 1, 3]


def test_no_rows_no_answers(fake):
    assert score(build_request([]), fake) == []


GOOD = ("[[5,9]]", "", "")


@pytest.mark.parametrize(
    ("row", "error", "message"),
    [
        (("", "", ""), PromptError, "row 1: there is no prompt"),
        (("[[[1,2]],[[3,-4]]]", "", ""), PromptError, "row 1: point (3, -4) lies outside the image of 40 x 30"),
        (("", "[[50,0,60,10]]", ""), PromptError, "row 1: box [50.0, 0.0, 60.0, 10.0] lies outside"),
        (("[[1,2]]", "", "[[1,0]]"), FormatError, "row 1: 2 labels for 1 points"),
        (("[[1,2", "", ""), FormatError, "row 1, input_points is not a nested list"),
        (("[[[1,2]],[[3,4]]]", "[[1,2,3,4]]", ""), FormatError, "row 1: 2 groups of points with 1 boxes"),
        (("[[1,2]]", "", "[-10]"), PromptError, "row 1: the prompt is empty"),
    ],
)
def test_errors_name_the_row(fake, row, error, message):
    with pytest.raises(error) as caught:
        score(request_of(GOOD, row, image=PHOTOS[0]), fake)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        ("", FormatError, "row 1, image is not text"),
        ("image1", FormatError, "row 1, image is not base64"),
        (base64.b64encode(b"some bytes").decode(), ImageError, "row 1: the data is not an image"),
        (base64.b64encode(PHOTOS[0][:200]).decode(), ImageError, "row 1: the data is broken or cut off"),
        ("https://example.org/photo.jpg", ImageError, "row 1: the image is a URL, and URLs are not fetched here"),
    ],
)
def test_images_that_cannot_be_read_name_the_row(fake, image, error, message):
    request = request_of(GOOD, GOOD, image=PHOTOS[0])
    request["input_data"]["data"][1][0] = image
    with pytest.raises(error) as caught:
        score(request, fake, allow_urls=False)
    assert message in str(caught.value)


def test_an_address_is_fetched_once(fake, monkeypatch):
    fetched = []

    def fetch(url):
        fetched.append(url)
        return PHOTOS[0]

    monkeypatch.setattr("samwidget.images.sources.fetch", fetch)
    rows = request_of(GOOD, GOOD, image="https://example.org/photo.png")
    assert score(rows, fake) == score(request_of(GOOD, GOOD, image=PHOTOS[0]), fake)
    assert fetched == ["https://example.org/photo.png"]


def test_an_unknown_style_is_refused_before_the_network_runs(fake):
    with pytest.raises(FormatError, match="style is 'both'"):
        score(request_of(GOOD, image=PHOTOS[0]), fake, "both")
    assert fake.encodes == 0


def test_a_network_that_fails_is_not_the_rows_fault():
    predictor = SamPredictor(FakeSegmenter(error=RuntimeError("it broke")))
    with pytest.raises(ModelError, match="fake failed: RuntimeError: it broke"):
        score(request_of(GOOD, image=PHOTOS[0]), predictor)


def test_the_service_leaves_an_image_as_it_lies_in_its_file(fake):
    request = request_of(("[[38,9]]", "", ""), image=rotated_jpeg())
    ((masks, _),) = parse_response(score(request, fake, "service"))[0]
    assert masks.shape == (3, 30, 40)
    assert masks[0, 9, 38]
    with pytest.raises(PromptError, match="lies outside the image of 30 x 40") as caught:
        score(request, fake, "card")
    assert "EXIF orientation" in caught.value.hint
    ((masks, _),) = parse_response(score(request_of(("[[9,38]]", "", ""), image=rotated_jpeg()), fake))[0]
    assert masks.shape == (3, 40, 30)


def test_an_image_that_is_not_rotated_is_not_blamed(fake):
    with pytest.raises(PromptError) as caught:
        score(request_of(("[[99,9]]", "", ""), image=PHOTOS[0]), fake)
    assert "EXIF" not in str(caught.value)


@pytest.mark.parametrize(
    ("row", "same"),
    [
        (("[[[5,9],[20,20]]]", "", "[[1,-1]]"), ("[[[5,9]]]", "", "[[1]]")),  # -1 is not a point
        (("[[[5,9]],]", "NoneType", "[[1],]"), GOOD),
        (("[[5,9]]", "None", "NoneType"), GOOD),
        (("", "[[2,2,30,20]]", "[[1]]"), ("", "[[2,2,30,20]]", "")),  # labels without points
    ],
)
def test_rows_that_the_service_reads_otherwise(fake, row, same):
    assert score(request_of(row, image=PHOTOS[0]), fake, "service") == score(
        request_of(same, image=PHOTOS[0]), fake, "service"
    )


@pytest.mark.parametrize("several", [True, False])
@pytest.mark.parametrize("row", [("", "", ""), ("NoneType", "", ""), ("[[[5,9]]]", "", "[[-1]]")])
def test_a_row_without_a_prompt_has_the_masks_of_an_empty_one(sam, row, several):
    image = drawn_photo(60, 80)
    ((masks, scores),) = parse_response(
        score(request_of(row, image=png_of(image), several=several), sam.ours, "service")
    )[0]
    assert masks.shape == (3 if several else 1, 60, 80)
    with torch.no_grad():
        pixels = sam.processor(images=image, return_tensors="pt")["pixel_values"]
        plain = sam.model(pixel_values=pixels.float(), multimask_output=several)
    np.testing.assert_allclose(scores, plain.iou_scores.flatten().numpy(), atol=1e-3)


@pytest.mark.parametrize(
    "row", [("[[[500,-20]]]", "", ""), ("", "[[60,50,20,10]]", ""), ("", "[[300,300,400,400]]", "")]
)
def test_prompts_that_lie_elsewhere_reach_the_services_network(sam, row):
    image = drawn_photo(60, 80)
    ((masks, scores),) = parse_response(score(request_of(row, image=png_of(image)), sam.ours, "service"))[0]
    expected_masks, expected_scores = plain_transformers(sam, image, *row, several=True)
    np.testing.assert_allclose(scores, expected_scores[0], atol=1e-3)
    assert (masks != expected_masks[0]).mean() < 0.001


def test_a_data_frame_may_hold_the_bytes_of_images(fake):
    pd = pytest.importorskip("pandas")
    for style in ("card", "service"):
        frame = pd.DataFrame({"image": [PHOTOS[0]], "input_points": ["[[5,9]]"]})
        assert score(frame, fake, style) == score(request_of(GOOD, image=PHOTOS[0]), fake, style)


def test_a_mistyped_column_is_refused_before_the_network_runs(fake):
    request = request_of(("[[5,9]]", "", "[[0]]"), image=PHOTOS[0])
    request["input_data"]["columns"][3] = "labels"
    with pytest.raises(FormatError, match=r"labels \(did you mean input_labels\?\)"):
        score(request, fake)
    assert fake.encodes == 0

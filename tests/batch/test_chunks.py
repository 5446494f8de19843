"""One worker alone: what becomes of good and bad rows, in each of the outputs."""

import csv
import io
import json

import numpy as np
import pytest

from samwidget.batch.chunks import ChunkRunner
from samwidget.batch.inputs.tasks import list_tasks
from samwidget.batch.job import Job
from samwidget.batch.run import run_batch
from samwidget.errors import BatchError, ModelError
from samwidget.formats.azure_ml.messages import build_request, parse_response
from samwidget.formats.coco import decode_rle
from samwidget.images.png import decode_png
from samwidget.models.segmenter import SAM_EVERYTHING, EverythingDefaults
from samwidget.predict.predictor import SamPredictor
from samwidget.serving.scoring import score
from tests.batch.rows import HEIGHT, ROWS, WIDTH, fake_runner, png_of, text_of, write_csv, write_photos, write_rows
from tests.predict.fake_segmenter import FakeSegmenter


def run(tmp_path, source, out, *, runner=fake_runner, max_errors=None, fresh=False, **options):
    job = Job(str(source), str(tmp_path / out), **options)
    return run_batch(job, runner=runner(job), max_errors=max_errors, fresh=fresh, show_progress=False)


def expected_predictions():
    """What ``score`` says to the rows that have an answer, by number."""
    predictor = SamPredictor(FakeSegmenter())
    answers = {}
    for number, (points, boxes, labels, several) in enumerate(ROWS[:5]):
        given = [json.loads(text) if text else None for text in (points, labels, boxes)]
        request = build_request(png_of(number // 3), *given, multimask_output=several.lower() != "false")
        (answers[number],) = score(request, predictor)
    return answers


def test_predictions_csv_says_what_score_says(tmp_path):
    path = write_rows(tmp_path / "rows.csv", len(ROWS))
    summary = run(tmp_path, path, "predictions.csv", mini_batch_size=3)
    assert (summary.rows, summary.errors) == (7, 2)
    lines = list(csv.reader(io.StringIO((tmp_path / "predictions.csv").read_text())))
    assert [(index, file) for index, _, file in lines] == [(str(number), "rows.csv") for number in range(7)]
    said = [json.loads(cell) for _, cell, _ in lines]
    assert dict(enumerate(said[:5])) == expected_predictions()
    assert said[5]["error"]["code"] == said[6]["error"]["code"] == "prompt"
    assert "lies outside the image" in said[5]["error"]["message"]
    assert said[6]["error"]["hint"] == "give points or a box"


def test_pandas_reads_it_as_the_documented_clients_do(tmp_path):
    pd = pytest.importorskip("pandas")
    run(tmp_path, write_rows(tmp_path / "rows.csv", 3), "predictions.csv")
    table = pd.read_csv(tmp_path / "predictions.csv", header=None, names=["index", "predictions", "file"])
    assert table["index"].tolist() == [0, 1, 2]
    assert [len(parse_response(cell)[0]) for cell in table["predictions"]] == [1, 2, 1]


def masks_of_the_csv(tmp_path, path):
    """(row, prediction, candidate) -> (mask, score), by the documented output."""
    run(tmp_path, path, "reference.csv")
    found = {}
    for row, (_, cell, _) in enumerate(csv.reader((tmp_path / "reference.csv").open(newline=""))):
        if "error" not in json.loads(cell):
            (predictions,) = parse_response(cell)
            for number, (masks, scores) in enumerate(predictions):
                for candidate, pair in enumerate(zip(masks, scores, strict=True)):
                    found[row, number, candidate] = pair
    return found


def test_parquet_holds_the_same_masks(tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    path = write_rows(tmp_path / "rows.csv", 9)
    run(tmp_path, path, "out.parquet", format="parquet", mini_batch_size=2)
    lines = pq.read_table(tmp_path / "out.parquet").to_pylist()
    found = {(each["number"], each["prediction"], each["candidate"]): each for each in lines if not each["error"]}
    expected = masks_of_the_csv(tmp_path, path)
    assert list(found) == list(expected)
    for key, (mask, its_score) in expected.items():
        line = found[key]
        size = [line["height"], line["width"]]
        np.testing.assert_array_equal(decode_rle({"size": size, "counts": line["counts"]}), mask)
        assert line["score"] == its_score
        assert line["area"] == mask.sum()
        x0, y0, x1, y1 = line["box_xyxy"]
        assert mask[y0:y1, x0:x1].sum() == mask.sum()
    assert [(each["number"], each["counts"]) for each in lines if each["error"]] == [(5, None), (6, None)]


def test_pngs_hold_the_same_masks_and_a_list_names_them(tmp_path):
    path = write_rows(tmp_path / "rows.csv", 7)
    run(tmp_path, path, "masks/masks.csv", format="png", mini_batch_size=2)
    with (tmp_path / "masks/masks.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    expected = masks_of_the_csv(tmp_path, path)
    good = [line for line in lines if not line["error"]]
    assert [(int(x["number"]), int(x["prediction"]), int(x["candidate"])) for x in good] == list(expected)
    for line, (mask, _) in zip(good, expected.values(), strict=True):
        np.testing.assert_array_equal(decode_png((tmp_path / "masks" / line["mask"]).read_bytes()), mask)
        assert int(line["area"]) == mask.sum()
    assert {path.name for path in (tmp_path / "masks").glob("*.png")} == {line["mask"] for line in good}
    assert [line["number"] for line in lines if line["error"]] == ["5", "6"]


def test_coco_is_read_by_pycocotools(tmp_path, capsys):
    coco_module = pytest.importorskip("pycocotools.coco")
    folder = write_photos(tmp_path / "photos", 3)
    asked = [("photo0.png", "[[5,9]]"), ("deep/photo1.png", "[[[5,9]],[[20,20]]]"), ("photo0.png", "[[20,20]]")]
    table = write_csv(tmp_path / "prompts.csv", [*asked, ("missing.png", "[[1,2]]")], ("image", "input_points"))
    summary = run(tmp_path, folder, "coco.json", format="coco", prompts=str(table), mini_batch_size=2)
    assert (summary.rows, summary.errors) == (4, 1)
    coco = coco_module.COCO(str(tmp_path / "coco.json"))
    assert [image["file_name"] for image in coco.dataset["images"]] == ["photo0.png", "deep/photo1.png"]
    assert [each["image_id"] for each in coco.dataset["annotations"]] == [1, 2, 2, 1]
    for annotation, (x, y) in zip(coco.dataset["annotations"], [(5, 9), (5, 9), (20, 20), (20, 20)], strict=True):
        mask = coco.annToMask(annotation)
        assert mask.shape == (HEIGHT, WIDTH)
        assert mask[y, x] == 1
        assert mask.sum() == annotation["area"]
        assert annotation["score"] == pytest.approx(0.4)  # the best of the three
    (error,) = coco.dataset["errors"]
    assert error["file_name"] == "missing.png"
    assert "there is no file" in error["message"]


def test_a_photo_without_objects_is_still_in_every_output(tmp_path):
    class FindsNothing(FakeSegmenter):
        everything_defaults = SAM_EVERYTHING

        def decode(self, embedding, prompts, *, multimask_output, threads=None):
            logits, scores = super().decode(embedding, prompts, multimask_output=multimask_output)
            return logits * 0 - 1, scores

    folder = write_photos(tmp_path / "photos", 1)

    def runner(job):
        return ChunkRunner(job, predictor=SamPredictor(FindsNothing()))

    run(tmp_path, folder, "out.csv", runner=runner, everything=True)
    assert (tmp_path / "out.csv").read_text() == '0,"{""predictions"": []}",photo0.png\n'
    run(tmp_path, folder, "out.json", runner=runner, everything=True, format="coco")
    said = json.loads((tmp_path / "out.json").read_text())
    assert [image["file_name"] for image in said["images"]] == ["photo0.png"]
    assert said["annotations"] == said["errors"] == []
    pq = pytest.importorskip("pyarrow.parquet")
    run(tmp_path, folder, "out.parquet", runner=runner, everything=True, format="parquet")
    (line,) = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert (line["file"], line["height"], line["counts"], line["error"]) == ("photo0.png", HEIGHT, None, None)


def test_everything_writes_what_the_predictor_finds(tmp_path):
    folder = write_photos(tmp_path / "photos", 2)
    segmenter = FakeSegmenter()
    segmenter.everything_defaults = EverythingDefaults(4, 0.0, 0.0, 0.0)
    predictor = SamPredictor(segmenter)
    found = predictor.everything(folder / "photo0.png")
    assert len(found) > 3
    run(
        tmp_path,
        folder / "photo0.png",
        "out.json",
        runner=lambda job: ChunkRunner(job, predictor=predictor),
        everything=True,
        format="coco",
    )
    annotations = json.loads((tmp_path / "out.json").read_text())["annotations"]
    assert len(annotations) == len(found)
    for annotation, each in zip(annotations, found, strict=True):
        np.testing.assert_array_equal(decode_rle(annotation["segmentation"]), each.mask)


class FailsSometimes(FakeSegmenter):
    """Its first encodes fail."""

    def __init__(self, failures, error):
        super().__init__()
        self.failures = failures
        self.reason = error

    def encode(self, image):
        if self.failures:
            self.failures -= 1
            raise self.reason
        return super().encode(image)


@pytest.mark.parametrize(("failures", "retries", "errors"), [(2, 2, 0), (3, 2, 1), (1, 0, 1)])
def test_a_network_that_fails_is_tried_again(tmp_path, monkeypatch, failures, retries, errors):
    waits = []
    monkeypatch.setattr("time.sleep", waits.append)
    path = write_csv(tmp_path / "rows.csv", [(text_of(0), *ROWS[0])])
    summary = run(
        tmp_path,
        path,
        "out.csv",
        runner=lambda job: ChunkRunner(job, predictor=SamPredictor(FailsSometimes(failures, RuntimeError("busy")))),
        retries=retries,
    )
    assert summary.errors == errors
    assert waits == [0.25 * 2**attempt for attempt in range(min(failures, retries))]


def test_an_error_nobody_thought_of_is_one_rows_own(tmp_path):
    path = write_csv(tmp_path / "rows.csv", [(text_of(0), *ROWS[0])] * 2)
    runner = lambda job: ChunkRunner(job, predictor=SamPredictor(FailsSometimes(1, KeyError("what"))))  # noqa: E731
    assert run(tmp_path, path, "out.csv", runner=runner).errors == 1
    first, second = (json.loads(cell) for _, cell, _ in csv.reader((tmp_path / "out.csv").open(newline="")))
    assert first["error"] == {"code": "unexpected", "message": "KeyError: 'what'", "hint": ""}
    assert "predictions" in second


def test_another_network_does_not_go_on(tmp_path):
    job = Job("rows.csv", str(tmp_path / "out.csv"))
    with pytest.raises(BatchError, match="this run began with the model 'fake 1'"):
        ChunkRunner(job, "fake 1", SamPredictor(FakeSegmenter(signature="fake 2")))


def test_a_network_that_is_not_there_ends_it_without_a_trace(tmp_path):
    path = write_rows(tmp_path / "rows.csv", 1)
    with pytest.raises(ModelError):
        run_batch(Job(str(path), str(tmp_path / "out.csv"), model="no-such-network"), show_progress=False)
    assert [each.name for each in tmp_path.iterdir()] == ["rows.csv"]


def test_tasks_travel(tmp_path):
    import pickle

    tasks, _ = list_tasks(Job(str(write_rows(tmp_path / "rows.csv", 100)), str(tmp_path / "out.csv")))
    data = pickle.dumps(tasks)
    assert pickle.loads(data) == tasks
    assert len(data) / len(tasks) < 100, "a row is its place in a file, and not its image"

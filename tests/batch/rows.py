"""Inputs and workers of a batch run that one can check by eye."""

import base64
import csv
import io
import json

from PIL import Image

from samwidget.batch.chunks import ChunkRunner
from samwidget.batch.job import Job
from samwidget.batch.run import run_batch
from samwidget.formats.azure_ml.messages import COLUMNS, parse_response
from samwidget.predict.predictor import SamPredictor
from tests.drawn_photo import drawn_photo
from tests.predict.fake_segmenter import FakeSegmenter

HEIGHT, WIDTH = 30, 40


def png_of(seed):
    buffer = io.BytesIO()
    Image.fromarray(drawn_photo(HEIGHT, WIDTH, seed)).save(buffer, "PNG")
    return buffer.getvalue()


def text_of(seed):
    """Base64 with line breaks, as real clients write it: records of many lines."""
    return base64.encodebytes(png_of(seed)).decode()


# points, boxes, labels, multimask_output; the last two have no masks in either style.
ROWS = [
    ("[[[5,9]]]", "", "", "True"),
    ("[[[5,9]],[[20,20]]]", "", "", "False"),
    ("", "[[2,2,30,20]]", "", ""),
    ("[[[5,9],[30,3]]]", "", "[[1,0]]", "true"),
    ("[[[5,9]]]", "[[2,2,30,20]]", "", "false"),
    ("[[[5,9]],[[9,9]]]", "[[2,2,30,20]]", "", "True"),
    ("[[[5,9]]]", "", "[[1,0]]", "True"),
]


def write_csv(path, rows, columns=COLUMNS):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def write_rows(path, count):
    """A documented CSV of so many rows about three photos, one after the other in the order of ROWS."""
    return write_csv(path, [(text_of(number // 3 % 3), *ROWS[number % len(ROWS)]) for number in range(count)])


def write_photos(folder, count):
    for number in range(count):
        path = folder / ("deep" if number % 2 else "") / f"photo{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png_of(number))
    return folder


def fake_runner(job, signature=""):
    """A worker whose network draws discs around points."""
    return ChunkRunner(job, signature, SamPredictor(FakeSegmenter()))


def run_job(tmp_path, source, out, *, runner=fake_runner, max_errors=None, fresh=False, **options):
    job = Job(str(source), str(tmp_path / out), **options)
    return run_batch(job, runner=runner(job), max_errors=max_errors, fresh=fresh, show_progress=False)


def masks_of_the_csv(tmp_path, path):
    """(row, prediction, candidate) -> (mask, score), by the documented output."""
    run_job(tmp_path, path, "reference.csv")
    masks_by_key = {}
    for row, (_, cell, _) in enumerate(csv.reader((tmp_path / "reference.csv").open(newline=""))):
        if "error" not in json.loads(cell):
            (predictions,) = parse_response(cell)
            for number, (masks, scores) in enumerate(predictions):
                for candidate, pair in enumerate(zip(masks, scores, strict=True)):
                    masks_by_key[row, number, candidate] = pair
    return masks_by_key

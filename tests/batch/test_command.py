"""``samwidget batch``, run as a user would, with the bundled network."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pycocotools.mask
import pytest
from PIL import Image

import samwidget
from samwidget.formats import decode_rle
from samwidget.formats.azure_ml.messages import build_request, parse_response
from samwidget.images.png import decode_png
from tests.batch.rows import png_of, text_of, write_csv, write_photos

GOOD = (text_of(0), "[[5,9]]", "", "", "False")
BAD = (text_of(0), "[[5,9]]", "", "[[1,0]]", "False")


def run(*words, cwd):
    return subprocess.run(
        [sys.executable, "-m", "samwidget", "batch", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    )


def test_a_csv_in_predictions_out(tmp_path):
    write_csv(tmp_path / "rows.csv", [GOOD, BAD])
    (tmp_path / "deploy.yaml").write_text("name: sam\nmodel: nano\noutput_file_name: said.csv\nerror_threshold: 1\n")
    done = run("rows.csv", "-o", "out", "--config", "deploy.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "said.csv: 2 rows; 1 have no answer" in done.stdout
    assert "deploy.yaml: ignored here: name" in done.stderr
    assert "row/s" in done.stderr
    good, bad = csv.reader((tmp_path / "out/said.csv").open(newline=""))
    (expected,) = samwidget.score(build_request(png_of(0), [[5, 9]], multimask_output=False), style="service")
    assert json.loads(good[1]) == expected["response"]
    assert json.loads(bad[1])["error"]["code"] == "format"
    assert (good[0], good[2], bad[0]) == ("0", "rows.csv", "1")
    again = run("rows.csv", "-o", "out", "--config", "deploy.yaml", cwd=tmp_path)
    assert "2 rows, 2 of them before" in again.stdout


def test_rows_that_failed_are_tried_again_where_that_is_asked_for(tmp_path):
    write_csv(tmp_path / "rows.csv", [GOOD, BAD])
    (tmp_path / "deploy.yaml").write_text("mini_batch_size: 1\n")
    words = ("rows.csv", "-o", "out.csv", "--config", "deploy.yaml")
    assert run(*words, cwd=tmp_path).returncode == 0
    expected = (tmp_path / "out.csv").read_bytes()
    again = run(*words, "--retry-errors", cwd=tmp_path)
    assert "2 rows, 1 of them before" in again.stdout
    assert (tmp_path / "out.csv").read_bytes() == expected


def test_the_clients_of_the_service_read_it_and_so_do_those_of_the_card(tmp_path):
    write_csv(tmp_path / "rows.csv", [GOOD, BAD, (text_of(0), "", "", "", "True")])
    assert run("rows.csv", "-o", "service.csv", cwd=tmp_path).returncode == 0
    assert run("rows.csv", "-o", "card.csv", "--style", "card", "--threads", "1", cwd=tmp_path).returncode == 0
    # What the service's notebook for batch endpoints does with a row.
    cells = [cell for _, cell, _ in csv.reader((tmp_path / "service.csv").open(newline=""))]
    data = [json.loads(cell.replace("'", '"')) for cell in cells]
    assert len(data[0]["predictions"][0]["masks_per_prediction"]) == 1
    assert "2 labels for 1 points" in data[1]["error"]["message"]
    assert len(data[2]["predictions"][0]["masks_per_prediction"]) == 3, "the masks of an empty prompt"
    service, card = (samwidget.read_predictions(tmp_path / name) for name in ("service.csv", "card.csv"))
    np.testing.assert_array_equal(service[0].predictions[0][0], card[0].predictions[0][0])
    assert [bool(row.error) for row in service] == [False, True, False]
    assert [row.code for row in card] == ["", "format", "prompt"]


def test_prompts_about_photos_become_pngs(tmp_path):
    write_photos(tmp_path / "photos", 2)
    write_csv(
        tmp_path / "prompts.csv", [("photo0.png", "[[5,9]]"), ("deep/photo1.png", "[[9,9]]")], ("image", "input_points")
    )
    done = run("photos", "--prompts", "prompts.csv", "-o", "masks", "--format", "png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "masks/masks.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["file"] for line in lines] == ["photo0.png"] * 3 + ["deep/photo1.png"] * 3
    request = build_request([png_of(0), png_of(1)], [[[5, 9]], [[9, 9]]])
    masks = [mask for ((candidates, _),) in parse_response(samwidget.score(request)) for mask in candidates]
    for line, mask in zip(lines, masks, strict=True):
        np.testing.assert_array_equal(decode_png((tmp_path / "masks" / line["mask"]).read_bytes()), mask)


def test_everything_becomes_coco(tmp_path):
    picture = np.full((90, 120, 3), 60, np.uint8)
    picture[20:70, 30:80] = (230, 40, 40)
    (tmp_path / "photos").mkdir()
    Image.fromarray(picture).save(tmp_path / "photos/square.png")
    done = run("photos", "--everything", "-o", "coco.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    coco = json.loads((tmp_path / "coco.json").read_text())
    assert coco["images"] == [{"id": 1, "file_name": "square.png", "height": 90, "width": 120}]
    assert coco["annotations"]
    assert coco["errors"] == []
    done = run("photos", "--everything", "-o", "polygons.json", "--polygons", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    in_polygons = json.loads((tmp_path / "polygons.json").read_text())["annotations"]
    assert len(in_polygons) == len(coco["annotations"])
    for item, usual in zip(in_polygons, coco["annotations"], strict=True):
        assert type(item["id"]) is int
        assert all(len(polygon) >= 6 for polygon in item["segmentation"])
        mask = pycocotools.mask.decode(
            pycocotools.mask.merge(pycocotools.mask.frPyObjects(item["segmentation"], 90, 120))
        )
        expected = decode_rle(usual["segmentation"])
        assert np.count_nonzero(mask != expected) <= 0.02 * expected.sum()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("missing.csv", "-o", "out.csv"), "there is no missing.csv"),
        (("rows.csv", "-o", "out.txt"), "the name out.txt does not fit any format"),
        (("rows.csv", "-o", "out.csv", "--model", "no-such-network"), "no-such-network"),
        (("rows.csv", "-o", "out.csv", "--config", "missing.yaml"), "missing.yaml cannot be read"),
        (("rows.csv", "-o", "out.csv", "--max-errors", "0"), "stopped: 1 rows have no answer, and at most 0 may"),
    ],
)
def test_mistakes_end_with_one_line_and_no_result(tmp_path, words, message):
    write_csv(tmp_path / "rows.csv", [GOOD, BAD])
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("samwidget: ")]
    assert message in line
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out.csv").exists()


def test_a_run_whose_rows_all_fail_is_a_failure(tmp_path):
    write_csv(tmp_path / "rows.csv", [BAD])
    done = run("rows.csv", "-o", "out.csv", cwd=tmp_path)
    assert done.returncode == 1
    assert "out.csv: 1 row; 1 have no answer" in done.stdout


def test_a_polite_request_to_end_is_heeded_and_the_command_continues(tmp_path):
    write_csv(tmp_path / "rows.csv", [(text_of(number % 3), "[[5,9]]", "", "", "False") for number in range(120)])
    (tmp_path / "deploy.yaml").write_text("mini_batch_size: 1\n")
    words = [sys.executable, "-m", "samwidget", "batch", "rows.csv", "-o", "out.csv", "--config", "deploy.yaml"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(words, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    manifest = tmp_path / "out.csv.manifest.jsonl"
    while process.poll() is None and not (manifest.is_file() and b'"part"' in manifest.read_bytes()):
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert (process.returncode, "stopped; the same command continues" in errors) == (130, True)
    assert not list((tmp_path / "out.csv.parts").glob("*.unfinished"))
    done = run("rows.csv", "-o", "out.csv", "--config", "deploy.yaml", cwd=tmp_path)
    assert done.returncode == 0
    assert re.search(r"120 rows, \d+ of them before", done.stdout)

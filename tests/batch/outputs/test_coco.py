"""The COCO JSON, read by pycocotools."""

import json

import numpy as np
import pytest

from tests.batch.rows import HEIGHT, WIDTH, run_job, write_csv, write_photos


def test_coco_is_read_by_pycocotools(tmp_path, capsys):
    coco_module = pytest.importorskip("pycocotools.coco")
    folder = write_photos(tmp_path / "photos", 3)
    prompts = [("photo0.png", "[[5,9]]"), ("deep/photo1.png", "[[[5,9]],[[20,20]]]"), ("photo0.png", "[[20,20]]")]
    table = write_csv(tmp_path / "prompts.csv", [*prompts, ("missing.png", "[[1,2]]")], ("image", "input_points"))
    summary = run_job(tmp_path, folder, "coco.json", format="coco", prompts=str(table), mini_batch_size=2)
    assert (summary.rows, summary.errors) == (4, 1)
    coco = coco_module.COCO(str(tmp_path / "coco.json"))
    assert [image["file_name"] for image in coco.dataset["images"]] == ["photo0.png", "deep/photo1.png"]
    assert [annotation["image_id"] for annotation in coco.dataset["annotations"]] == [1, 2, 2, 1]
    for annotation, (x, y) in zip(coco.dataset["annotations"], [(5, 9), (5, 9), (20, 20), (20, 20)], strict=True):
        mask = coco.annToMask(annotation)
        assert mask.shape == (HEIGHT, WIDTH)
        assert mask[y, x] == 1
        assert mask.sum() == annotation["area"]
        assert annotation["score"] == pytest.approx(0.4)  # the best of the three
    (error,) = coco.dataset["errors"]
    assert error["file_name"] == "missing.png"
    assert "there is no file" in error["message"]


def polygon_area(polygon):
    points = np.array(polygon).reshape(-1, 2)
    x, y = points.T
    return abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2


def test_polygons_hold_the_same_masks_for_readers_that_know_nothing_else(tmp_path):
    mask_module = pytest.importorskip("pycocotools.mask")
    folder = write_photos(tmp_path / "photos", 2)
    prompts = [("photo0.png", "[[5,9]]"), ("deep/photo1.png", "[[[5,9]],[[20,20]]]"), ("missing.png", "[[1,2]]")]
    table = write_csv(tmp_path / "prompts.csv", prompts, ("image", "input_points"))
    for name, polygons in (("runs.json", False), ("polygons.json", True)):
        run_job(tmp_path, folder, name, format="coco", prompts=str(table), polygons=polygons)
    runs, outlines = (json.loads((tmp_path / name).read_text()) for name in ("runs.json", "polygons.json"))
    assert outlines["images"] == runs["images"]
    assert len(outlines["annotations"]) == 3
    for annotation, expected in zip(outlines["annotations"], runs["annotations"], strict=True):
        polygons = annotation.pop("segmentation")
        rle = expected.pop("segmentation")
        assert annotation == expected
        assert all(type(number) is int for polygon in polygons for number in polygon)
        assert sum(map(polygon_area, polygons)) == annotation["area"]
        merged = mask_module.merge(mask_module.frPyObjects(polygons, HEIGHT, WIDTH))
        np.testing.assert_array_equal(mask_module.decode(merged), mask_module.decode(rle))

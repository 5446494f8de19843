"""The COCO JSON, read by pycocotools."""

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

"""The folder of PNGs: the same masks as in predictions.csv, and their list."""

import csv

import numpy as np

from samwidget.images.png import decode_png
from tests.batch.rows import masks_of_the_csv, run_job, write_rows


def test_pngs_hold_the_same_masks_and_a_list_names_them(tmp_path):
    path = write_rows(tmp_path / "rows.csv", 7)
    run_job(tmp_path, path, "masks/masks.csv", format="png", mini_batch_size=2)
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

"""The Parquet table: the same masks as in predictions.csv, as run lengths."""

import numpy as np
import pytest

from samwidget.formats.coco import decode_rle
from tests.batch.rows import masks_of_the_csv, run_job, write_rows


def test_parquet_holds_the_same_masks(tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    path = write_rows(tmp_path / "rows.csv", 9)
    run_job(tmp_path, path, "out.parquet", format="parquet", mini_batch_size=2)
    lines = pq.read_table(tmp_path / "out.parquet").to_pylist()
    line_of_key = {(line["number"], line["prediction"], line["candidate"]): line for line in lines if not line["error"]}
    expected = masks_of_the_csv(tmp_path, path)
    assert list(line_of_key) == list(expected)
    for key, (mask, its_score) in expected.items():
        line = line_of_key[key]
        size = [line["height"], line["width"]]
        np.testing.assert_array_equal(decode_rle({"size": size, "counts": line["counts"]}), mask)
        assert line["score"] == its_score
        assert line["area"] == mask.sum()
        x0, y0, x1, y1 = line["box_xyxy"]
        assert mask[y0:y1, x0:x1].sum() == mask.sum()
    assert [(line["number"], line["counts"]) for line in lines if line["error"]] == [(5, None), (6, None)]

"""Records of a CSV by their place: the same cells that the csv module reads from the whole file."""

import csv
import hashlib
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samwidget.batch.inputs.csv_spans import read_record, spans
from samwidget.errors import FormatError

CELLS = st.text(st.sampled_from('a,"\n\r é'), max_size=6)


@settings(deadline=None)
@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=5), st.sampled_from(["\n", "\r\n"]))
def test_every_record_is_found_and_read(tmp_path_factory, rows, line_end):
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows(rows)
    path = tmp_path_factory.mktemp("csv") / "rows.csv"
    path.write_bytes(text.getvalue().encode())
    assert [read_record(path, span) for span in spans(path)] == rows


def test_blank_lines_and_a_byte_order_mark_are_no_cells(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(b"\xef\xbb\xbfimage,b\n\n1,2\r\n\n3,4")
    assert [read_record(path, span) for span in spans(path)] == [["image", "b"], ["1", "2"], ["3", "4"]]


def test_every_byte_is_digested(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(b'a,b\n"1\n2",3\n\n')
    digest = hashlib.blake2b()
    list(spans(path, digest))
    assert digest.hexdigest() == hashlib.blake2b(path.read_bytes()).hexdigest()


def test_a_cell_larger_than_the_csv_modules_limit(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(f'a,b\n"{"x" * 300_000}",2\n')
    assert [len(cell) for cell in read_record(path, list(spans(path))[1])] == [300_000, 1]


def test_a_file_cut_off_within_quotes_is_refused(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('a,b\n"1,2\n')
    with pytest.raises(FormatError, match="ends within quotes"):
        list(spans(path))


@pytest.mark.parametrize("data", [b'a"b"c,"d"e\n', b"\xff\xfe,1\n"])
def test_a_record_that_is_no_csv_says_so(tmp_path, data):
    path = tmp_path / "rows.csv"
    path.write_bytes(data)
    with pytest.raises(FormatError, match="not CSV in UTF-8"):
        read_record(path, next(spans(path)))

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


@settings(deadline=None, max_examples=300)
@given(st.text(st.sampled_from('a5,"\n\r '), max_size=30))
def test_any_text_has_the_records_of_the_csv_module(tmp_path_factory, text):
    try:
        expected = list(csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True))
    except csv.Error:
        return
    path = tmp_path_factory.mktemp("csv") / "rows.csv"
    path.write_bytes(text.encode())
    records = [read_record(path, span) for span in spans(path)]
    # A line of blanks is no row here, as an empty one is none there.
    assert [row for row in records if row != [""]] == [row for row in expected if row not in ([], [""])]


def test_a_quote_inside_an_unquoted_cell_is_a_character(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('image,name\na.png,5" lens\nb.png,plain\nc.png,7" lens\nd.png,plain\n')
    with path.open(newline="") as file:
        expected = list(csv.reader(file))
    assert len(expected) == 5
    assert [read_record(path, span) for span in spans(path)] == expected


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_line_ends_and_blanks_of_other_systems(tmp_path, line_end):
    path = tmp_path / "rows.csv"
    path.write_bytes(line_end.join(["image, input_points", 'a.png, "[[1, 2]]"', "b.png,x"]).encode())
    records = [read_record(path, span) for span in spans(path)]
    assert records == [["image", "input_points"], ["a.png", "[[1, 2]]"], ["b.png", "x"]]


def test_a_byte_order_mark_may_stand_before_a_quote(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes('"image","b"\n"1","x\ny"\n'.encode("utf-8-sig"))
    assert [read_record(path, span) for span in spans(path)] == [["image", "b"], ["1", "x\ny"]]


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
    path.write_text('a,b\n1,2\n3,"4\n5,6\n')
    with pytest.raises(FormatError, match="ends within quotes, which line 3 opens"):
        list(spans(path))


@pytest.mark.parametrize("data", [b'a"b"c,"d"e\n', b"\xff\xfe,1\n"])
def test_a_record_that_is_no_csv_names_its_line(tmp_path, data):
    path = tmp_path / "rows.csv"
    path.write_bytes(b"a,b\n" + data)
    _, span = spans(path)
    with pytest.raises(FormatError, match=r"line 2 of rows\.csv is not CSV in UTF-8"):
        read_record(path, span)

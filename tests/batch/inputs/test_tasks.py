"""The rows of a run, their order, and the prompts of each."""

import json

import pytest

from samwidget.batch.inputs.tasks import list_tasks, read_prompts
from samwidget.batch.job import Job
from samwidget.core.prompt import Prompt
from samwidget.errors import BatchError, FormatError, PromptError, SamWidgetWarning
from samwidget.formats.azure_ml.messages import COLUMNS, parse_request
from tests.batch.rows import ROWS, png_of, text_of, write_csv, write_photos, write_rows


def job_of(source, out, **options):
    return Job(str(source), str(out / "out.csv"), **options)


def test_a_csv_asks_what_the_same_rows_ask_as_a_request(tmp_path):
    good = ROWS[:5]
    path = write_csv(tmp_path / "rows.csv", [(text_of(0), *row) for row in good])
    data = [[text_of(0), *row[:3], row[3].lower() != "false"] for row in good]
    tasks, _ = list_tasks(job_of(path, tmp_path))
    for task, row in zip(tasks, parse_request({"columns": list(COLUMNS), "data": data}), strict=True):
        row_prompts = read_prompts(task)
        assert row_prompts.image == row.image == png_of(0)
        assert row_prompts.prompts == row.prompts
        assert row_prompts.multimask_output == row.multimask_output
        assert row_prompts.index == task.row == row.index


def test_a_folder_of_csvs_is_read_in_the_order_of_names(tmp_path):
    folder = tmp_path / "in"
    (folder / "more").mkdir(parents=True)
    write_rows(folder / "b.csv", 2)
    write_rows(folder / "a.csv", 3)
    write_rows(folder / "more/a.csv", 1)
    (folder / "notes.txt").write_text("not a table")
    (folder / ".hidden.csv").write_text("image\n")
    with pytest.warns(SamWidgetWarning, match=r"left out: 1 hidden, 1 \*\.txt"):
        tasks, _ = list_tasks(job_of(folder, tmp_path))
    assert [(task.number, task.file, task.row) for task in tasks] == [
        (0, "a.csv", 0),
        (1, "a.csv", 1),
        (2, "a.csv", 2),
        (3, "b.csv", 0),
        (4, "b.csv", 1),
        (5, "more/a.csv", 0),
    ]


@pytest.mark.parametrize("name", ["index", ""])
def test_the_tables_own_index_is_kept(tmp_path, name):
    path = write_csv(
        tmp_path / "rows.csv", [("r9", text_of(0), "[[1,2]]"), ("r3", text_of(0), "[[1,2]]")], (name, *COLUMNS[:2])
    )
    assert [read_prompts(task).index for task in list_tasks(job_of(path, tmp_path))[0]] == ["r9", "r3"]


@pytest.mark.parametrize(
    ("pattern", "files"),
    [
        ("", ["deep/photo1.png", "deep/photo3.png", "photo0.png", "photo2.png"]),
        ("*.png", ["photo0.png", "photo2.png"]),
        ("**/photo[13].png", ["deep/photo1.png", "deep/photo3.png"]),
        ("photo2.png", ["photo2.png"]),
    ],
)
def test_images_are_named_by_folder_or_pattern(tmp_path, pattern, files):
    folder = write_photos(tmp_path / "photos", 4)
    tasks, _ = list_tasks(job_of(folder / pattern, tmp_path, everything=True))
    assert [task.file for task in tasks] == files
    assert read_prompts(tasks[0]).prompts is None


def test_prompts_name_images_of_the_folder(tmp_path):
    folder = write_photos(tmp_path / "photos", 2)
    table = write_csv(
        tmp_path / "prompts.csv", [("deep/photo1.png", "[[5,9]]"), ("photo0.png", "[[1,2]]")], COLUMNS[:2]
    )
    tasks, _ = list_tasks(job_of(folder, tmp_path, prompts=str(table)))
    assert [task.file for task in tasks] == ["deep/photo1.png", "photo0.png"]
    row_prompts = read_prompts(tasks[0])
    assert row_prompts.image == folder / "deep/photo1.png"
    assert row_prompts.prompts[0].points_xy.tolist() == [[5, 9]]


@pytest.mark.parametrize("several", [False, True])
def test_a_column_of_prompts_as_json(tmp_path, several):
    prompts = [Prompt([[5, 9], [1, 2]], [1, 0]), Prompt(box_xyxy=[2, 2, 30, 20])][: 2 if several else 1]
    cell = json.dumps([prompt.to_json() for prompt in prompts] if several else prompts[0].to_json())
    path = write_csv(tmp_path / "rows.csv", [(text_of(0), cell)], ("image", "said"))
    (task,), _ = list_tasks(job_of(path, tmp_path, prompt_column="said"))
    assert read_prompts(task, "said").prompts == tuple(prompts)


@pytest.mark.parametrize(
    ("cells", "error", "message"),
    [
        ((text_of(0), "", "", "", "True"), PromptError, "there is no prompt"),
        ((text_of(0), "[[1,2", "", "", "True"), FormatError, "input_points is not a nested list"),
        ((text_of(0), "[[1,2]]"), FormatError, "the row has 2 cells, the header 5"),
        (("zzz", "[[1,2]]", "", "", "True"), FormatError, "image is not base64"),
    ],
)
def test_a_row_that_cannot_be_asked_says_why(tmp_path, cells, error, message):
    (task,), _ = list_tasks(job_of(write_csv(tmp_path / "rows.csv", [cells]), tmp_path))
    with pytest.raises(error) as caught:
        read_prompts(task)
    assert message in str(caught.value)


@pytest.mark.parametrize("cell", ["", "nonsense", "[1]", '{"points": "many"}', '{"points": [[1, 2]]}'])
def test_a_prompt_that_is_no_json_says_so(tmp_path, cell):
    path = write_csv(tmp_path / "rows.csv", [(text_of(0), cell)], ("image", "said"))
    (task,), _ = list_tasks(job_of(path, tmp_path, prompt_column="said"))
    with pytest.raises((FormatError, PromptError)):
        read_prompts(task, "said")


def test_the_fingerprint_changes_with_the_input(tmp_path):
    path = write_rows(tmp_path / "rows.csv", 3)
    before = list_tasks(job_of(path, tmp_path))[1]
    assert list_tasks(job_of(path, tmp_path))[1] == before
    path.write_bytes(path.read_bytes().replace(b"[[[5,9]]]", b"[[[5,8]]]"))
    assert list_tasks(job_of(path, tmp_path))[1] != before
    folder = write_photos(tmp_path / "photos", 2)
    before = list_tasks(job_of(folder, tmp_path, everything=True))[1]
    (folder / "photo0.png").write_bytes(png_of(1))
    assert list_tasks(job_of(folder, tmp_path, everything=True))[1] != before


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("missing.csv", {}, "there is no"),
        ("photos", {}, "has no CSV: for images add --everything"),
        ("rows.csv", {"everything": True}, "has no images"),
        ("rows.csv", {"prompts": "rows.csv"}, "the input is a CSV"),
        ("photos", {"prompts": "missing.csv"}, "there is no"),
        ("header.csv", {}, "has no rows"),
        ("empty.csv", {}, "empty.csv is empty"),
        ("rows.csv", {"prompt_column": "said"}, "has 0 columns 'said'"),
        ("photos/*.jpg", {"everything": True}, "has no images"),
    ],
)
def test_inputs_that_are_none_are_refused(tmp_path, monkeypatch, source, options, message):
    monkeypatch.chdir(tmp_path)
    write_photos(tmp_path / "photos", 1)
    write_rows(tmp_path / "rows.csv", 1)
    write_csv(tmp_path / "header.csv", [])
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises((BatchError, FormatError)) as caught:
        list_tasks(Job(source, str(tmp_path / "out.csv"), **options))
    assert message in str(caught.value)


def test_a_result_inside_the_input_is_refused(tmp_path):
    write_rows(tmp_path / "rows.csv", 1)
    with pytest.raises(BatchError, match="lies inside the input"):
        list_tasks(job_of(tmp_path, tmp_path))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (("image", "labels"), r"rows\.csv has unknown columns: labels \(did you mean input_labels\?\)"),
        (("image", "input_points", "multimask"), r"multimask \(did you mean multimask_output\?\)"),
        (("Image", "input_points"), r"Image \(did you mean image\?\)"),
        (("image", "input_points", "input_points"), "has 2 columns 'input_points'"),
        (("image;input_points",), "separate columns by commas"),
        (("image\tinput_points",), "separate columns by commas"),
    ],
)
def test_columns_that_nobody_knows_are_refused(tmp_path, columns, message):
    path = write_csv(tmp_path / "rows.csv", [[""] * len(columns)], columns)
    with pytest.raises(FormatError, match=message):
        list_tasks(job_of(path, tmp_path))
    with pytest.raises(FormatError, match=message):
        list_tasks(job_of(write_photos(tmp_path / "photos", 1), tmp_path, prompts=str(path)))


@pytest.mark.parametrize(("name", "message"), [("photos", "photos is a folder"), ("no.csv", r"there is no .*no\.csv")])
def test_a_table_of_prompts_that_is_no_file(tmp_path, name, message):
    photos = write_photos(tmp_path / "photos", 1)
    with pytest.raises(BatchError, match=message) as caught:
        list_tasks(job_of(photos, tmp_path, prompts=str(tmp_path / name)))
    assert "give a CSV" in caught.value.hint


def test_keys_of_a_prompt_that_nobody_knows_are_refused(tmp_path):
    path = write_csv(tmp_path / "rows.csv", [(text_of(0), '{"points": [[5, 9]], "label": [0]}')], ("image", "said"))
    (task,), _ = list_tasks(job_of(path, tmp_path, prompt_column="said"))
    with pytest.raises(FormatError, match=r"unknown keys: label \(did you mean labels\?\)"):
        read_prompts(task, "said")


def test_beside_a_column_that_is_named_there_may_be_others(tmp_path):
    path = write_csv(tmp_path / "rows.csv", [(text_of(0), "Anna", "[[5, 9]]")], ("image", "labelled by", "said"))
    tasks, _ = list_tasks(job_of(path, tmp_path, prompt_column="said"))
    assert len(tasks) == 1


def test_columns_that_a_spreadsheet_leaves_are_ignored(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(f'image,input_points,,\n{base64_text()},"[[5,9]]",,\n{base64_text()},"[[5,9]]",,,\n')
    tasks, _ = list_tasks(job_of(path, tmp_path))
    assert [(read_prompts(task).index, len(read_prompts(task).prompts)) for task in tasks] == [(0, 1), (1, 1)]


def base64_text():
    return text_of(0).replace("\n", "")


def test_cells_that_commas_have_torn_are_an_error_of_their_row(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('image,input_points\nphoto0.png,[[5,9]]\nphoto0.png,"[[5,9]]"\n')
    torn, good = list_tasks(job_of(write_photos(tmp_path / "photos", 1), tmp_path, prompts=str(path)))[0]
    with pytest.raises(FormatError, match="the row has 3 cells, the header 2: put quotes around"):
        read_prompts(torn)
    assert len(read_prompts(good).prompts) == 1


def test_a_documented_csv_is_read_in_the_style_of_the_job_and_folders_as_documented(tmp_path):
    prompts = ("[[5,9],[1,2]]", "[1,-1]")
    columns = ("image", "input_points", "input_labels")
    table = write_csv(tmp_path / "rows.csv", [(text_of(0), *prompts)], columns)
    (task,), _ = list_tasks(job_of(table, tmp_path))
    assert [len(read_prompts(task, style=style).prompts[0].labels) for style in ("service", "card")] == [1, 2]
    assert read_prompts(task, style="service").style == "service"
    table = write_csv(tmp_path / "prompts.csv", [("photo0.png", *prompts)], columns)
    (task,), _ = list_tasks(job_of(write_photos(tmp_path / "photos", 1), tmp_path, prompts=str(table)))
    assert read_prompts(task, style="service").prompts[0].labels.tolist() == [1, 0]
    assert read_prompts(task, style="service").style == "card"


@pytest.mark.parametrize("name", ["rows.csv", "./rows.csv", "link.csv"])
def test_the_input_is_never_the_result(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "rows.csv", 1)
    (tmp_path / "link.csv").symlink_to("rows.csv")
    with pytest.raises(BatchError, match="is the input"):
        list_tasks(Job("rows.csv", name))
    with pytest.raises(BatchError, match="is the input"):
        list_tasks(Job(str(write_photos(tmp_path / "photos", 1)), name, prompts="rows.csv"))

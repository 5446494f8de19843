"""Tasks: the rows of a batch run in their order, and the prompts of each.

Owns the kinds of input: CSVs with the documented columns, whose rows hold their images; images, each searched for
everything; images with a CSV of prompts. ``run`` makes the list once, without opening an image, so it stays small. A
worker reads the cells of a row only when it computes the row (``chunks``). The content of the documented columns is
parsed by ``formats``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from samwidget.batch.inputs.csv_spans import Span, read_record, spans
from samwidget.batch.inputs.files import (
    find_files,
    image_suffixes,
    input_folder,
    named_file,
    output_name,
    printable,
)
from samwidget.batch.job import Job
from samwidget.core import Prompt
from samwidget.errors import BatchError, FormatError, PromptError
from samwidget.formats import describe_unknown
from samwidget.formats.azure_ml import COLUMNS, INDEX_COLUMNS, Style, decode_image, prompts_of

_CSV_SUFFIXES = frozenset({".csv"})
_PROMPT_KEYS = ("points", "labels", "box", "level")  # of Prompt.to_json


@dataclass(frozen=True, slots=True)
class Task:
    """Where one row of a run is found. Small, so that a million of them fit into memory and are sent quickly.

    Attributes:
        number: the row's position in the run, from 0.
        row: the row's position in its file, from 0; 0 for an image that is searched for everything.
        file: the name of the CSV or of the image in the output: its path inside the input.
        path: the CSV or the image.
        span: the header and the row in the CSV that holds the image; None where ``path`` is an image.
        cells: the row of a CSV of prompts, by column; None where ``path`` is a CSV, and in a search for everything.
        problem: why the row of a CSV of prompts cannot be read; empty where it can.
    """

    number: int
    row: int
    file: str
    path: str
    span: tuple[Span, Span] | None = None
    cells: Mapping[str, str] | None = None
    problem: str = ""


@dataclass(frozen=True)
class RowPrompts:
    """The content of one row: an image and its prompts.

    Attributes:
        index: the row's name in the output: its index in the CSV where it has one, else its position in the file.
        image: bytes of an image file, its web address, or its path.
        prompts: one for each expected prediction; None for a search for everything.
        multimask_output: three candidates for each prediction instead of one.
        style: whose rules the row follows: of the job, if the row is one of a documented CSV.
    """

    index: int | str
    image: bytes | str | Path
    prompts: tuple[Prompt, ...] | None
    multimask_output: bool = True
    style: Style = "card"


def list_tasks(job: Job) -> tuple[list[Task], str]:
    """Returns the rows of a run in their order, and a fingerprint of the input.

    The fingerprint, 32 hexadecimal digits, covers the content of CSVs, and of images the name, the size and the time of
    the last change. It is the same for the same input, and differs where the rows may differ.

    Raises:
        BatchError: there is no such input, it does not fit the job's other options, or it holds the result.
        FormatError: a CSV lacks a column or is not complete.
    """
    folder = input_folder(job.source)
    _check_result(job, folder)
    digest = hashlib.blake2b(digest_size=16)
    if job.everything:
        hint = "give files that end in .jpg, .png, .tif, .webp or another ending of images"
        images = _input_files(job.source, image_suffixes(), "images", hint)
        tasks = list(_image_tasks(folder, images, digest))
    elif job.prompts is not None:
        if Path(job.source).suffix.lower() == ".csv":
            raise BatchError("prompts are for images, but the input is a CSV", hint="give the folder of the images")
        tasks = list(_prompt_tasks(folder, Path(job.prompts).expanduser(), job.prompt_column, digest))
    else:
        hint = "for images add --everything, or --prompts with a CSV of prompts"
        tables = _input_files(job.source, _CSV_SUFFIXES, "CSV", hint)
        tasks = list(_csv_tasks(folder, tables, job.prompt_column, digest))
    if not tasks:
        raise BatchError(f"{job.source} has no rows", hint="give an input with at least one row")
    return tasks, digest.hexdigest()


def read_prompts(task: Task, prompt_column: str | None = None, style: Style = "card") -> RowPrompts:
    """Returns the image and the prompts of a task. Reads the row of the CSV; an image file is not opened.

    Args:
        task: the row.
        prompt_column: the column that holds prompts as JSON; None takes the documented columns.
        style: whose rules a row of a documented CSV follows. A row about an image of a folder follows those of
            ``card``, since the service knows no such input.

    Raises:
        FormatError: the cells do not have the documented form.
        PromptError: the row has no prompt, or one that is not valid.
        OSError: the CSV cannot be read.
    """
    if task.problem:
        raise FormatError(task.problem, hint="mend the row")
    if task.span is None and task.cells is None:
        return RowPrompts(task.row, Path(task.path), None)
    if task.span is None:
        style = "card"
        cells: Mapping[str, str] = task.cells or {}
        image: bytes | str | Path = Path(task.path)
    else:
        header, values = (read_record(Path(task.path), span) for span in task.span)
        if len(values) < len(header):
            raise FormatError(f"the row has {len(values)} cells, the header {len(header)}", hint="give one per column")
        cells = _cells(header, values)
        image = decode_image(cells["image"])
    index = next((cells[name] for name in INDEX_COLUMNS if name in cells), task.row)
    prompts = prompts_of(cells, task.row, style) if prompt_column is None else _json_prompts(cells[prompt_column])
    if not prompts:
        raise PromptError("there is no prompt", hint="give points or a box")
    # The rule of the model card, whose script reads the column with pandas: whatever is not a boolean means three.
    multimask_output = cells.get("multimask_output", "").strip().lower() != "false"
    return RowPrompts(index, image, prompts, multimask_output, style)


def _check_result(job: Job, folder: Path) -> None:
    """Refuses a result that would be read as input by the next run, or that would replace the input."""
    result = Path(job.result)
    if Path(job.source).expanduser().is_dir() and result.is_relative_to(folder):
        raise BatchError(
            f"{result} lies inside the input", hint="write to another folder: the result would be read as input"
        )
    for name in filter(None, (job.source, job.prompts)):
        path = Path(name).expanduser()
        if path.is_file() and result.exists() and path.samefile(result):
            raise BatchError(f"{result} is the input", hint="give the result another name")


def _input_files(source: str, suffixes: frozenset[str], kind: str, hint: str) -> list[Path]:
    files = find_files(source, suffixes)
    if not files:
        raise BatchError(f"{source} has no {kind}", hint=hint)
    return files


def _image_tasks(folder: Path, images: Sequence[Path], digest: hashlib.blake2b) -> Iterator[Task]:
    for number, path in enumerate(images):
        file = output_name(path, folder)
        _add_image(digest, file, path)
        yield Task(number, 0, file, str(path))


def _prompt_tasks(folder: Path, table: Path, column: str | None, digest: hashlib.blake2b) -> Iterator[Task]:
    if not table.is_file():
        problem = f"{table} is a folder" if table.is_dir() else f"there is no {table}"
        raise BatchError(problem, hint="give a CSV with a column image and the prompts")
    header_span, *row_spans = _spans(table, digest)
    header = _header(table, header_span, column)
    for number, span in enumerate(row_spans):
        try:
            # Missing cells count as empty: where they matter, the row fails alone when it is computed.
            cells = {**dict.fromkeys(header, ""), **_cells(header, read_record(table, span))}
        except FormatError as error:
            yield Task(number, number, printable(table.name), str(table), problem=printable(str(error)))
            continue
        path = named_file(folder, cells["image"].strip())
        file = output_name(path, folder)
        _add_image(digest, file, path)
        yield Task(number, number, file, str(path), cells=cells)


def _csv_tasks(folder: Path, tables: Sequence[Path], column: str | None, digest: hashlib.blake2b) -> Iterator[Task]:
    number = 0
    for path in tables:
        file = output_name(path, folder)
        digest.update(f"{file}\n".encode())
        header_span, *row_spans = _spans(path, digest)
        _header(path, header_span, column)
        for row, span in enumerate(row_spans):
            yield Task(number, row, file, str(path), (header_span, span))
            number += 1


def _spans(path: Path, digest: hashlib.blake2b) -> list[Span]:
    try:
        record_spans = list(spans(path, digest))
    except OSError as error:
        raise BatchError(f"{path} cannot be read", hint=error.strerror or str(error)) from error
    if not record_spans:
        raise FormatError(f"{path.name} is empty", hint="the first line must name the columns")
    return record_spans


def _header(path: Path, span: Span, prompt_column: str | None) -> list[str]:
    """Returns the names of the columns, after checking that the needed ones are there, each once, and all are known.

    Where the column with the prompts is named, the others may be anything: none of them is a misspelt one.
    """
    header = [name.strip() for name in read_record(path, span)]
    needed = ("image", *(() if prompt_column is None else (prompt_column,)))
    unknown = "" if prompt_column is not None else describe_unknown(header, {*COLUMNS, *INDEX_COLUMNS, *needed})
    if unknown and (";" in unknown or r"\t" in unknown):
        raise FormatError(f"{path.name} has the columns {unknown}"[:300], hint="separate columns by commas")
    if unknown:
        raise FormatError(f"{path.name} has unknown columns: {unknown}", hint="correct or remove them")
    for name in dict.fromkeys([*needed, *filter(None, header)]):
        if header.count(name) != 1:
            raise FormatError(
                f"{path.name} has {header.count(name)} columns {name!r}, of {header}"[:300],
                hint=f"name the column {name!r} once in the first line",
            )
    return header


def _cells(header: Sequence[str], values: Sequence[str]) -> dict[str, str]:
    """Returns the cells of a row by the name of their column; raises FormatError where there are more than columns.

    Only the first column may be without a name, as that of a table's index. Others are what a spreadsheet leaves.
    """
    if any(value.strip() for value in values[len(header) :]):
        raise FormatError(
            f"the row has {len(values)} cells, the header {len(header)}", hint="put quotes around a cell with commas"
        )
    named = zip(header, values, strict=False)
    return {name.strip(): value for number, (name, value) in enumerate(named) if number == 0 or name.strip()}


def _add_image(digest: hashlib.blake2b, file: str, path: Path) -> None:
    """Adds name, size and time of change to the fingerprint. A missing image becomes an error of its row later."""
    try:
        status = path.stat()
        digest.update(f"{file}\t{status.st_size}\t{status.st_mtime_ns}\n".encode())
    except (OSError, ValueError):  # or a name that no file can have
        digest.update(f"{file}\tmissing\n".encode())


def _json_prompts(text: str) -> tuple[Prompt, ...]:
    """Returns the prompts of a cell with one prompt as ``Prompt.to_json`` writes it, or with a list of them."""
    try:
        value: object = json.loads(text)
        prompts = [value] if isinstance(value, Mapping) else value
        if not isinstance(prompts, list):
            raise TypeError(type(prompts))
        for prompt in prompts:
            unknown = describe_unknown(map(str, prompt), _PROMPT_KEYS) if isinstance(prompt, Mapping) else ""
            if unknown:
                raise FormatError(f"the prompt has unknown keys: {unknown}", hint="correct or remove them")
        return tuple(map(Prompt.from_json, prompts))
    except (PromptError, FormatError):
        raise
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise FormatError(
            "the prompt is not JSON", hint='write {"points": [[x, y]], "labels": [1], "box": null}, or a list of these'
        ) from error

"""Tasks: the rows of a batch run in their order, and the prompts of each.

Owns the kinds of input: CSVs with the documented columns, whose rows hold their images; images, each searched for
everything; images with a CSV of prompts. ``run`` makes the list once, without opening an image, so it stays small. A
worker reads the cells of a row only when it computes the row (``chunks``). The content of the documented columns is
parsed by ``formats``.
"""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from samwidget.batch.inputs.csv_spans import Span, read_record, spans
from samwidget.batch.job import Job
from samwidget.core import Prompt
from samwidget.errors import BatchError, FormatError, PromptError
from samwidget.formats.azure_ml import decode_image, prompts_of

IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})

# What pandas calls, and writes as, the column of a table's own index.
_INDEX_COLUMNS = ("index", "")


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
    """

    number: int
    row: int
    file: str
    path: str
    span: tuple[Span, Span] | None = None
    cells: Mapping[str, str] | None = None


@dataclass(frozen=True)
class RowPrompts:
    """The content of one row: an image and its prompts.

    Attributes:
        index: the row's name in the output: its index in the CSV where it has one, else its position in the file.
        image: bytes of an image file, its web address, or its path.
        prompts: one for each expected prediction; None for a search for everything.
        multimask_output: three candidates for each prediction instead of one.
    """

    index: int | str
    image: bytes | str | Path
    prompts: tuple[Prompt, ...] | None
    multimask_output: bool = True


def list_tasks(job: Job) -> tuple[list[Task], str]:
    """Returns the rows of a run in their order, and a fingerprint of the input.

    The fingerprint, 32 hexadecimal digits, covers the content of CSVs, and of images the name, the size and the time of
    the last change. It is the same for the same input, and differs where the rows may differ.

    Raises:
        BatchError: there is no such input, it does not fit the job's other options, or it holds the result.
        FormatError: a CSV lacks a column or is not complete.
    """
    base, files = _files(job.source)
    if Path(job.source).expanduser().is_dir() and Path(job.result).is_relative_to(base):
        raise BatchError(
            f"{job.result} lies inside the input", hint="write to another folder: the result would be read as input"
        )
    digest = hashlib.blake2b(digest_size=16)
    if job.everything:
        tasks = list(_image_tasks(base, _images(files, job), digest))
    elif job.prompts is not None:
        if Path(job.source).suffix.lower() == ".csv":
            raise BatchError("prompts are for images, but the input is a CSV", hint="give the folder of the images")
        tasks = list(_prompt_tasks(base, Path(job.prompts).expanduser(), job.prompt_column, digest))
    else:
        tasks = list(_csv_tasks(base, _csvs(files, job), job.prompt_column, digest))
    if not tasks:
        raise BatchError(f"{job.source} has no rows", hint="give an input with at least one row")
    return tasks, digest.hexdigest()


def read_prompts(task: Task, prompt_column: str | None = None) -> RowPrompts:
    """Returns the image and the prompts of a task. Reads the row of the CSV; an image file is not opened.

    Args:
        task: the row.
        prompt_column: the column that holds prompts as JSON; None takes the documented columns.

    Raises:
        FormatError: the cells do not have the documented form.
        PromptError: the row has no prompt, or one that is not valid.
        OSError: the CSV cannot be read.
    """
    if task.span is None and task.cells is None:
        return RowPrompts(task.row, Path(task.path), None)
    if task.span is None:
        cells: Mapping[str, str] = task.cells or {}
        image: bytes | str | Path = Path(task.path)
    else:
        header, values = (read_record(Path(task.path), span) for span in task.span)
        if len(values) != len(header):
            raise FormatError(f"the row has {len(values)} cells, the header {len(header)}", hint="give one per column")
        cells = dict(zip(header, values, strict=True))
        image = decode_image(cells["image"])
    index = next((cells[name] for name in _INDEX_COLUMNS if name in cells), task.row)
    prompts = prompts_of(cells, task.row) if prompt_column is None else _json_prompts(cells[prompt_column])
    if not prompts:
        raise PromptError("there is no prompt", hint="give points or a box")
    # The rule of the model card, whose script reads the column with pandas: whatever is not a boolean means three.
    multimask_output = cells.get("multimask_output", "").strip().lower() != "false"
    return RowPrompts(index, image, prompts, multimask_output)


def _files(source: str) -> tuple[Path, list[Path]]:
    """Returns the folder that names in the output are relative to, and the files of the input, sorted by path."""
    path = Path(source).expanduser().absolute()
    if path.is_file():
        return path.parent, [path]
    if path.is_dir():
        return path, sorted(file for file in path.rglob("*") if file.is_file() and not _is_hidden(file, path))
    if glob.has_magic(source):
        base = Path(*takewhile(lambda part: not glob.has_magic(part), path.parts))
        return base, sorted(file for file in base.glob(str(path.relative_to(base))) if file.is_file())
    raise BatchError(f"there is no {source}", hint="give a CSV, a folder, or a quoted pattern such as 'photos/*.jpg'")


def _is_hidden(path: Path, base: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(base).parts)


def _images(files: Sequence[Path], job: Job) -> list[Path]:
    images = [path for path in files if path.suffix.lower() in IMAGE_SUFFIXES]
    if not images:
        raise BatchError(
            f"{job.source} has no images", hint=f"give files that end in {', '.join(sorted(IMAGE_SUFFIXES))}"
        )
    return images


def _csvs(files: Sequence[Path], job: Job) -> list[Path]:
    tables = [path for path in files if path.suffix.lower() == ".csv"]
    if not tables:
        raise BatchError(
            f"{job.source} has no CSV", hint="for images add --everything, or --prompts with a CSV of prompts"
        )
    return tables


def _image_tasks(base: Path, images: Sequence[Path], digest: hashlib.blake2b) -> Iterator[Task]:
    for number, path in enumerate(images):
        file = path.relative_to(base).as_posix()
        _add_image(digest, file, path)
        yield Task(number, 0, file, str(path))


def _prompt_tasks(base: Path, table: Path, column: str | None, digest: hashlib.blake2b) -> Iterator[Task]:
    if not table.is_file():
        raise BatchError(f"there is no {table}", hint="give a CSV with a column image and the prompts")
    header_span, *row_spans = _spans(table, digest)
    header = _header(table, header_span, column)
    for number, span in enumerate(row_spans):
        values = read_record(table, span)
        # Missing cells count as empty: the row then fails alone, when it is computed.
        cells = {**dict.fromkeys(header, ""), **dict(zip(header, values, strict=False))}
        file = cells["image"].strip()
        _add_image(digest, file, base / file)
        yield Task(number, number, file, str(base / file), cells=cells)


def _csv_tasks(base: Path, tables: Sequence[Path], column: str | None, digest: hashlib.blake2b) -> Iterator[Task]:
    number = 0
    for path in tables:
        file = path.relative_to(base).as_posix()
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
    """Returns the names of the columns, after checking that the needed ones are there, each once."""
    header = read_record(path, span)
    for name in ("image", *(() if prompt_column is None else (prompt_column,))):
        if header.count(name) != 1:
            raise FormatError(
                f"{path.name} has {header.count(name)} columns {name!r}, of {header}"[:300],
                hint=f"name the column {name!r} once in the first line",
            )
    return header


def _add_image(digest: hashlib.blake2b, file: str, path: Path) -> None:
    """Adds name, size and time of change to the fingerprint. A missing image becomes an error of its row later."""
    try:
        status = path.stat()
        digest.update(f"{file}\t{status.st_size}\t{status.st_mtime_ns}\n".encode())
    except OSError:
        digest.update(f"{file}\tmissing\n".encode())


def _json_prompts(text: str) -> tuple[Prompt, ...]:
    """Returns the prompts of a cell with one prompt as ``Prompt.to_json`` writes it, or with a list of them."""
    try:
        value: object = json.loads(text)
        prompts = [value] if isinstance(value, Mapping) else value
        if not isinstance(prompts, list):
            raise TypeError(type(prompts))
        return tuple(map(Prompt.from_json, prompts))
    except PromptError:
        raise
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise FormatError(
            "the prompt is not JSON", hint='write {"points": [[x, y]], "labels": [1], "box": null}, or a list of these'
        ) from error

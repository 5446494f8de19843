"""Which rows a run has, in their order, and what each of them asks.

Owns the kinds of input: documented CSVs, whose rows hold their images; images, each asked for everything; images with a
CSV of prompts. The list is made once, by whoever starts the run, and is small: no image is opened for it. A worker
reads its row when it comes to it.
"""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

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
    """One row of a run: small, so that a million of them fit into memory and travel.

    Attributes:
        number: its place in the run, from 0.
        row: its number in its file, from 0; 0 for an image that is asked for everything.
        file: what the answer calls its file or image: the path inside the input.
        path: the CSV that holds it, or the image.
        span: where the row lies in the CSV, its header first; None for an image.
        cells: what is asked about an image, by column; None for everything.
    """

    number: int
    row: int
    file: str
    path: str
    span: tuple[Span, Span] | None = None
    cells: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Question:
    """What a row asks.

    Attributes:
        index: what the row is called: the CSV's own index where it has one, otherwise its number in the file.
        image: bytes of an image file, its address, or a path.
        prompts: one per expected prediction; None for everything.
        multimask_output: three masks per prediction instead of one.
    """

    index: int | str
    image: bytes | str | Path
    prompts: tuple[Prompt, ...] | None
    multimask_output: bool = True


def list_tasks(job: Job) -> tuple[list[Task], str]:
    """The rows of a run in their order, and a fingerprint of the input that changes where its content may have.

    CSVs are fingerprinted by their content, images by name, size and time of change.

    Raises:
        BatchError: there is no such input, or it is not of a kind that the job's other options fit.
        FormatError: a CSV without the columns that are needed, or cut off.
    """
    base, files = _files(job.source)
    if Path(job.source).expanduser().is_dir() and Path(job.result).is_relative_to(base):
        raise BatchError(f"{job.result} lies inside the input", hint="write elsewhere: it would be read as input")
    digest = hashlib.blake2b(digest_size=16)
    if job.everything:
        tasks = list(_image_tasks(base, _images(files, job), digest))
    elif job.prompts is not None:
        if Path(job.source).suffix.lower() == ".csv":
            raise BatchError("prompts are about images, and the input is a CSV", hint="give the images' folder")
        tasks = list(_prompt_tasks(base, Path(job.prompts).expanduser(), job.prompt_column, digest))
    else:
        tasks = list(_csv_tasks(base, _csvs(files, job), job.prompt_column, digest))
    if not tasks:
        raise BatchError(f"{job.source} has no rows", hint="a run needs at least one")
    return tasks, digest.hexdigest()


def question_of(task: Task, prompt_column: str | None = None) -> Question:
    """What the task asks; reads its row.

    Raises:
        FormatError: cells that do not follow the documented form.
        PromptError: nothing is asked.
        OSError: the CSV cannot be read.
    """
    if task.span is None and task.cells is None:
        return Question(task.row, Path(task.path), None)
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
        raise PromptError("nothing says which object is meant", hint="give points or a box")
    # The documented rule, after pandas has read the column: what is no boolean means three.
    several = cells.get("multimask_output", "").strip().lower() != "false"
    return Question(index, image, prompts, several)


def _files(source: str) -> tuple[Path, list[Path]]:
    """The folder that names are relative to, and the files that the input names, sorted."""
    path = Path(source).expanduser().absolute()
    if path.is_file():
        return path.parent, [path]
    if path.is_dir():
        return path, sorted(each for each in path.rglob("*") if each.is_file() and not _is_hidden(each, path))
    if glob.has_magic(source):
        base = Path(*takewhile(lambda part: not glob.has_magic(part), path.parts))
        return base, sorted(each for each in base.glob(str(path.relative_to(base))) if each.is_file())
    raise BatchError(f"there is no {source}", hint="give a CSV, a folder, or a quoted pattern such as 'photos/*.jpg'")


def _is_hidden(path: Path, base: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(base).parts)


def _images(files: Sequence[Path], job: Job) -> list[Path]:
    images = [path for path in files if path.suffix.lower() in IMAGE_SUFFIXES]
    if not images:
        raise BatchError(f"{job.source} has no images", hint=f"these are: {', '.join(sorted(IMAGE_SUFFIXES))}")
    return images


def _csvs(files: Sequence[Path], job: Job) -> list[Path]:
    tables = [path for path in files if path.suffix.lower() == ".csv"]
    if not tables:
        raise BatchError(
            f"{job.source} has no CSV", hint="say what is asked of images: --everything, or --prompts prompts.csv"
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
    header_span, *rest = _spans(table, digest)
    header = _header(table, header_span, column)
    for number, span in enumerate(rest):
        values = read_record(table, span)
        cells = dict(zip(header, values, strict=False))  # a short row lacks its prompts, and is told so when answered
        file = cells["image"].strip()
        _add_image(digest, file, base / file)
        yield Task(number, number, file, str(base / file), cells={**dict.fromkeys(header, ""), **cells})


def _csv_tasks(base: Path, tables: Sequence[Path], column: str | None, digest: hashlib.blake2b) -> Iterator[Task]:
    number = 0
    for path in tables:
        file = path.relative_to(base).as_posix()
        digest.update(f"{file}\n".encode())
        header, *rest = _spans(path, digest)
        _header(path, header, column)
        for row, span in enumerate(rest):
            yield Task(number, row, file, str(path), (header, span))
            number += 1


def _spans(path: Path, digest: hashlib.blake2b) -> list[Span]:
    try:
        found = list(spans(path, digest))
    except OSError as error:
        raise BatchError(f"{path} cannot be read", hint=error.strerror or str(error)) from error
    if not found:
        raise FormatError(f"{path.name} is empty", hint="its first line names the columns")
    return found


def _header(path: Path, span: Span, prompt_column: str | None) -> list[str]:
    header = read_record(path, span)
    for name in ("image", *(() if prompt_column is None else (prompt_column,))):
        if header.count(name) != 1:
            raise FormatError(
                f"{path.name} has {header.count(name)} columns {name!r}, of {header}"[:300],
                hint="its first line names the columns, each once",
            )
    return header


def _add_image(digest: hashlib.blake2b, file: str, path: Path) -> None:
    """Name, size and time of change; an image that is missing is told in its row."""
    try:
        status = path.stat()
        digest.update(f"{file}\t{status.st_size}\t{status.st_mtime_ns}\n".encode())
    except OSError:
        digest.update(f"{file}\tmissing\n".encode())


def _json_prompts(text: str) -> tuple[Prompt, ...]:
    """Prompts as ``Prompt.to_json`` writes them: one, or a list of them."""
    try:
        value: Any = json.loads(text)
        return tuple(Prompt.from_json(each) for each in ([value] if isinstance(value, Mapping) else value))
    except PromptError:
        raise
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise FormatError(
            "the prompt is not JSON", hint='write {"points": [[x, y]], "labels": [1], "box": null}, or a list of these'
        ) from error

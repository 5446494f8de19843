"""Job: the options of a batch run that are the same on every worker, and the paths of its files.

Owns the checks of these options and the choice of the format. How many workers there are, and when to stop, is given to
``run.run_batch``, since it may change from one call to the next.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeGuard, get_args

from samwidget.errors import BatchError
from samwidget.formats.azure_ml import Style, check_style

Format = Literal["csv", "parquet", "png", "coco"]
FORMATS: tuple[Format, ...] = get_args(Format)

# The format by the end of the result's name, and the name of the result by the format where a folder is given.
_FORMAT_OF_SUFFIX: dict[str, Format] = {".csv": "csv", ".parquet": "parquet", ".json": "coco"}
_FILE_NAMES: dict[Format, str] = {
    "csv": "predictions.csv",
    "parquet": "predictions.parquet",
    "png": "masks.csv",
    "coco": "coco.json",
}


@dataclass(frozen=True)
class Job:
    """The options of a batch run.

    Attributes:
        source: a CSV, a folder, or a pattern of files, as the user wrote it.
        result: the file that is written at the end; made absolute.
        format: of the result. ``png`` writes masks beside ``result``, which is then a list of them.
        model: None for the bundled model; else a name of ``samwidget models``, a hub id or a folder.
        everything: find all objects of each image, without prompts.
        prompts: a CSV of prompts for the images in ``source``.
        prompt_column: the column that holds the prompts of a row as JSON; None takes the documented columns.
        mini_batch_size: rows in a chunk, which are computed, written and recorded together.
        style: how the rows of documented CSVs are read, and predictions.csv is written: ``service`` as Azure's batch
            endpoints do, ``card`` as the model card documents it.
        polygons: write COCO's masks as polygons, not as run lengths.
        retries: how often a row is repeated whose image could not be fetched, on which the model failed, or on which a
            worker crashed.

    Raises:
        BatchError: an option has a wrong value, or two options exclude each other.
        FormatError: there is no such style.
    """

    source: str
    result: str
    format: Format = "csv"
    model: str | None = None
    everything: bool = False
    prompts: str | None = None
    prompt_column: str | None = None
    mini_batch_size: int = 10
    retries: int = 3
    style: Style = "service"
    polygons: bool = False

    def __post_init__(self) -> None:
        # Workers may have another current folder.
        object.__setattr__(self, "result", str(Path(self.result).expanduser().absolute()))
        _checked_format(self.format)
        check_style(self.style)
        if self.polygons and self.format != "coco":
            raise BatchError(f"the format {self.format} has no polygons", hint="give an OUT that ends in .json (COCO)")
        if self.everything and (self.prompts or self.prompt_column):
            raise BatchError(
                "a search for everything takes no prompts", hint="leave out either --everything or the prompts"
            )
        if self.mini_batch_size < 1 or self.retries < 0:
            raise BatchError(
                f"mini_batch_size is {self.mini_batch_size}, max_retries is {self.retries}",
                hint="give at least 1 row, and 0 or more retries",
            )

    @property
    def parts(self) -> Path:
        """The folder that holds the parts until the run has ended."""
        return Path(f"{self.result}.parts")

    @property
    def manifest(self) -> Path:
        """The file that records the run; it stays."""
        return Path(f"{self.result}.manifest.jsonl")

    def identity(self) -> dict[str, object]:
        """Returns the options that must be equal for a run to continue another one.

        The input is not among them: ``list_tasks`` makes a fingerprint of its content.
        """
        values = asdict(self)
        for name in ("source", "result", "prompts", "retries"):
            del values[name]
        return values


def choose_result(out: str | Path, format_: str | None = None, file_name: str | None = None) -> tuple[str, Format]:
    """Returns the absolute path of the result, and its format.

    Args:
        out: a file whose name ends in .csv, .parquet or .json; or a folder, which need not exist.
        format_: csv, parquet, png or coco; None decides by the name, and takes csv for a folder.
        file_name: name of the result where ``out`` is a folder.

    Raises:
        BatchError: the format is not known, or does not fit the name.
    """
    path = Path(out).expanduser().absolute()
    suffix_format = _FORMAT_OF_SUFFIX.get(path.suffix.lower())
    if path.is_dir() or not path.suffix:
        chosen = _checked_format(format_ or _FORMAT_OF_SUFFIX.get(Path(file_name or "").suffix.lower()) or "csv")
        name = file_name if file_name and chosen != "png" else _FILE_NAMES[chosen]
        if chosen != "png" and _FORMAT_OF_SUFFIX.get(Path(name).suffix.lower(), chosen) != chosen:
            # The name is in a deployment's file, and the format in the command, which takes precedence.
            name = str(Path(name).with_suffix(Path(_FILE_NAMES[chosen]).suffix))
        return str(path / name), chosen
    if suffix_format is None or (format_ is not None and format_ != suffix_format):
        raise BatchError(
            f"the name {path.name} does not fit {f'the format {format_}' if format_ else 'any format'}",
            hint="end it in .csv, .parquet or .json (COCO), or give a folder and --format",
        )
    return str(path), suffix_format


def _checked_format(value: str) -> Format:
    if not _is_format(value):
        raise BatchError(f"the format is {value!r}", hint=f"give one of {', '.join(FORMATS)}")
    return value


def _is_format(value: str) -> TypeGuard[Format]:
    return value in FORMATS

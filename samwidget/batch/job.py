"""Job: what one batch run does, the same on every worker. Owns its checks and where its files lie."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from samwidget.errors import BatchError

Format = Literal["csv", "parquet", "png", "coco"]
FORMATS: tuple[str, ...] = get_args(Format)

# What the end of OUT's name says, and what is written where OUT is a folder.
_FORMAT_OF_SUFFIX = {".csv": "csv", ".parquet": "parquet", ".json": "coco"}
_FILE_NAMES = {"csv": "predictions.csv", "parquet": "predictions.parquet", "png": "masks.csv", "coco": "coco.json"}


@dataclass(frozen=True)
class Job:
    """What is asked of whom, and where the answers go.

    Attributes:
        source: a CSV, a folder, or a pattern of files; as the user wrote it.
        result: the file that holds the answers when the run has ended; made absolute.
        format: how they are written. ``png`` puts masks beside ``result``, which is then their list.
        model: None for the bundled network, a hub id or a folder.
        everything: find all objects of each image, instead of answering prompts.
        prompts: a CSV of prompts about the images in ``source``.
        prompt_column: the column that holds a row's prompts as JSON, instead of the documented three.
        mini_batch_size: rows that are answered, written and recorded together.
        retries: how often a row is tried again whose image could not be fetched, or on which the network failed or a
            worker died.
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

    def __post_init__(self) -> None:
        # Workers may have another current folder.
        object.__setattr__(self, "result", str(Path(self.result).expanduser().absolute()))
        if self.format not in FORMATS:
            raise BatchError(f"the format is {self.format!r}", hint=f"give one of {', '.join(FORMATS)}")
        if self.everything and (self.prompts or self.prompt_column):
            raise BatchError("everything needs no prompts", hint="leave out either --everything or the prompts")
        if self.mini_batch_size < 1 or self.retries < 0:
            raise BatchError(
                f"mini_batch_size is {self.mini_batch_size}, max_retries is {self.retries}",
                hint="give at least 1 row, and 0 or more retries",
            )

    @property
    def parts(self) -> Path:
        """The folder of what is answered while the run goes on."""
        return Path(f"{self.result}.parts")

    @property
    def manifest(self) -> Path:
        """The file that says what the run is and what is done; it stays."""
        return Path(f"{self.result}.manifest.jsonl")

    def pinned(self) -> dict[str, Any]:
        """What must be equal for a run to be another one's continuation; the input itself is pinned by its content."""
        values = asdict(self)
        for name in ("source", "result", "prompts", "retries"):
            del values[name]
        return values


def result_of(out: str | Path, format_: str | None = None, file_name: str | None = None) -> tuple[str, Format]:
    """The file that OUT means, absolute, and its format.

    Args:
        out: a file whose name ends in .csv, .parquet or .json; or a folder, there already or not.
        format_: csv, parquet, png or coco; None takes what the name says, and csv for a folder.
        file_name: the file's name where OUT is a folder.

    Raises:
        BatchError: a name that says another format, or none that is known.
    """
    path = Path(out).expanduser().absolute()
    said = _FORMAT_OF_SUFFIX.get(path.suffix.lower())
    if path.is_dir() or not path.suffix:
        chosen = format_ or _FORMAT_OF_SUFFIX.get(Path(file_name or "").suffix.lower()) or "csv"
        if chosen not in FORMATS:
            raise BatchError(f"the format is {chosen!r}", hint=f"give one of {', '.join(FORMATS)}")
        name = file_name if file_name and chosen != "png" else _FILE_NAMES[chosen]
        return str(path / name), chosen  # type: ignore[return-value]
    if said is None or (format_ is not None and format_ != said):
        raise BatchError(
            f"{path.name} does not say {format_ or 'a format'}",
            hint="end it in .csv, .parquet or .json (COCO), or give a folder and --format",
        )
    return str(path), said  # type: ignore[return-value]

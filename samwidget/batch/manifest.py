"""Manifest: records what a run is and which chunks are done, so that a run killed at any moment can be continued.

The file ``OUT.manifest.jsonl`` has one JSON object a line: ``{"run": ...}`` first, then a ``ChunkResult`` for each
part, and at the end ``{"done": ...}``. Each line is appended and flushed to the disk (fsync) before the next step
begins. The steps of a run, and what a kill between them costs:

1. A worker writes a part under a temporary name, flushes it, renames it, and flushes the folder (``files``). Killed
   before the rename: a temporary file is left, which the next run deletes. Killed after it: no line names the part, so
   the next run deletes it, too, and computes the chunk again.
2. The command appends the line of the chunk. A line cut off by a kill is dropped. So each complete line is true.
3. When all chunks are done, the parts are merged into the result, as atomically as a part. Killed before the rename:
   the parts are still there, and the next run merges them again.
4. The line ``done`` is appended, and then the parts are deleted, unless rows have errors that may be tried again.
   Killed in between: the next run deletes them.

Only ``run`` uses this module, in one process: workers write parts, never lines.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO

from samwidget.batch.chunks import ChunkResult, file_digest
from samwidget.batch.job import Job
from samwidget.errors import BatchError
from samwidget.files import UNFINISHED_SUFFIX, sync_folder

_START_OVER = "repeat the command as it was, write elsewhere, or start over with --fresh"
# Versions of samwidget whose runs this one continues, besides its own: input, parts and manifest have the same form.
_CONTINUED_VERSIONS = ("0.1.0",)
# Options that 0.1.0 did not have, and what it did.
_EARLIER_OPTIONS: dict[str, object] = {"style": "card", "polygons": False}


class Manifest:
    """The manifest of one run, open for appending, and locked against a second run to the same result.

    Args:
        job: the run.
        identity: values that must be equal for this run to continue the one in the file; ``samwidget`` is the version.
        fresh: forget an earlier run. Its result stays until this run replaces it.
        retry_errors: count no chunk as done that has a row with an error, also in a run that is finished.

    Attributes:
        chunk_results: what is done, by the number of the chunk's first row.
        is_finished: the result is complete.

    Raises:
        BatchError: the file belongs to another run, the result exists without a manifest, or another run to the
            result is in progress.
        OSError: the file cannot be read or written.
    """

    def __init__(
        self, job: Job, identity: Mapping[str, object], *, fresh: bool = False, retry_errors: bool = False
    ) -> None:
        from filelock import FileLock, Timeout  # of the extra batch, see run_batch

        self._path = job.manifest
        self._result = Path(job.result)
        self._parts = job.parts
        self._retry_errors = retry_errors
        self.chunk_results: dict[int, ChunkResult] = {}
        self.is_finished = False
        self._parts.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self._parts / "lock", timeout=0)
        self._file: IO[bytes] | None = None
        try:
            self._lock.acquire()
        except Timeout as error:
            raise BatchError(f"a run to {self._result} is under way", hint="wait for it, or write elsewhere") from error
        try:
            self._open(identity, fresh=fresh)
        except BaseException:
            self.close()
            raise

    def _open(self, identity: Mapping[str, object], *, fresh: bool) -> None:
        if fresh:
            self._path.unlink(missing_ok=True)
        entries, length = _read(self._path)
        if len(entries) < 2:  # the earlier run has no chunk: any other run may take its place
            entries, length = [], 0
        if not entries and self._result.exists() and not fresh:
            raise BatchError(
                f"{self._result} is there already, without a {self._path.name} that says which run made it",
                hint="write elsewhere, or overwrite it with --fresh",
            )
        if entries:
            self._resume(entries, identity)
        self._file = self._path.open("r+b" if entries else "wb")
        self._file.truncate(length)
        self._file.seek(length)
        if not entries:
            self._append({"run": dict(identity)})
            sync_folder(self._path.parent)
        self._delete_leftovers()

    def _resume(self, entries: list[dict[str, object]], identity: Mapping[str, object]) -> None:
        """Takes over what the file records, after checking that it belongs to this run."""
        earlier = entries[0].get("run")
        try:
            results = [ChunkResult.from_json(entry) for entry in entries[1:] if "part" in entry]
        except ValueError as error:
            raise BatchError(f"{self._path} is not the manifest of a run: {error}", hint=_START_OVER) from error
        if not isinstance(earlier, dict):
            raise BatchError(f"{self._path} is not the manifest of a run", hint=_START_OVER)
        if earlier.get("samwidget") in _CONTINUED_VERSIONS:
            earlier = {**_EARLIER_OPTIONS, **earlier, "samwidget": identity.get("samwidget")}
        changed = sorted(key for key in {*earlier, *identity} if earlier.get(key) != identity.get(key))
        if changed:
            changes = ", ".join(f"{key} was {earlier.get(key)!r} and is {identity.get(key)!r}" for key in changed)
            hint = f"a run of samwidget 0.1.0 needs --style card; {_START_OVER}" if "style" in changed else _START_OVER
            raise BatchError(f"{self._path.name} belongs to another run: {changes}", hint=hint)
        # A chunk that was computed again has several lines. The last one is true of the part.
        latest = {result.first: result for result in results}
        self.is_finished = "done" in entries[-1] and self._result.exists()
        if self._retry_errors and any(result.errors for result in latest.values()):
            self.is_finished = False
            latest = {first: result for first, result in latest.items() if not result.errors}
        # A chunk counts as done only while its part is there, unchanged; a finished run may have no parts any more.
        self.chunk_results = {
            first: result for first, result in latest.items() if self.is_finished or self._has_part(result)
        }

    def _has_part(self, result: ChunkResult) -> bool:
        path = self._parts / result.part
        try:
            if not path.is_file() or path.stat().st_size != result.size:
                return False
        except OSError:  # such as a damaged name, too long for the file system
            return False
        return result.digest in ("", file_digest(path))  # 0.1.0 wrote no digest

    def _delete_leftovers(self) -> None:
        """Deletes temporary files of killed workers, and parts that no line names."""
        part_names = {result.part for result in self.chunk_results.values()}
        for path in self._parts.iterdir():
            if path.suffix == UNFINISHED_SUFFIX or (path.suffix == ".part" and path.name not in part_names):
                path.unlink(missing_ok=True)

    @property
    def signature(self) -> str:
        """The signature of the model that made the parts; empty before the first part."""
        return next((result.signature for result in self.chunk_results.values()), "")

    @property
    def rows(self) -> int:
        """The number of rows that are done, those with an error included."""
        return sum(result.rows for result in self.chunk_results.values())

    @property
    def errors(self) -> int:
        """The number of rows that have an error instead of masks."""
        return sum(result.errors for result in self.chunk_results.values())

    def part_files(self) -> list[Path]:
        """Returns the parts in the order of their rows."""
        return [self._parts / self.chunk_results[first].part for first in sorted(self.chunk_results)]

    def add(self, result: ChunkResult) -> None:
        """Records a chunk, whose part is on the disk already. The line is on the disk when this returns.

        Raises:
            BatchError: another model made this part than those before.
            OSError: the line cannot be written.
        """
        if self.signature not in ("", result.signature):
            raise BatchError(
                f"workers do not agree: one has the model {self.signature!r}, another {result.signature!r}",
                hint="use the same weights everywhere, on the same kind of device",
            )
        # In this order: Ctrl-C between the two must not make ``close`` delete a file that has the line.
        self.chunk_results[result.first] = result
        self._append(result.to_json())

    def finish(self) -> None:
        """Records that the result is complete."""
        self._append({"done": self.rows, "errors": self.errors})
        self.is_finished = True

    def close(self) -> None:
        """Closes the file and releases the lock.

        Deletes the parts where the run is finished without errors, and all its files where it has no chunk. With errors
        the parts stay: then ``retry_errors`` need not compute the other rows again.
        """
        if self._file is not None:
            self._file.close()
            self._file = None
            if not self.chunk_results:
                self._path.unlink(missing_ok=True)
        if (self.is_finished and not self.errors) or not any(self._parts.glob("*.part")):
            shutil.rmtree(self._parts, ignore_errors=True)
        self._lock.release()

    def __enter__(self) -> Manifest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _append(self, entry: Mapping[str, object]) -> None:
        assert self._file is not None
        self._file.write(json.dumps(entry).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def _read(path: Path) -> tuple[list[dict[str, object]], int]:
    """Returns the complete lines of a manifest, and their length in bytes; nothing where there is no file."""
    entries: list[dict[str, object]] = []
    length = 0
    if not path.is_file():
        return entries, length
    for line in path.read_bytes().splitlines(keepends=True):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            entry = None
        if not isinstance(entry, dict) or not line.endswith(b"\n"):
            break
        entries.append(entry)
        length += len(line)
    return entries, length

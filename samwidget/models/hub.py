"""Models of the Hugging Face hub: which ones are on this computer, and the download of one, which can be ended.

``registry`` lists the models that samwidget knows by name, and ``loader`` reads them. A download runs in a process of
its own: not every version of huggingface_hub can be ended within a file in another way. Called by the widget's menu of
models; it imports no torch.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

from samwidget import errors
from samwidget.errors import ModelError, SamWidgetError, StoppedError
from samwidget.models import loader
from samwidget.models.checkpoint_folder import WEIGHTS, weights_files
from samwidget.models.registry import is_repo_here as is_repo_here
from samwidget.models.registry import weights_file_of

_REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
# huggingface_hub 2 writes each download to a file of a name of its own, which no later download goes on with.
_ABANDONED = re.compile(r"\w+\.[0-9a-f]{8}\.incomplete")
_POLL_S = 0.2
# Without the current folder, which Python would search first: a json.py of anybody may be in it.
_PROGRAM = "import sys; sys.path = [*filter(None, sys.path)]; from samwidget.models.hub import main; main()"


def is_hub_id(name: str) -> bool:
    """Whether a name can only be that of a model on the hub: no file and no folder here has it."""
    return _REPO.fullmatch(name) is not None and not Path(name).exists()


def is_offline() -> bool:
    """Whether the environment says that nothing may be downloaded."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def repos_here() -> list[str]:
    """The hub ids in the hub's local cache whose models samwidget runs, in alphabetical order."""
    repos = []
    for name in sorted(_names_in(_cache_folder())):
        kind, *parts = name.split("--")
        repo = "/".join(parts)
        if kind == "models" and len(parts) == 2 and is_repo_here(repo):
            folder = folder_here(repo)
            if folder is not None and loader.is_supported(model_type_of(folder)):
                repos.append(repo)
    return repos


def folder_here(repo: str) -> Path | None:
    """The folder of a hub id in the hub's local cache; None where its config is not there."""
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(repo, "config.json")
    return Path(path).parent if isinstance(path, str) else None


def model_type_of(folder: Path) -> str | None:
    """What the config in a folder calls the family; None where there is none that can be read."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    model_type = config.get("model_type") if isinstance(config, dict) else None
    return model_type if isinstance(model_type, str) else None


def weights_bytes(folder: Path) -> int:
    """Size of the weights in a folder; the pickled ones count where there are no others. 0 without any."""
    return sum(path.stat().st_size for path in weights_files(folder))


def download(repo: str, progress: Callable[[int, int], object], cancel: Event) -> None:
    """Downloads a model from the hub into its local cache; files that are there already are not downloaded again.

    Args:
        repo: the hub id.
        progress: called a few times a second with the bytes that are here, and those of all files.
        cancel: ends the download when it is set.

    Raises:
        StoppedError: ``cancel`` was set. No file is half there.
        ModelError: as ``loader.load``.
    """
    blobs = _blobs_folder(repo)
    before = _names_in(blobs)
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, repo],
        stdin=subprocess.PIPE,  # it ends when this process is gone
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # its bars of progress
        text=True,
        encoding="utf-8",
        # The same packages, wherever this process found them.
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        start_new_session=True,  # the notebook's Stop button is for the kernel, which ends its processes
    )
    assert process.stdin is not None
    assert process.stdout is not None
    reports = _Reports()
    reader = Thread(target=reports.read, args=(process.stdout,), name="samwidget download", daemon=True)
    reader.start()
    try:
        while reader.is_alive() and not cancel.is_set():
            if reports.sizes:
                progress(_bytes_here(blobs, reports.sizes), sum(reports.sizes.values()))
            reader.join(_POLL_S)
    finally:
        process.kill()  # does nothing where it has ended
        process.wait()
        reader.join()
        process.stdin.close()
        process.stdout.close()
        for name in _names_in(blobs) - before:
            if _ABANDONED.fullmatch(name):
                with contextlib.suppress(OSError):
                    (blobs / name).unlink()
    if reports.is_done:
        return
    if cancel.is_set():
        raise StoppedError(f"the download of {repo} was stopped", hint="choose it again to go on")
    raise reports.error or ModelError(
        f"the download of {repo} ended before it was complete", hint="choose it again to go on"
    )


def main() -> None:
    """What the process of a download does: writes the sizes of the files, downloads them, and writes the end."""
    repo = sys.argv[1]
    Thread(target=_end_with_parent, daemon=True).start()
    try:
        _report(sizes=_sizes_of(repo))
        loader.download(repo)
        _report(done=True)
    except SamWidgetError as error:
        _report(error=[type(error).__name__, error.message, error.hint])
    except Exception as error:  # the process that waits says it
        _report(error=["ModelError", f"{repo} could not be downloaded", f"{type(error).__name__}: {error}"])


@dataclass
class _Reports:
    """What the process of a download has written.

    Attributes:
        sizes: bytes of each file by its name in the folder of blobs; empty until it is known.
        is_done: whether everything is here.
        error: why it is not.
    """

    sizes: dict[str, int] = field(default_factory=dict)
    is_done: bool = False
    error: SamWidgetError | None = None

    def read(self, lines: Iterable[str]) -> None:
        """Takes what the process writes until it ends."""
        for line in lines:
            try:
                report = json.loads(line)
            except ValueError:  # another package has printed something
                continue
            if not isinstance(report, dict):
                continue
            self.sizes = report.get("sizes", self.sizes)
            self.is_done = report.get("done", self.is_done)
            if "error" in report:
                name, message, hint = report["error"]
                self.error = getattr(errors, name)(message, hint=hint)


def _end_with_parent() -> None:
    """Ends this process when the one that started it is gone: then its end of the input is closed."""
    sys.stdin.read()
    os._exit(1)


def _report(**values: Any) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def _sizes_of(repo: str) -> dict[str, int]:
    """Bytes of the files that ``loader`` downloads, by their names in the folder of blobs; empty where nobody knows."""
    from fnmatch import fnmatch

    from huggingface_hub import HfApi

    try:
        files = HfApi().model_info(repo, files_metadata=True).siblings or []
    except Exception:  # the download itself says what is wrong
        return {}

    def matching(pattern: str) -> dict[str, int]:
        return {
            (item.lfs.sha256 if item.lfs else item.blob_id) or item.rfilename: item.size or 0
            for item in files
            if fnmatch(item.rfilename, pattern)
        }

    file = weights_file_of(repo)
    if file is not None:
        return matching(file)
    weights = next((sizes for pattern in WEIGHTS if (sizes := matching(pattern))), {})
    return {**matching("*.json"), **weights}


def _bytes_here(blobs: Path, sizes: dict[str, int]) -> int:
    """Bytes of these files that are in the folder of blobs, complete or not."""
    here: dict[str, int] = {}
    for name in _names_in(blobs):
        blob = name.partition(".")[0]
        if blob in sizes:
            with contextlib.suppress(OSError):  # it was moved meanwhile
                here[blob] = max(here.get(blob, 0), (blobs / name).stat().st_size)
    return sum(min(count, sizes[blob]) for blob, count in here.items())


def _names_in(folder: Path) -> set[str]:
    try:
        return {entry.name for entry in os.scandir(folder)}
    except OSError:  # it is not there yet
        return set()


def _cache_folder() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE).expanduser()


def _blobs_folder(repo: str) -> Path:
    return _cache_folder() / f"models--{repo.replace('/', '--')}" / "blobs"

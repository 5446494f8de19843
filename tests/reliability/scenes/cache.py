"""Scenes with a folder of cached embeddings: its files are damaged, and writes fail as on a full disk.

Acknowledged is an image that was encoded: a later process gets the same masks for it, from the file or anew.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from samwidget.core import make_prompt
from samwidget.predict import SamPredictor
from tests.drawn_photo import drawn_photo
from tests.reliability.garbage import changed_bytes
from tests.reliability.page import StandIn
from tests.reliability.scenes.full_disk import full_disk

PHOTOS = [drawn_photo(20, 30, seed) for seed in range(4)]
PROMPT = make_prompt([[9, 9]])


class _CacheScene:
    def __init__(self, folder: Path, inject: Callable[[Path, Random], str]) -> None:
        self._folder = folder
        self._inject = inject
        self.acknowledged = 0
        self._expected = [self._embedding_and_logits(self._new_process(), photo) for photo in PHOTOS]

    def fault(self, rng: Random) -> str:
        kind = self._inject(self._folder, rng)
        predictor = self._new_process()
        for photo, (tensors, logits) in zip(PHOTOS, self._expected, strict=True):
            tensors_now, logits_now = self._embedding_and_logits(predictor, photo)
            assert all(np.array_equal(tensors_now[name], tensor) for name, tensor in tensors.items())
            assert np.array_equal(logits_now, logits)
            self.acknowledged += 1
        for path in filter(Path.is_dir, list(self._folder.iterdir())):  # a cache replaces no folder
            path.rmdir()
            for photo in PHOTOS:
                self._new_process().embed(photo)
        # All files are whole again: the next process encodes nothing.
        predictor = self._new_process()
        for photo in PHOTOS:
            predictor.embed(photo)
        assert predictor.encodes == 0, "a damaged file was not replaced"
        return kind

    def _new_process(self) -> SamPredictor:
        return SamPredictor(StandIn(), cache_folder=self._folder)

    @staticmethod
    def _embedding_and_logits(predictor: SamPredictor, photo: np.ndarray) -> tuple[dict[str, Any], np.ndarray]:
        embedding = predictor.embed(photo)
        (masks,) = predictor.predict_many([PROMPT], embedding)
        return {name: tensor.numpy() for name, tensor in embedding.tensors.items()}, masks.logits


@contextmanager
def _scene(inject: Callable[[Path, Random], str]) -> Iterator[_CacheScene]:
    with tempfile.TemporaryDirectory() as name:
        yield _CacheScene(Path(name), inject)


def damage() -> Any:
    """Files that are changed, cut off, exchanged, emptied, removed, or a folder in their place."""

    def inject(folder: Path, rng: Random) -> str:
        paths = sorted(folder.glob("*.safetensors"))
        path, other = rng.sample(paths, 2)
        kind = rng.choice(("changed", "changed", "changed", "exchanged", "zeros", "removed", "a folder", "left over"))
        if kind == "changed":
            path.write_bytes(changed_bytes(rng, path.read_bytes()))
        elif kind == "exchanged":
            shutil.copy(other, path)
        elif kind == "zeros":
            path.write_bytes(bytes(path.stat().st_size))
        elif kind == "removed":
            path.unlink()
        elif kind == "a folder":
            path.unlink()
            path.mkdir()
        else:  # what a process leaves that was killed while it wrote
            (folder / f"{rng.randrange(99)}.unfinished").write_bytes(path.read_bytes()[: rng.randrange(400)])
        return kind

    return _scene(inject)


def disk_full() -> Any:
    """Writes that fail, when the cache has lost files and writes them anew."""

    def inject(folder: Path, rng: Random) -> str:
        for path in rng.sample(sorted(folder.glob("*.safetensors")), 2):
            path.unlink()
        predictor = SamPredictor(StandIn(), cache_folder=folder)
        with full_disk(rng.randrange(700)):
            for photo in PHOTOS:
                predictor.predict_many([PROMPT], predictor.embed(photo))
        return "while embeddings are written"

    return _scene(inject)

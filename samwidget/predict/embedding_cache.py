"""EmbeddingCache: the embeddings of recent images, in memory and, where asked for, in a folder.

Owns the keys, the budget and the files. The folder holds ``<key>.safetensors`` with the network's signature and the
frame in its metadata. A file that does not match or cannot be read costs a warning and a new encode, never an answer.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections import OrderedDict
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt
import torch

from samwidget.core import Frame
from samwidget.errors import SamWidgetWarning
from samwidget.files import atomic_writer
from samwidget.models import Embedding


def content_key(image: npt.NDArray[np.uint8], signature: str) -> str:
    """The key of one image under one network: a hash of shape, dtype, content and signature, 40 hex digits."""
    digest = hashlib.blake2b(digest_size=20)
    digest.update(f"{image.shape} {image.dtype} {signature}".encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


class EmbeddingCache:
    """Embeddings by content key; the least recently used go first. Safe to use from many threads.

    Args:
        bytes_max: budget in memory, on whatever device the embeddings are; the latest is kept even if it is larger.
        folder: where embeddings stay for the next kernel; None keeps them in memory only.
    """

    def __init__(self, bytes_max: int, folder: Path | None = None) -> None:
        self.bytes_max = bytes_max
        self.folder = folder
        self._embeddings: OrderedDict[str, Embedding] = OrderedDict()
        self._lock = Lock()

    @property
    def byte_count(self) -> int:
        """Bytes held in memory."""
        with self._lock:
            return sum(embedding.byte_count for embedding in self._embeddings.values())

    def __len__(self) -> int:
        return len(self._embeddings)

    def get(self, key: str) -> Embedding | None:
        """The embedding in memory, now the most recently used; None where there is none."""
        with self._lock:
            if key in self._embeddings:
                self._embeddings.move_to_end(key)
            return self._embeddings.get(key)

    def put(self, key: str, embedding: Embedding) -> None:
        """Keeps an embedding in memory, and drops the least recently used ones beyond the budget."""
        with self._lock:
            self._embeddings[key] = embedding
            self._embeddings.move_to_end(key)
            held = sum(each.byte_count for each in self._embeddings.values())
            while held > self.bytes_max and len(self._embeddings) > 1:
                _, dropped = self._embeddings.popitem(last=False)
                held -= dropped.byte_count

    def clear(self) -> None:
        """Forgets what is in memory; the folder stays."""
        with self._lock:
            self._embeddings.clear()

    def read_file(self, key: str, signature: str) -> Embedding | None:
        """The embedding in the folder, on the CPU; None, with a warning where its file is broken or of other origin."""
        path = self._path(key)
        if path is None or not path.is_file():
            return None
        from safetensors import safe_open

        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                if metadata.get("signature") != signature:
                    _warn(f"{path} was made by {metadata.get('signature')!r} and not by {signature!r}: encoding again")
                    return None
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no mapping
            return Embedding(tensors, Frame.from_json(json.loads(metadata["frame"])), signature)
        except Exception as error:  # whatever is wrong with the file, the image can be encoded again
            _warn(f"{path} cannot be read, encoding again: {error}")
            return None

    def write_file(self, key: str, embedding: Embedding) -> None:
        """Writes the embedding to the folder, whole or not at all; a folder that cannot be written costs a warning."""
        path = self._path(key)
        if path is None:
            return
        from safetensors.torch import save

        data = save(
            {name: tensor.detach().to("cpu").contiguous() for name, tensor in embedding.tensors.items()},
            metadata={"signature": embedding.signature, "frame": json.dumps(embedding.frame.to_json())},
        )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Not durable: the image can be encoded again. Mode 600: an embedding shows much of a private image.
            with atomic_writer(path, durable=False, mode=0o600) as file:
                file.write(data)
        except OSError as error:
            _warn(f"the embedding was not kept: {path} cannot be written: {error}")

    def _path(self, key: str) -> Path | None:
        return None if self.folder is None else self.folder / f"{key}.safetensors"


def _warn(message: str) -> None:
    warnings.warn(message, SamWidgetWarning, stacklevel=3)


def free_memory(device: torch.device) -> None:
    """Gives what torch holds in reserve on a GPU back to it."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()

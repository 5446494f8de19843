"""EmbeddingCache: the embeddings of recent images in memory and, if wanted, in a folder.

Owns the keys, the memory budget and the files. The folder holds ``<key>.safetensors`` with the key, the model's
signature, the frame and a checksum of both in its metadata. A file that does not match or cannot be read is
ignored with a warning, and the image is encoded again. Files hold float32 tensors in half precision where the model
allows it: they are half as large, and the masks are the same. It never runs a model. Called by ``locked_segmenter`` and
by the image routes of the server.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections import OrderedDict
from collections.abc import Mapping
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
    """The cache key of an image for a model: a hash of shape, dtype, content and signature, 40 hex digits."""
    digest = hashlib.blake2b(digest_size=20)
    digest.update(f"{image.shape} {image.dtype} {signature}".encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


class EmbeddingCache:
    """Embeddings by content key. The least recently used are dropped first. Threads may share it.

    Args:
        bytes_max: memory budget in bytes, on whichever device the embeddings are. The latest embedding is kept even if
            it is larger than the budget.
        folder: folder that keeps embeddings for the next kernel; None keeps them in memory only.
    """

    def __init__(self, bytes_max: int, folder: Path | None = None) -> None:
        self.bytes_max = bytes_max
        self.folder = folder
        # No cachetools.LRUCache: it refuses a value that is larger than the budget, and reading all values, which
        # byte_count needs, changes its order.
        self._embeddings: OrderedDict[str, Embedding] = OrderedDict()
        self._lock = Lock()

    @property
    def byte_count(self) -> int:
        """Bytes in memory."""
        with self._lock:
            return self._bytes_in_memory()

    def __len__(self) -> int:
        return len(self._embeddings)

    def get(self, key: str) -> Embedding | None:
        """The embedding in memory, which becomes the most recently used; None if it is not in memory."""
        with self._lock:
            if key in self._embeddings:
                self._embeddings.move_to_end(key)
            return self._embeddings.get(key)

    def put(self, key: str, embedding: Embedding) -> None:
        """Keeps an embedding in memory, and drops the least recently used ones until the budget is met."""
        with self._lock:
            self._embeddings[key] = embedding
            self._embeddings.move_to_end(key)
            bytes_in_memory = self._bytes_in_memory()
            while bytes_in_memory > self.bytes_max and len(self._embeddings) > 1:
                _, dropped = self._embeddings.popitem(last=False)
                bytes_in_memory -= dropped.byte_count

    def clear(self) -> None:
        """Drops all embeddings in memory; the files stay."""
        with self._lock:
            self._embeddings.clear()

    def read_file(self, key: str, signature: str) -> Embedding | None:
        """The embedding in the folder, on the CPU; None if there is no file, no folder or the file is unusable.

        Warns with SamWidgetWarning if the file cannot be read, is that of another image or model, or if its tensors are
        not those that were written.
        """
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
                if "key" not in metadata:
                    _warn(f"{path} does not say of which image it is, as files of version 0.1.0: encoding again")
                    return None
                if metadata["key"] != key:
                    _warn(f"{path} is the file of another image: encoding again")
                    return None
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is not a mapping
            halved = json.loads(metadata.get("halved", "[]"))  # files of version 0.1.0 have none
            if metadata.get("checksum") != _checksum(tensors, metadata["frame"]):
                _warn(f"{path} does not hold the tensors and the frame that were written: encoding again")
                return None
            tensors.update({name: tensors[name].float() for name in halved})
            frame = Frame.from_json(json.loads(metadata["frame"]))
            return Embedding(tensors, frame, signature, half_on_disk=bool(halved))
        except Exception as error:  # whatever is wrong with the file, the image can be encoded again
            _warn(f"{path} cannot be read, encoding again: {error}")
            return None

    def write_file(self, key: str, embedding: Embedding) -> None:
        """Writes the embedding to the folder, completely or not at all; does nothing without a folder.

        Warns with SamWidgetWarning if the folder cannot be written.
        """
        path = self._path(key)
        if path is None:
            return
        from safetensors.torch import save

        tensors = {name: tensor.detach().to("cpu").contiguous() for name, tensor in embedding.tensors.items()}
        halves = {
            name: tensor.half() for name, tensor in tensors.items() if embedding.half_on_disk and _fits_half(tensor)
        }
        tensors.update(halves)
        frame = json.dumps(embedding.frame.to_json())
        metadata = {
            "key": key,
            "signature": embedding.signature,
            "frame": frame,
            "halved": json.dumps(sorted(halves)),
            "checksum": _checksum(tensors, frame),
        }
        data = save(tensors, metadata)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_writer(path, durable=False) as file:  # not durable: the image can be encoded again
                file.write(data)
        except OSError as error:
            _warn(f"the embedding was not kept on disk, {path} cannot be written: {error}")

    def _bytes_in_memory(self) -> int:
        return sum(embedding.byte_count for embedding in self._embeddings.values())

    def _path(self, key: str) -> Path | None:
        return None if self.folder is None else self.folder / f"{key}.safetensors"


def _fits_half(tensor: torch.Tensor) -> bool:
    """Whether a tensor is float32 and none of its numbers is too large for half precision."""
    return tensor.dtype == torch.float32 and bool(tensor.abs().max() <= torch.finfo(torch.float16).max)


def _checksum(tensors: Mapping[str, torch.Tensor], frame: str) -> str:
    """A hash of the frame, and of names, dtypes, shapes and values of tensors on the CPU; a millisecond for 1 MB."""
    digest = hashlib.blake2b(frame.encode(), digest_size=20)
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)};".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _warn(message: str) -> None:
    warnings.warn(message, SamWidgetWarning, stacklevel=3)

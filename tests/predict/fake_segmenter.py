"""A segmenter without a network: its masks are known, and a test decides when it waits or runs out of memory."""

import threading

import numpy as np
import torch

from samwidget.core.frame import Frame
from samwidget.models.segmenter import SAM_EVERYTHING, Embedding

SIDE = 16


class FakeSegmenter:
    """Its masks are discs around the first point, or around the box's centre; candidates have radius 2, 3 and 4."""

    name = "fake"
    family = "sam"
    precision = "float32"
    cleans_masks = False
    everything_defaults = SAM_EVERYTHING

    def __init__(self, *, signature="fake 1", device="cpu", full_devices=(), error=None):
        self.signature = signature
        self.full_devices = full_devices
        self.error = error
        self.gate = threading.Event()
        self.gate.set()
        self.encoded = []
        self.running = 0
        self.most_running = 0
        self._device = torch.device(device)

    @property
    def device(self):
        return self._device

    def to(self, device):
        self._device = device

    def encode(self, image, *, threads=None):
        with self._busy():
            self.gate.wait(60)
            self.encoded.append(image.shape)
            tensors = {"mean": torch.tensor([float(image.mean())]), "half": torch.ones(2, 3, dtype=torch.float16)}
            frame = Frame.padded(image.shape[:2], 64, SIDE)
            return Embedding(tensors, frame, self.signature).to(self._device)

    def decode(self, embedding, prompts, *, multimask_output, threads=None):
        with self._busy():
            assert all(tensor.device == self._device for tensor in embedding.tensors.values())
            radii = (2, 3, 4) if multimask_output else (3,)
            logits = np.stack([[self._disc(embedding.frame, prompt, r) for r in radii] for prompt in prompts])
            scores = torch.tensor([[r / 10 for r in radii]] * len(prompts))
            return torch.from_numpy(logits), scores

    @staticmethod
    def _disc(frame, prompt, radius):
        if len(prompt.points_xy):
            centre = prompt.points_xy[0]
        else:
            centre = (0, 0) if prompt.box_xyxy is None else prompt.box_xyxy.reshape(2, 2).mean(0)
        x, y = frame.image_to_logits(centre)
        rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
        return (radius - np.hypot(rows - y, columns - x)).astype(np.float32)

    def _busy(self):
        return _Busy(self)


class _Busy:
    def __init__(self, segmenter):
        self.segmenter = segmenter

    def __enter__(self):
        self.segmenter.running += 1
        self.segmenter.most_running = max(self.segmenter.most_running, self.segmenter.running)
        if self.segmenter.device.type in self.segmenter.full_devices:
            self.segmenter.running -= 1
            raise self.segmenter.error or torch.cuda.OutOfMemoryError("CUDA out of memory")
        if self.segmenter.error and not self.segmenter.full_devices:
            self.segmenter.running -= 1
            raise self.segmenter.error

    def __exit__(self, *_):
        self.segmenter.running -= 1

"""Keeps torch's settings of the caller away from a model: the same prompt gives the same masks in every program.

Autocast, grad mode, inference mode and the default device belong to the thread that set them. ``locked_segmenter``
switches them off around each call of a segmenter, and ``predictor`` around loading. The threads that help
(``models.threads``) have none. The default dtype belongs to the process, so it is not changed here: no model of ours
may depend on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch


@contextmanager
def without_settings_of_caller(device: torch.device) -> Iterator[None]:
    """Within the block this thread has no autocast, no gradients, no inference mode and the CPU as default device.

    Inference mode is off because tensors that are made in it fail later, wherever they are written to outside of it.

    Args:
        device: that the model runs on.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.no_grad())
        for kind in {"cpu", device.type}:
            if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        # Asked first, because a default device makes each call slower. Asked of a tensor, because torch 2.6's
        # ``get_default_device`` misses ``with torch.device(...)`` and fails after ``set_default_device(None)``.
        if torch.empty(0).device.type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield

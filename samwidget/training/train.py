"""``python -m samwidget.training.train``: trains the bundled model, or trains it further on masks of your own.

Example::

    python -m samwidget.training.train --data photos --minutes 360 --folder run --processes 2
    python -m samwidget.training.train --data photos --minutes 360 --folder run --resume run/state.pt
    python -m samwidget.training.train --data photos --minutes 60 --folder run --resume bundled

If the schedule in a ``state.pt`` has not ended, ``--resume`` continues it exactly. If it has ended, or if ``--resume``
names a folder of shipped weights, training starts a new schedule with a warm-up.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import fields, replace
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import load_file
from torch import Tensor
from torch.multiprocessing.spawn import spawn

from samwidget.errors import ModelNotFoundError
from samwidget.models import BUNDLED_FOLDER
from samwidget.training.backbone import new_network
from samwidget.training.data import CropSampler
from samwidget.training.photo_cache import PhotoCache
from samwidget.training.trainer import Settings, Trainer, TrainingState


def main(arguments: list[str] | None = None) -> None:
    """Parses the command line and trains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train/DATASET/images and masks")
    parser.add_argument(
        "--folder", type=Path, default=Path("nano_run"), help="for checkpoints, snapshots and the curve"
    )
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "nano_cache", help="decoded photos")
    parser.add_argument("--minutes", type=float, default=60.0, help="length of the schedule")
    parser.add_argument("--resume", default=None, help="state.pt, a folder with shipped weights, or 'bundled'")
    parser.add_argument(
        "--new-schedule", action="store_true", help="start the schedule over even if state.pt is within one"
    )
    parser.add_argument("--processes", type=int, default=1, help="of one thread each; best on CPUs: one per core")
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    PhotoCache(options.data / "train", options.cache)  # decodes the photos once, and not in every process
    if options.processes == 1:
        _train(0, options, "")
        return
    with tempfile.TemporaryDirectory() as folder:
        # torch has no types for spawn.
        spawn(_train, (options, f"file://{folder}/rendezvous"), options.processes)  # type: ignore[no-untyped-call]


def _train(rank: int, options: argparse.Namespace, rendezvous_url: str) -> None:
    """Trains as process ``rank``; an empty URL means that this is the only process."""
    torch.set_num_threads(options.threads)
    if rendezvous_url:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        dist.init_process_group("gloo", init_method=rendezvous_url, rank=rank, world_size=options.processes)
    settings = Settings(seed=options.seed, minutes=options.minutes)
    weights, state = _read_resume(options.resume)
    is_exact = state is not None and not options.new_schedule and not _has_ended(state)
    if state is not None and is_exact:
        known = {field.name for field in fields(Settings)}
        settings = replace(
            Settings(**{k: v for k, v in state["settings"].items() if k in known}), minutes=options.minutes
        )
    network = new_network(options.seed, with_backbone=weights is None and state is None)
    if weights is not None:
        network.load_state_dict(weights)
    trainer = Trainer(
        network,
        CropSampler(PhotoCache(options.data / "train", options.cache), settings.objects),
        settings,
        options.folder,
    )
    if state is not None:
        trainer.load_state(state, new_schedule=not is_exact)
    trainer.run()
    if dist.is_initialized():
        dist.destroy_process_group()


def _read_resume(resume: str | None) -> tuple[dict[str, Tensor] | None, TrainingState | None]:
    """The weights of a folder in shipped form, or the state in a ``state.pt``; the other is None, or both are.

    Raises:
        ModelNotFoundError: there is no such file or folder.
    """
    if resume is None:
        return None, None
    path = BUNDLED_FOLDER if resume == "bundled" else Path(resume)
    if path.is_dir():
        return {name: value.float() for name, value in load_file(path / "model.safetensors").items()}, None
    if not path.is_file():
        raise ModelNotFoundError(f"there is nothing to resume at {path}", hint="give state.pt, a folder, or 'bundled'")
    state: TrainingState = torch.load(path, map_location="cpu", weights_only=True)
    return (None, state) if "optimizer" in state else (state["network"], None)  # a file may hold weights alone


def _has_ended(state: TrainingState) -> bool:
    return bool(state["elapsed_s"] >= 60 * state["settings"]["minutes"])


if __name__ == "__main__":
    main()

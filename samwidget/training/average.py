"""``python -m samwidget.training.average A B --out C``: the mean of the weights in several folders.

The mean of networks that were trained on from the same state is often better than each of them (Wortsman et al. 2022,
"Model soups"). Reads and writes the form that ``export.export_bundle`` writes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from samwidget.training.export import export_bundle


def main(arguments: list[str] | None = None) -> None:
    """Parses the command line and writes the mean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", help="with config.json and model.safetensors")
    parser.add_argument("--shares", type=float, nargs="+", help="one for each folder; the same for all if not given")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    options = parser.parse_args(arguments)
    shares = options.shares or [1.0] * len(options.folders)
    if len(shares) != len(options.folders):
        parser.error(f"{len(shares)} shares for {len(options.folders)} folders")
    average(options.folders, shares, options.out)


def average(folders: list[Path], shares: list[float], out: Path) -> None:
    """Writes the weighted mean of the weights in ``folders`` to the folder ``out``.

    The facts about the training are those of the folder with the most steps.

    Args:
        folders: each with config.json and model.safetensors.
        shares: the weight of each folder; they need not add up to 1.
        out: the folder to write.
    """
    states = [load_file(folder / "model.safetensors") for folder in folders]
    facts: list[dict[str, float]] = [
        json.loads((folder / "config.json").read_text(encoding="utf-8"))["training"] for folder in folders
    ]
    mean = {
        name: torch.stack(
            [share / sum(shares) * state[name].float() for share, state in zip(shares, states, strict=True)]
        ).sum(0)
        for name in states[0]
    }
    longest = max(facts, key=lambda fact: fact["steps"])
    export_bundle(mean, out, {**longest, "averaged": len(folders)})


if __name__ == "__main__":
    main()

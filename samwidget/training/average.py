"""``python -m samwidget.training.average A B --out C``: the mean of the weights in several folders.

Runs that began from one state end in one valley, whose middle is better than its slopes (Wortsman et al. 2022, model
soups).
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
    """Writes the mean of the weights, each counted by its share, and the facts of the folder trained for longest."""
    weights = [load_file(folder / "model.safetensors") for folder in folders]
    facts = [json.loads((folder / "config.json").read_text(encoding="utf-8"))["training"] for folder in folders]
    mean = {
        name: torch.stack(
            [share / sum(shares) * some[name].float() for share, some in zip(shares, weights, strict=True)]
        ).sum(0)
        for name in weights[0]
    }
    export_bundle(mean, out, {**max(facts, key=lambda fact: fact["steps"]), "averaged": len(folders)})


if __name__ == "__main__":
    main()

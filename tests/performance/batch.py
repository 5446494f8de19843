"""Rows a second of a batch run with one worker and with two, and the time of each step of a row.

Runs the command line as a user would. Rows a second are counted from the first recorded chunk to the last, so the time
to load the network and to start Ray is not part of them; it is printed beside them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from samwidget.core.prompt import make_prompt
from samwidget.formats.azure_ml.messages import build_response
from samwidget.images.load import load_rgb
from samwidget.predict.predictor import SamPredictor
from tests.drawn_photo import drawn_photo
from tests.performance.bench import Bench

ROWS = int(os.environ.get("SAMWIDGET_BENCH_ROWS", "120"))
WORKERS = (1, 2)
IMAGE_HW = (768, 1024)
_POLL_S = 0.02


def write_input(folder: Path) -> None:
    """Writes the photos as JPEGs, and a CSV with one point on each."""
    lines = ["image,input_points,multimask_output"]
    for number in range(ROWS):
        name = f"{number:06d}.jpg"
        Image.fromarray(drawn_photo(*IMAGE_HW, seed=number)).save(folder / name, quality=90)
        lines.append(f'{name},"[[512,384]]",True')
    (folder / "prompts.csv").write_text("\n".join(lines) + "\n")


def run(bench: Bench, folder: Path, workers: int, format_: str) -> dict[str, float]:
    """Returns the seconds to the first recorded chunk, and the rows a second from then on."""
    out = folder.parent / f"out{workers}_{format_}"
    words = ["batch", str(folder), "--prompts", str(folder / "prompts.csv"), "-o", str(out), "--format", format_]
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "samwidget", *words, "--workers", str(workers)],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(bench.checkout)},
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    progress: list[tuple[float, int]] = []
    while process.poll() is None:
        rows = rows_done(out)
        if rows and (not progress or rows > progress[-1][1]):
            progress.append((time.perf_counter() - start, rows))
        time.sleep(_POLL_S)
    if process.returncode or rows_done(out) != ROWS:
        raise RuntimeError(f"the run with {workers} workers failed")
    if len(progress) < 2:
        raise RuntimeError(f"{ROWS} rows are too few to measure: give a larger SAMWIDGET_BENCH_ROWS")
    (first_s, first_rows), (last_s, last_rows) = progress[0], progress[-1]
    return {"start": first_s, "rate": (last_rows - first_rows) / (last_s - first_s)}


def rows_done(out: Path) -> int:
    """Returns the number of rows that the run's manifest records."""
    lines = [line for path in out.glob("*.manifest.jsonl") for line in path.read_bytes().splitlines(keepends=True)]
    entries = [json.loads(line) for line in lines if line.endswith(b"\n")]
    return sum(entry["rows"] for entry in entries if "part" in entry)


def phases(folder: Path) -> dict[str, float]:
    """Returns the milliseconds of each step of a row in one process: medians over 40 photos."""
    predictor = SamPredictor.from_pretrained()
    times: dict[str, list[float]] = {"read the photo": [], "encode": [], "decode": [], "masks to PNG in base64": []}
    for path in sorted(folder.glob("*.jpg"))[:40]:
        marks = [time.perf_counter()]
        pixels = load_rgb(path)
        marks.append(time.perf_counter())
        embedding = predictor.embed(pixels)
        marks.append(time.perf_counter())
        (masks,) = predictor.predict_many([make_prompt([[512, 384]])], embedding)
        marks.append(time.perf_counter())
        json.dumps(build_response([[(masks.to_bool(), masks.scores)]]))
        marks.append(time.perf_counter())
        for name, seconds in zip(times, np.diff(marks), strict=True):
            times[name].append(seconds * 1000)
    return {name: float(np.median(values)) for name, values in times.items()}


def main(bench: Bench) -> str:
    """Returns the report."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "photos"
        folder.mkdir()
        write_input(folder)
        with bench.process() as process:
            step_ms = process.call(phases, folder)
        rates = {workers: run(bench, folder, workers, "csv") for workers in WORKERS}
    lines = [
        f"### Batch: {ROWS} photos of {IMAGE_HW[1]} x {IMAGE_HW[0]}, a point each, bundled network",
        "",
        "| workers | rows a second | times one worker | seconds to the first rows |",
        "|---|---|---|---|",
    ]
    for workers, measured in rates.items():
        speed_up = measured["rate"] / rates[1]["rate"]
        lines.append(f"| {workers} | {measured['rate']:.1f} | {speed_up:.2f} | {measured['start']:.1f} |")
    row_ms = sum(step_ms.values())
    lines += ["", "| a row in one process | ms | share |", "|---|---|---|"]
    lines += [f"| {name} | {value:.1f} | {value / row_ms:.0%} |" for name, value in step_ms.items()]
    slowest = max(step_ms, key=lambda name: step_ms[name])
    lines += [
        "",
        f"The longest step limits the speed: {slowest}. One worker may use threads on all {os.cpu_count()} cores, two "
        "workers share them.",
    ]
    return "\n".join(lines) + "\n"

"""A page's kernel in Chromium beside Python: masks, and the time to load, to encode and for a click.

    python -m tests.performance.page PHOTO_FOLDER [--photos 20] [--prompts 10]

Takes photos (.jpg, .png, .webp) of the folder and of those below it. For each one it asks the same random prompts of
both kernels: clicks, a click and a correction, and boxes. It needs the script of pages: make bundle.

On Linux it also prints the processor time of the thread that has the page's kernel: what other programs do changes the
elapsed time much, and this time less.
"""

import argparse
import contextlib
import functools
import http.server
import json
import os
import shutil
import tempfile
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

from samwidget.core import iou
from samwidget.formats.coco import decode_rle
from samwidget.images import load_rgb
from samwidget.models import export_graphs
from samwidget.page import write, write_page
from samwidget.predict import SamPredictor

# Runs in the page: starts the worker as the page does, and asks one request at a time.
_DRIVER = """
async (prompts) => {
  const files = {};
  const begin = performance.now();
  const read = async (name) => (await fetch(`${name}.bin`)).arrayBuffer();
  for (const name of ["photo", "pixels", "encoder", "decoder"]) files[name] = await read(name);
  files.wasm = await read("runtime");
  const manifest = await (await fetch("page.json")).json();
  const worker = new Worker("kernel.js");
  let status = {}, exported = null;
  const waiting = new Map();
  worker.onmessage = ({ data }) => {
    if (data.trait === "status") status = data.value;
    const { kind, re } = data.message ?? {};
    if (kind === "exported") exported = new TextDecoder().decode(data.buffers[0]);
    if (["done", "error", "exported"].includes(kind)) waiting.get(re)?.(kind);
  };
  worker.postMessage({ manifest, files });
  let count = 0;
  const ask = (request) => new Promise((resolve) => {
    const id = `r${++count}`;
    const at = performance.now();
    waiting.set(id, (kind) => resolve({ kind, took: performance.now() - at }));
    worker.postMessage({ request: { v: 1, id, ...request } });
  });
  await ask({ kind: "accept" });
  const load_s = (performance.now() - begin) / 1000;
  await mark();
  const clicks = [];
  for (const { points, box } of prompts) {
    if (box) clicks.push(await ask({ kind: "add_box", box }));
    for (const [x, y, label] of points) clicks.push(await ask({ kind: "add_point", x, y, label }));
    await ask({ kind: "accept" });
  }
  await mark();
  await ask({ kind: "export", format: "coco", all: false });
  worker.terminate();
  return { load_s, encode_s: status.encode_s, clicks: clicks.map(({ took }) => took), exported };
}
"""


def chosen_photos(folder, count):
    """Photos of a folder, evenly, of the two sizes that most of them have: other graphs take many seconds."""
    by_size = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".jpg", ".png", ".webp") and "masks" not in path.parts:
            with Image.open(path) as photo:
                by_size[photo.size].append(path)
    groups = sorted(by_size.values(), key=len)[-2:]
    return [path for group in groups for path in group[:: max(1, 2 * len(group) // count)]][:count]


def prompts_of(size_hw, count, generator):
    """Random prompts: clicks, clicks with one more click, and boxes."""
    height, width = size_hw

    def place():
        return [float(generator.integers(1, width)), float(generator.integers(1, height))]

    prompts: list[dict[str, Any]] = []
    for index in range(count):
        if index % 3 == 2:
            a, b = place(), place()
            box = [min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]) + 8, max(a[1], b[1]) + 8]
            prompts.append({"points": [], "box": box})
        else:
            more = [[*place(), int(generator.integers(0, 2))]] if index % 3 == 1 else []
            prompts.append({"points": [[*place(), 1], *more], "box": None})
    return prompts


def python_masks(predictor, image, prompts):
    """The best mask of each prompt, as the widget shows it."""
    predictor.set_image(image)
    for prompt in prompts:
        points = np.array(prompt["points"], np.float32).reshape(-1, 3)
        masks, scores, _ = predictor.predict(
            point_coords=points[:, :2] if len(points) else None,
            point_labels=points[:, 2].astype(int) if len(points) else None,
            box=None if prompt["box"] is None else np.array(prompt["box"]),
        )
        yield masks[scores.argmax()], float(scores.max())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=20)
    parser.add_argument("--prompts", type=int, default=10)
    options = parser.parse_args()
    chosen = chosen_photos(options.folder, options.photos)
    patched: Any = write
    patched.export_graphs = functools.cache(export_graphs)  # photos of one size have the same graphs
    patched._compressed = functools.cache(write._compressed)
    generator, predictor = np.random.default_rng(21), SamPredictor.from_pretrained(None, threads=1)
    ious, score_errors, encodes, clicks, loads, processor = [], [], [], [], [], []
    for path, result, processor_s, prompts, image in lead_all(chosen, options.prompts, generator):
        entries = json.loads(result["exported"])["annotations"]
        for entry, (mask, score) in zip(entries, python_masks(predictor, image, prompts), strict=True):
            ious.append(iou(decode_rle(entry["segmentation"]), mask))
            score_errors.append(abs(entry["score"] - score))
        encodes.append(result["encode_s"])
        loads.append(result["load_s"])
        clicks += result["clicks"]
        processor.append(processor_s / len(result["clicks"]) * 1000)
        print(f"{path.name}: least IoU {min(ious[-len(entries) :]):.4f}, encode {encodes[-1]:.2f} s", flush=True)
    below = sum(value < 0.995 for value in ious)
    print(f"masks: {len(ious)}, least IoU {min(ious):.4f}, mean {np.mean(ious):.5f}, below .995: {below}")
    print(f"scores differ by at most {max(score_errors):.4f}")
    print(f"load {np.median(loads):.2f} s, encode {np.median(encodes):.2f} s (medians), least {min(encodes):.2f} s")
    print(f"click p50 {np.median(clicks):.0f} ms, p95 {np.percentile(clicks, 95):.0f} ms, {len(clicks)} clicks")
    print(
        f"click at least {min(clicks):.0f} ms; processor time of a photo's clicks, median {np.median(processor):.0f} ms"
    )


def worker_seconds():
    """The processor time of the workers in the browsers that this process started; 0 where the system is not Linux."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        for path in Path(f"/proc/{process.pid}/task").glob("*/stat"):
            with contextlib.suppress(OSError):  # it has just ended
                name, fields = path.read_text().rsplit(")", 1)
                if "(DedicatedWorker" in name:
                    total += sum(map(int, fields.split()[11:13])) / os.sysconf("SC_CLK_TCK")
    return total


def lead_all(paths, count, generator):
    """Yields what the kernel of each photo's page said, the worker's seconds for the clicks, and the prompts."""
    from playwright.sync_api import sync_playwright

    from tests.browser.lab import CHROMIUM_FLAGS

    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        handler = functools.partial(_QuietHandler, directory=name)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
        for index, path in enumerate(paths):
            image = load_rgb(path)
            write_page(image, Path(name, str(index)), name=path.name)
            # The page itself would load its files, too, and its policy allows no scripts of a test.
            Path(name, str(index), "empty.html").write_text("<!doctype html>")
            prompts = prompts_of(image.shape[:2], count, generator)
            page = browser.new_page()
            marks: list[float] = []
            page.expose_function("mark", lambda marks=marks: marks.append(worker_seconds()))
            page.goto(f"http://127.0.0.1:{server.server_port}/{index}/empty.html")
            result = page.evaluate(_DRIVER, prompts)
            yield path, result, marks[1] - marks[0], prompts, image
            page.close()
            shutil.rmtree(Path(name, str(index)))
        browser.close()
        server.shutdown()


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


if __name__ == "__main__":
    main()

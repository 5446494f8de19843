"""Compares the speed of two checkouts of samwidget, for a developer who has changed something.

    python -m tests.performance.compare ../other-checkout --rounds 5

Each round measures this checkout and the other one, each in a new process, in turns (A B, B A, A B, ...), so changes of
the machine's speed affect both alike. Both use the Python environment of this command, and must be able to run in it.
Prints the median of the rounds for each checkout, and their ratio:

- the time of ``import samwidget; samwidget.SamWidget``,
- the time to encode a sample photo with the bundled model, and of a click on it from Python: one embedding, then a
  prediction for each of many points,
- the time of a search for everything in that photo,
- rows a second of a batch run with one worker, which loads the model once more,
- the size of the front end's bundle, ``static/widget.js``.

It is no test and has no limits: read the ratios beside the ranges of the rounds, which say how far to trust them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
PHOTO = ROOT / "notebooks/photos/coffee.jpg"
CLICKS, ENCODES, ROWS = 40, 5, 12
IMPORT = "import time; t = time.perf_counter(); import samwidget; samwidget.SamWidget; print(time.perf_counter() - t)"
PROBE = "import runpy; runpy.run_path({path!r}, run_name='probe')"


def measure(checkout: Path) -> dict[str, float]:
    """Returns the measurements of one checkout, by name and unit."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "HF_HUB_OFFLINE": "1"}

    def output(code: str) -> str:
        command = [sys.executable, "-c", code]
        return subprocess.run(
            command, cwd=checkout, env=environment, stdout=subprocess.PIPE, text=True, check=True
        ).stdout.splitlines()[-1]

    output(IMPORT)  # writes the bytecode
    return {
        "import, s": float(output(IMPORT)),
        **json.loads(output(PROBE.format(path=__file__))),
        "bundle, kB": (checkout / "samwidget/static/widget.js").stat().st_size / 1000,
    }


def probe() -> None:
    """Prints the measurements of the samwidget that this process imports, as JSON."""
    import samwidget
    from samwidget import SamPredictor

    assert Path(samwidget.__file__).is_relative_to(Path.cwd()), f"measures {samwidget.__file__}"
    predictor = SamPredictor.from_pretrained()
    image = samwidget.load_rgb(PHOTO)
    encode_s = []
    for number in range(ENCODES + 1):
        image[0, 0] = number  # another photo to the cache of embeddings
        encode_s.append(seconds(lambda: predictor.set_image(image)))
    generator = random.Random(0)
    points = [[generator.uniform(0.1, 0.9) * side for side in image.shape[1::-1]] for _ in range(CLICKS + 3)]
    click_s = [seconds(lambda point=point: predictor.predict([point], [1])) for point in points]
    result = {
        "click, ms": 1000 * median(click_s[3:]),
        "encode, ms": 1000 * median(encode_s[1:]),
        "everything, s": seconds(lambda: predictor.everything(image)),
        "batch, rows a second": rows_a_second(),
    }
    print(json.dumps(result))


def seconds(run: Callable[[], object]) -> float:
    """Returns the seconds that ``run`` takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def rows_a_second() -> float:
    """Returns the speed of a batch run over photos that differ, a point on each."""
    from samwidget.batch.job import Job
    from samwidget.batch.run import run_batch

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "photos")
        folder.mkdir()
        with Image.open(PHOTO) as photo:
            for number in range(ROWS):  # each another photo, since embeddings are cached
                photo.crop((0, number, photo.width, photo.height)).save(folder / f"{number}.jpg", quality=90)
        prompts = Path(temporary, "prompts.csv")

        def run(count: int) -> None:
            lines = [f'{number}.jpg,"[[290, 110]]"\n' for number in range(count)]
            prompts.write_text("image,input_points\n" + "".join(lines))
            job = Job(str(folder), f"{temporary}/out{count}.csv", prompts=str(prompts))
            run_batch(job, show_progress=False)

        run(1)
        return ROWS / seconds(lambda: run(ROWS))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description="Compares the speed of this checkout and of another one.")
    parser.add_argument("other", type=Path, help="folder of the other checkout")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each checkout (5)")
    arguments = parser.parse_args()
    checkouts = [ROOT, arguments.other.resolve()]
    rounds: dict[Path, list[dict[str, float]]] = {checkout: [] for checkout in checkouts}
    for number in range(arguments.rounds):
        for checkout in checkouts if number % 2 == 0 else reversed(checkouts):
            rounds[checkout].append(measure(checkout))
        print(f"round {number + 1} of {arguments.rounds}", file=sys.stderr, flush=True)
    print(f"medians of {arguments.rounds} rounds, with the least and the most; other: {checkouts[1]}\n")
    print("| | this | other | this / other |\n|---|---|---|---|")
    for name in rounds[ROOT][0]:
        this, other = ([measured[name] for measured in rounds[checkout]] for checkout in checkouts)
        cells = [f"{median(values):.4g} ({min(values):.4g} to {max(values):.4g})" for values in (this, other)]
        print(f"| {name} | {cells[0]} | {cells[1]} | {median(this) / median(other):.3f} |")


if __name__ == "__main__":
    main()
elif __name__ == "probe":
    probe()

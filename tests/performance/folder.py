"""A folder of a thousand photos: opening its session, turning the page, and the memory of a thousand turns.

Run ``python -m tests.performance.folder``; it needs no browser. It measures the kernel's part: a turn is shown when the
preview and the document have left.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np
import psutil
from PIL import Image

from samwidget.core import Frame, Prompt, RunLengths
from samwidget.document import Document, draft_of_mask
from samwidget.document.session import SessionImage, Snapshot, connection, hash_of_file, hash_of_image, open_session
from samwidget.widget.widget import SamWidget

PHOTOS = 1000
OBJECTS = 20
SIZE_HW = (960, 1280)
EACH_S = 2.0
TURNS = 30


class CountedWidget(SamWidget):
    """A widget that notes when it has sent the photo."""

    photo_at_s = 0.0

    def send(self, content, buffers=None):
        if content["kind"] == "image":
            self.photo_at_s = time.perf_counter()


def write_photos(folder: Path, count: int) -> None:
    """Writes JPEG photos, each of its own: a square on a ground that grows brighter."""
    rows, columns = np.mgrid[: SIZE_HW[0], : SIZE_HW[1]]
    ground = np.stack([rows % 160, columns % 170, (rows + columns) % 180], axis=-1).astype(np.uint8)
    for number in range(count):
        y, x = 100 + number * 7 % 500, 100 + number * 13 % 800
        pixels = ground.copy()
        pixels[y : y + 250, x : x + 250] = 200 + number % 50
        Image.fromarray(pixels).save(folder / f"photo{number}.jpg", quality=85)


def write_session(folder: Path, path: Path) -> None:
    """Writes a session with the same objects on each photo."""
    document = Document(class_names=["cell"])
    frame = Frame.padded(SIZE_HW, 256, 64)
    drafts = []
    for number in range(OBJECTS):
        mask = np.zeros(SIZE_HW, np.bool_)
        mask[40 * number : 40 * number + 30, 50 * number : 50 * number + 45] = True
        logits = np.full(frame.logits_hw, -8 + number / 10, np.float32)
        drafts.append(draft_of_mask(RunLengths.from_mask(mask), Prompt(mask=logits), frame, None, "cell"))
    document.add_many(drafts)
    snapshot = Snapshot(document.steps, document.state.objects)
    session = open_session(path)
    for photo in sorted(folder.iterdir()):
        pixels = np.asarray(Image.open(photo))
        image = SessionImage(
            f"{folder.name}/{photo.name}",
            hash_of_image(pixels),
            SIZE_HW,
            file_hash=hash_of_file(photo),
            file_bytes=photo.stat().st_size,
        )
        session.open_image(image).writer.write(snapshot)
    session.close()


def megabytes() -> float:
    """The memory of this process."""
    return psutil.Process().memory_info().rss / 2**20


def measure_opening(folder: Path, path: Path) -> None:
    """Prints how long the session takes to open, with the first photo, and to list all objects' counts."""
    SamWidget(np.zeros((64, 64, 3), np.uint8)).close()  # imports
    start = time.perf_counter()
    widget = SamWidget(str(folder), session=path)
    opened_s = time.perf_counter() - start
    count = sum(row.objects for row in widget._turning.table.rows(0, PHOTOS, None, None)[0])
    print(f"session of {len(widget.session.images)} photos and {count} objects opened in {opened_s:.2f} s")
    widget.close()


def measure_turns(folder: Path, path: Path) -> None:
    """Prints how long a turn takes until the photo has left, and how often the model was ready then."""
    widget = CountedWidget(str(folder), session=path)
    widget.wait(120)
    time.sleep(EACH_S)
    shown_ms, ready_count, ready_ms = [], 0, []
    for _ in range(TURNS):
        ready_count += widget.images["ready"] > 0
        start = time.perf_counter()
        widget.next()
        shown_ms.append(1000 * (widget.photo_at_s - start))
        widget._controller.worker.call(lambda: None)
        ready_ms.append(1000 * (time.perf_counter() - start))
        time.sleep(max(0.0, EACH_S - (time.perf_counter() - start)))
    print(
        f"{TURNS} turns, one each {EACH_S:g} s: photo sent after {np.median(shown_ms):.0f} ms (median), "
        f"{np.percentile(shown_ms, 90):.0f} ms (nine of ten); encoded ahead in {ready_count} of {TURNS}; "
        f"ready for a click after {np.median(ready_ms):.0f} ms (median)"
    )
    widget.close()


def measure_memory(folder: Path, path: Path) -> None:
    """Prints the memory after some turns of a thousand, as fast as they go."""
    widget = SamWidget(str(folder), session=path)
    widget.wait(120)
    for number in range(1, PHOTOS):
        widget.go_to(number)
        widget.add_boxes([[100, 100, 300, 300]])
        if number in (1, 50, 100, 250, 500, 750, PHOTOS - 1):
            print(f"after {number} photos: {megabytes():.0f} MB")
    widget.close()


def main() -> None:
    """Measures everything."""
    with tempfile.TemporaryDirectory() as name:
        folder, path = Path(name) / "photos", Path(name) / "labels.samw"
        folder.mkdir()
        write_photos(folder, PHOTOS)
        with patch.object(connection, "_SYNCHRONOUS", "OFF"):  # the disk is not what is measured here
            write_session(folder, path)
        measure_opening(folder, path)
        measure_turns(folder, path)
        measure_memory(folder, path)


if __name__ == "__main__":
    main()

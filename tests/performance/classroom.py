"""A class at one server: scripted students who open a photo, think, click, and wait for the mask.

An object takes four clicks, each of which corrects the mask before it.

``SAMWIDGET_CLASS_STUDENTS`` (30) students click for ``SAMWIDGET_CLASS_SECONDS`` (60) in each lesson. Each has a
``SamWidget`` and a predictor of its own, as in a kernel of its own; the server is the command ``samwidget serve`` with
its default limits. All students have one address, as behind the router of a school or on one JupyterHub. They run on
this machine too, in a few processes, so the processor time of both sides is in the table: with the students elsewhere,
a click is faster.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.managers import SyncManager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil

from samwidget import SamPredictor, SamWidget
from samwidget.core import make_prompt
from samwidget.images import load_rgb
from tests.performance.timing import number
from tests.serving.processes import running

STUDENTS = int(os.environ.get("SAMWIDGET_CLASS_STUDENTS", "30"))
SECONDS = float(os.environ.get("SAMWIDGET_CLASS_SECONDS", "60"))
THINK_S = (2.0, 6.0)
ARRIVE_S = 10.0
PREVIEW_S = 1.0
CLICKS = 4
PROCESSES = 3
KEY = "the key of a class on this machine"
PHOTOS = sorted((Path(__file__).parents[2] / "notebooks/photos").glob("*.jpg"))


@dataclass(frozen=True)
class Lesson:
    """What the students do.

    Attributes:
        name: in the table.
        own_share: this share of them use a photo of their own; the others share the sample photos.
        scale: their own photos have a sample's size, times this.
        previews: whether they move the pointer before each click, which asks for one mask after the other.
    """

    name: str
    own_share: float
    scale: int = 1
    previews: bool = False


LESSONS = (
    Lesson("half of them with their own photo", 0.5),
    Lesson("all with their own photo", 1.0),
    Lesson("all with their own photo of 8 megapixels", 1.0, scale=6),
    Lesson("all with their own photo, and previews", 1.0, previews=True),
)


@dataclass(frozen=True)
class Student:
    """What one student saw, in seconds.

    Attributes:
        first_s: from opening the photo to the first mask.
        click_s: from each later click to its mask.
    """

    first_s: float
    click_s: list[float]


def attend(lesson: Lesson, seat: int, url: str, start: threading.Barrier) -> Student:
    """Returns what the student in a seat saw."""
    rng = np.random.default_rng(seat)
    photo = photo_of(lesson, seat)
    height, width = photo.shape[:2]

    def point() -> list[float]:
        return [float(rng.uniform(0, width)), float(rng.uniform(0, height))]

    start.wait()
    until = time.monotonic() + SECONDS
    time.sleep(rng.uniform(0, ARRIVE_S))
    opened = time.perf_counter()
    predictor = SamPredictor.from_endpoint(url, key=KEY)
    widget = SamWidget(photo, predictor=predictor)
    points, click_s = [point()], list[float]()
    widget.add(points=points)
    first_s = time.perf_counter() - opened
    while not click_s or time.monotonic() < until:
        time.sleep(rng.uniform(*THINK_S))
        clicks_before = points if len(points) < CLICKS else []
        if lesson.previews:
            move_pointer(predictor, photo, clicks_before, point)
        points = [*clicks_before, point()]
        clicked = time.perf_counter()
        widget.add(points=points)  # a click asks for all clicks of its object
        click_s.append(time.perf_counter() - clicked)
    widget.close()
    return Student(first_s, click_s)


def photo_of(lesson: Lesson, seat: int) -> npt.NDArray[np.uint8]:
    """Returns (H, W, 3) uint8 RGB: a sample photo, or the student's own one, which nobody else has."""
    photo = load_rgb(PHOTOS[seat % len(PHOTOS)])
    if seat >= round(lesson.own_share * STUDENTS):
        return photo
    own = np.roll(photo, 1 + seat, axis=1)
    return np.ascontiguousarray(own.repeat(lesson.scale, axis=0).repeat(lesson.scale, axis=1))


def move_pointer(
    predictor: SamPredictor,
    photo: npt.NDArray[np.uint8],
    clicks_before: list[list[float]],
    point: Callable[[], list[float]],
) -> None:
    """Asks for one mask after the other, as the widget's preview does."""
    embedding, until = predictor.embed(photo), time.monotonic() + PREVIEW_S
    while time.monotonic() < until:
        predictor.predict_many([make_prompt([*clicks_before, point()])], embedding)


def attend_together(
    lesson: Lesson, seats: list[int], url: str, start: threading.Barrier
) -> tuple[list[Student], float]:
    """Returns what the students in some seats saw, and the seconds of processor time that they took together."""
    before = sum(os.times()[:2])
    with ThreadPoolExecutor(len(seats)) as threads:
        students = list(threads.map(lambda seat: attend(lesson, seat, url, start), seats))
    return students, sum(os.times()[:2]) - before


def teach(lesson: Lesson, manager: SyncManager, pool: ProcessPoolExecutor) -> str:
    """Returns the rows of the table for one lesson, with a server of its own."""
    with running(["samwidget", "serve", "--port", "0"], SAMWIDGET_KEY=KEY) as server:
        url = server.wait_for(r"listening at (\S+),")[1]
        process, start = psutil.Process(server.process.pid), manager.Barrier(STUDENTS)
        before_s = processor_s(process)
        groups = [list(range(first, STUDENTS, PROCESSES)) for first in range(PROCESSES)]
        tasks = [pool.submit(attend_together, lesson, seats, url, start) for seats in groups]
        results = [task.result() for task in tasks]
        server_s = processor_s(process) - before_s
    students = [student for group, _ in results for student in group]
    return row(lesson.name, students, server_s, sum(client_s for _, client_s in results))


def processor_s(process: psutil.Process) -> float:
    """Returns the processor time of a server and of the processes that decode its images."""
    return float(sum(sum(one.cpu_times()[:2]) for one in (process, *process.children())))


def row(name: str, students: list[Student], server_s: float, client_s: float) -> str:
    """Returns one row of the table."""
    clicks_ms = 1000 * np.concatenate([student.click_s for student in students])
    each_ms = np.array([1000 * np.percentile(student.click_s, 95) for student in students])
    p50, p95 = np.percentile(clicks_ms, (50, 95))
    cells = [
        name,
        len(clicks_ms),
        *map(number, (p50, p95, clicks_ms.max())),
        number(float(np.median(each_ms))),
        f"{number(float(each_ms.max()))} ({each_ms.max() / np.median(each_ms):.1f} times)",
        *(number(float(np.percentile([student.first_s for student in students], share))) for share in (50, 100)),
        f"{server_s / SECONDS:.2f}, {client_s / SECONDS:.2f}",
    ]
    return f"| {' | '.join(map(str, cells))} |"


def main() -> str:
    """Returns the table."""
    heads = ["", "clicks", "median ms", "p95", "longest", "p95 of the median student", "of the slowest student"]
    heads += ["first mask, s: median", "last", "cores: server, students"]
    lines = [
        f"### A class of {STUDENTS}\n",
        f"`nano` at one server, {SECONDS:g} s of each lesson, {THINK_S[0]:g} to {THINK_S[1]:g} s between two clicks; "
        f"all open their photo within {ARRIVE_S:g} s.\n",
        f"| {' | '.join(heads)} |",
        "|---" * len(heads) + "|",
    ]
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        lines += [teach(lesson, manager, pool) for lesson in LESSONS]
    return "\n".join(lines) + "\n"

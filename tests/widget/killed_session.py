"""A widget with a session file in a process that is killed at random moments, and what the file has then.

The process makes one step after the other, numbered by the names of its objects, and writes to a pipe each number that
the trait ``saving`` called saved. Forks of this process, so that nothing is imported again.
"""

import os
import signal
import sqlite3
import time
from contextlib import closing

import numpy as np

from samwidget.document.session import open_session
from tests.widget.fakes import WiredWidget

_OBJECTS_MAX = 6


def number_of(state):
    """The number of the step that made a state."""
    return max((int(item.name) for item in state.objects), default=0)


def label(path, image, pipe):
    """Goes on with a session for ever."""
    widget = WiredWidget(image, session=str(path))
    number = number_of(widget._controller.document.state)
    while True:
        number += 1
        if len(widget.objects) < _OBJECTS_MAX and number % 3 == 1:
            widget.add(points=(10 + number % 100, 50), name=str(number))
        else:
            widget.rename(widget.objects[0].id, str(number))
        while widget.saving["phase"] != "saved" and number % 4:  # otherwise a change comes while one is saved
            time.sleep(0.001)
        if widget.saving["phase"] == "saved":
            os.write(pipe, b"%d\n" % number)


def kill_once(path, image, rng):
    """Has a process go on with the session, and kills it; returns the last number that was called saved."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            label(path, image, writing)
        finally:
            os._exit(1)
    os.close(writing)
    begun = os.read(reading, 1)  # so that no kill comes before the first step
    time.sleep(rng.uniform(0, 0.15))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    data = begun
    while part := os.read(reading, 65536):
        data += part
    os.close(reading)
    lines = data.split(b"\n")[:-1]  # the last one may be cut
    return int(lines[-1]) if lines else 0


def check(path, saved):
    """Raises AssertionError where a step is lost that was called saved; returns how many steps the file has."""
    session = open_session(path)
    try:
        steps = session.open_image(session.images()[0]).steps
    finally:
        session.close()
    numbers = [number_of(state) for state in steps.states]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "a step is missing"
    assert steps.position == len(numbers) - 1
    assert numbers[-1] >= saved, f"{saved} was called saved, {numbers[-1]} is there"
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        names = {int(name) for (name,) in database.execute("SELECT name FROM objects")}
    assert names == {int(item.name) for item in steps.states[-1].objects}
    return len(numbers)


def image():
    """The photo of the session."""
    return np.zeros((96, 128, 3), np.uint8)

"""Runs a function in a thread of its own, for tests of what belongs to a thread, and of what waits."""

import threading
from concurrent.futures import Future


def in_new_thread(function):
    """What ``function`` returns in a new thread."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join(60)
    return results[0]


def started(function):
    """A future of what ``function`` returns or raises in a new thread."""
    future = Future()

    def run():
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future

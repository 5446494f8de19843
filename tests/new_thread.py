"""Runs a function in a thread of its own, for tests of what belongs to a thread."""

import threading


def in_new_thread(function):
    """What ``function`` returns in a new thread."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join(20)
    return results[0]

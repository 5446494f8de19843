"""Batch runs that are killed at their first write, at their second, and so on, each finished by a second run.

``python -m tests.batch.killed INPUT FOLDER FORMAT STEP`` leaves ``FOLDER/N`` for the run that was killed at its
write N. Flushes to the disk, renames and deletions are writes, and the kill, a real SIGKILL, comes before one takes
place. Runs are forks of this process, so that torch loads once.
"""

import itertools
import os
import pathlib
import signal
import sys

from samwidget.batch.job import Job, choose_result
from samwidget.batch.run import run_batch
from tests.batch.rows import fake_runner


def run(source, folder, format_, killed_at=None):
    """The exit status of a run in a fork: 0, or -9 where it was killed."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    writes = itertools.count(1)

    def counted(real):
        def write(*args, **kwargs):
            if next(writes) == killed_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        return write

    os.fsync, os.unlink = counted(os.fsync), counted(os.unlink)
    pathlib.Path.replace = counted(pathlib.Path.replace)
    result, _ = choose_result(folder, format_)
    job = Job(source, result, format=format_, mini_batch_size=2)
    try:
        run_batch(job, runner=fake_runner(job), show_progress=False)
        os._exit(0)
    finally:
        os._exit(1)


def main(source, folder, format_, step):
    for killed_at in itertools.count(1, step):
        out = pathlib.Path(folder) / str(killed_at)
        out.mkdir(parents=True)
        status = run(source, out, format_, killed_at)
        assert status in (0, -signal.SIGKILL), status
        assert run(source, out, format_) == 0
        if status == 0:  # there was no such write any more
            return


if __name__ == "__main__":
    main(*sys.argv[1:4], int(sys.argv[4]))

"""Many images at once: a table or a folder in, one file of answers out, on one core or on a cluster.

``run.run_batch`` is the way in. ``job`` says what is asked, ``inputs`` which rows there are, ``stage`` answers a few
of them, ``local`` and ``ray_data`` hand rows to stages, ``manifest`` remembers what is done, ``outputs`` writes it.
"""

from samwidget.batch.job import Job, result_of
from samwidget.batch.run import run_batch

__all__ = ["Job", "result_of", "run_batch"]

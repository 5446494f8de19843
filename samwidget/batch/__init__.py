"""Batch runs: a table or a folder of images goes in, one file of masks comes out, on one machine or on a cluster.

``run.run_batch`` is the entry. ``job`` holds the options, ``inputs`` lists the rows, ``chunks`` computes a few of them,
``ray_data`` distributes chunks over several workers, ``crashes`` counts the rows that kill a worker, ``manifest``
records what is done, and ``outputs`` writes the formats.
"""

from samwidget.batch.inputs.files import image_suffixes
from samwidget.batch.job import Job, choose_result
from samwidget.batch.run import run_batch

__all__ = ["Job", "choose_result", "image_suffixes", "run_batch"]

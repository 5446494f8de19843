"""How many processor cores this process may use: it obeys CPU affinity and the quota of a container.

It reads what the operating system says, at each call. Called by ``threads``.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path


def core_count(cgroup_folder: Path = Path("/sys/fs/cgroup"), process_file: Path = Path("/proc/self/cgroup")) -> int:
    """The number of cores that this process may use: by affinity, and by the quota of its control groups.

    A container with a quota of 1.5 cores gets 2.

    Args:
        cgroup_folder: where Linux shows control groups (https://docs.kernel.org/admin-guide/cgroup-v2.html).
        process_file: names the groups of this process.
    """
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return max(1, min([cores, *(math.ceil(quota) for quota in _quotas(cgroup_folder, process_file))]))


def _quotas(cgroup_folder: Path, process_file: Path) -> Iterator[float]:
    """The quotas, in cores, of the control groups of this process and of the groups around them."""
    for line in _text(process_file).splitlines():
        controllers, colon, group = line.partition(":")[2].partition(":")
        is_version_2 = not controllers
        if not colon or not (is_version_2 or "cpu" in controllers.split(",")):
            continue
        root = cgroup_folder if is_version_2 else cgroup_folder / "cpu"
        # Inside a container the group's own folder is often mounted as the root, so both are looked at.
        inner = root / group.strip("/")
        for folder in {root, *(parent for parent in (inner, *inner.parents) if parent.is_relative_to(root))}:
            if is_version_2:
                quota, _, period = _text(folder / "cpu.max").partition(" ")
            else:
                quota, period = _text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")
            if quota.strip().isdecimal() and period.strip().isdecimal() and int(period):
                yield int(quota) / int(period)


def _text(path: Path) -> str:
    """The content of a file; nothing where it cannot be read, as outside Linux."""
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")  # as in names of files
    except OSError:
        return ""

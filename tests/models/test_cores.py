"""How many cores the process may use."""

import os

import pytest

from samwidget.models.cores import core_count

needs_affinity = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system has no CPU affinity")

# Control groups. Each case: lines of /proc/self/cgroup, files below /sys/fs/cgroup, and the quota in cores.

CGROUPS = {
    "version 2, in a container": ("0::/", {"cpu.max": "150000 100000\n"}, 1.5),
    "version 2, no quota": ("0::/", {"cpu.max": "max 100000\n"}, None),
    "version 2, a service": ("0::/user.slice/jupyter", {"user.slice/jupyter/cpu.max": "200000 100000\n"}, 2),
    "version 2, the group around it has less": (
        "0::/hub/anna",
        {"hub/cpu.max": "100000 100000\n", "hub/anna/cpu.max": "max 100000\n"},
        1,
    ),
    "version 2, another group": ("0::/anna", {"ben/cpu.max": "100000 100000\n"}, None),
    "version 1": (
        "4:memory:/docker/1\n3:cpu,cpuacct:/docker/1",
        {"cpu/docker/1/cpu.cfs_quota_us": "50000\n", "cpu/docker/1/cpu.cfs_period_us": "100000\n"},
        0.5,
    ),
    "version 1, in a container": (
        "3:cpuacct,cpu:/docker/1",
        {"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"},
        3,
    ),
    "version 1, no quota": (
        "3:cpu:/",
        {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
        None,
    ),
    "version 1, for other controllers": (
        "3:cpuset:/",
        {"cpu/cpu.cfs_quota_us": "1", "cpu/cpu.cfs_period_us": "1"},
        None,
    ),
    "both versions": (
        "3:cpu:/a\n0::/a",
        {"cpu/a/cpu.cfs_quota_us": "200000", "cpu/a/cpu.cfs_period_us": "100000", "a/cpu.max": "100000 100000"},
        1,
    ),
    "nothing can be read": (None, {}, None),
    "files of other content": ("0::/\n\nno colons", {"cpu.max": "100000\n"}, None),
}


@pytest.mark.parametrize(("groups", "files", "quota"), CGROUPS.values(), ids=CGROUPS.keys())
def test_quotas_of_control_groups_are_obeyed(groups, files, quota, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    if groups is not None:
        (tmp_path / "groups").write_text(groups)
    for name, text in files.items():
        path = tmp_path / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    expected = 8 if quota is None else {0.5: 1, 1: 1, 1.5: 2, 2: 2, 3: 3}[quota]
    assert core_count(tmp_path / "cgroup", tmp_path / "groups") == expected


@needs_affinity
def test_cores_that_the_process_may_not_use_do_not_count():
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert core_count() == 1
    finally:
        os.sched_setaffinity(0, before)

"""What this process may use is known in a container too, and what it has freed goes back to the system."""

import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest

from samwidget.core import free_memory_bytes, memory_bytes, return_freed_memory
from samwidget.core.memory import _trim

# Freed blocks between blocks in use: the C library keeps them, since none is at the end of its heap.
PROGRAM = """
from pathlib import Path
from samwidget.core import return_freed_memory

def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

blocks = [b"x" * 100_000 for _ in range(2000)]
for block in range(0, 2000, 2):
    blocks[block] = None
before = resident_mb()
return_freed_memory()
assert resident_mb() < before - 50, (before, resident_mb())
"""


@pytest.mark.skipif(_trim() is None, reason="the C library is not glibc")
def test_freed_memory_goes_back():
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)


def test_other_systems_keep_theirs(monkeypatch):
    monkeypatch.setattr("samwidget.core.memory.sys.platform", "darwin")
    _trim.cache_clear()
    return_freed_memory()
    assert _trim() is None
    _trim.cache_clear()


VERSION_2 = ("memory.max", "memory.current", "memory.stat", "inactive_file")
VERSION_1 = (
    "memory/memory.limit_in_bytes",
    "memory/memory.usage_in_bytes",
    "memory/memory.stat",
    "total_inactive_file",
)


@pytest.mark.parametrize(
    ("limit", "used", "statistics", "files"), [VERSION_2, VERSION_1], ids=["version 2", "version 1"]
)
def test_the_memory_of_a_container(tmp_path, monkeypatch, limit, used, statistics, files):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=20_000, available=10_000))
    assert (memory_bytes(tmp_path), free_memory_bytes(tmp_path)) == (20_000, 10_000)
    (tmp_path / used).parent.mkdir(exist_ok=True)
    (tmp_path / used).write_text("3000\n")
    (tmp_path / statistics).write_text(f"anon 2000\n{files} 500\n")
    for text, at_most, free in (("max", 20_000, 10_000), ("4000", 4000, 1500), ("50000", 20_000, 10_000), ("9", 9, 0)):
        (tmp_path / limit).write_text(f"{text}\n")
        assert (memory_bytes(tmp_path), free_memory_bytes(tmp_path)) == (at_most, free)

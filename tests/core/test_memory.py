"""What the process has freed goes back to the system."""

import subprocess
import sys

import pytest

from samwidget.core import return_freed_memory
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

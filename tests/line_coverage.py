"""How much of samwidget the unit tests run, line by line, which may not fall: a plugin of pytest for ``make unit``.

SlipCover writes probes into the bytecode, so the tests are nearly as fast as without it. A tracer, which coverage.py
needs before Python 3.12, makes them take twice as long.
"""

import json
from pathlib import Path

import pytest
import slipcover

SOURCE = str(Path(__file__).parents[1] / "samwidget")
# Percent of the lines. What it was when the number was written down; it may rise, and then this line rises with it.
FLOOR = 95.0

# From now on, since a module that is imported before has no probes. They stay: where functions change while they run,
# their frames, and with them whole widgets, outlive their end.
probes = slipcover.Slipcover(source=[SOURCE], d_miss_threshold=10**9)
slipcover.ImportManager(probes, slipcover.FileMatcher(sources=[SOURCE])).__enter__()
parts = []


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """Takes what a worker of pytest-xdist has run."""
    if text := getattr(node, "workeroutput", {}).get("coverage"):
        parts.append(json.loads(text))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["coverage"] = json.dumps(probes.get_coverage())
    elif session.exitstatus == pytest.ExitCode.OK and total()["summary"]["percent_covered"] < FLOOR:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def total():
    """What all workers have run, or this process where there are none."""
    merged, *others = parts or [probes.get_coverage()]
    for part in others:
        slipcover.merge_coverage(merged, part)
    parts[:] = [merged]
    return merged


def pytest_terminal_summary(terminalreporter):
    coverage = total()
    terminalreporter.section("lines that no test runs")
    for name, file in sorted(coverage["files"].items()):
        if lines := file["missing_lines"]:
            terminalreporter.write_line(f"{name}: {', '.join(ranges(lines))}")
    terminalreporter.write_line(f"{coverage['summary']['percent_covered']:.2f} % of the lines run; at least {FLOOR} %")


def ranges(lines):
    """Line numbers as text, neighbours as a range."""
    first = None
    for line, following in zip(lines, [*lines[1:], None], strict=True):
        first = line if first is None else first
        if following != line + 1:
            yield str(line) if first == line else f"{first}-{line}"
            first = None

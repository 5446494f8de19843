"""What the allocators of a page's process hold, read with Chromium's own tracing. ``soak`` calls it.

The resident memory of a page alone does not tell a leak from free memory that Chromium keeps: it never moves an object
of the DOM, so one small object that lives keeps its whole block of 128 kB.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from playwright.sync_api import Browser, Page

_TRACE = {
    "transferMode": "ReportEvents",
    "traceConfig": {
        "includedCategories": ["disabled-by-default-memory-infra"],
        "excludedCategories": ["*"],
        "memoryDumpConfig": {"triggers": []},
    },
}
_DOM = "blink_gc/main/heap"
_MB = 2**20


class Allocators:
    """Reads the allocators of one process of the browser.

    Args:
        browser: the browser of the page.
        page: waits meanwhile.
        process_id: of the page's process.
    """

    def __init__(self, browser: Browser, page: Page, process_id: int) -> None:
        self._page = page
        self._process_id = process_id
        self._devtools = browser.new_browser_cdp_session()
        self._events: list[dict[str, Any]] = []
        self._is_complete = False
        self._devtools.on("Tracing.dataCollected", lambda event: self._events.extend(event["value"]))
        self._devtools.on("Tracing.tracingComplete", self._end)

    def _end(self, _: object) -> None:
        self._is_complete = True

    def read(self) -> tuple[float, float]:
        """Returns MB in objects outside the JavaScript heap, and MB that are free in blocks with objects of the DOM."""
        for _ in range(5):
            used, resident = self._dump()
            if used["malloc"] and used[_DOM]:
                break
            self._page.wait_for_timeout(3000)  # a busy process may miss the moment
        else:
            raise AssertionError("no figures of the page's allocators; has Chromium changed their names?")
        partitions = (name for name in used if name.startswith("partition_alloc/partitions/") and name.count("/") == 2)
        native = used["malloc"] + used[_DOM] + sum(used[name] for name in partitions)
        return native / _MB, (resident[_DOM] - used[_DOM]) / _MB

    def _dump(self) -> tuple[Counter[str], Counter[str]]:
        """Returns bytes in objects and resident bytes by the name of the allocator."""
        self._events.clear()
        self._is_complete = False
        self._devtools.send("Tracing.start", _TRACE)
        self._devtools.send("Tracing.requestMemoryDump", {"deterministic": True, "levelOfDetail": "detailed"})
        self._devtools.send("Tracing.end")
        for _ in range(1200):
            if self._is_complete:
                break
            self._page.wait_for_timeout(50)
        used, resident = Counter[str](), Counter[str]()
        for event in self._events:
            if event["ph"] == "v" and event["pid"] == self._process_id:
                for name, item in event["args"]["dumps"].get("allocators", {}).items():
                    used[name] += _bytes(item, "allocated_objects_size")
                    resident[name] += _bytes(item, "size")
        self._events.clear()
        return used, resident


def _bytes(item: dict[str, Any], name: str) -> int:
    attribute = item.get("attrs", {}).get(name)
    return int(attribute["value"], 16) if attribute else 0

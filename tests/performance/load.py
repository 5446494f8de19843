"""Many clients at one real server, with some bad requests: every response is compared with the expected one.

``SAMWIDGET_LOAD_CLIENTS`` (200) clients send requests for ``SAMWIDGET_LOAD_SECONDS`` (60). One request in twenty is
malformed, sent slowly, abandoned, or of a kind in ``abuse``. The server is a process on this machine, and stops by
itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections import Counter
from itertools import chain
from pathlib import Path

import httpx
import numpy as np

from samwidget.formats.azure_ml.messages import build_request
from samwidget.predict.predictor import SamPredictor
from samwidget.serving.scoring import score
from tests.performance import abuse
from tests.serving.processes import running

CLIENTS = int(os.environ.get("SAMWIDGET_LOAD_CLIENTS", "200"))
SECONDS = float(os.environ.get("SAMWIDGET_LOAD_SECONDS", "60"))
BAD_SHARE = 0.05
PHOTOS = Path(__file__).parents[2] / "notebooks/photos"
KEY = "the key of a load run on this machine"
BROKEN = (b"", b"{}", b"[" * 50_000, b'{"columns": ["image"], "data": [["aaaa"]]}', b"\xff" * 1000)


class Expected:
    """Requests with their expected responses: each photo with four prompts."""

    def __init__(self) -> None:
        predictor, rng = SamPredictor.from_pretrained(), np.random.default_rng(0)
        self.pairs: list[tuple[bytes, list[dict[str, object]]]] = []
        for photo in sorted(PHOTOS.glob("*.jpg")):
            for _ in range(4):
                x, y = rng.integers(20, 280, 2).tolist()
                request = build_request(photo.read_bytes(), points=[[[x, y]]], multimask_output=False)
                self.pairs.append((json.dumps(request).encode(), score(request, predictor, "service")))


class Tally:
    """Counts of the outcomes, the seconds of the correct responses, and the server's memory half-way."""

    def __init__(self) -> None:
        self.half_way_kb = 0
        self.counts: Counter[str] = Counter()
        self.seconds: list[float] = []

    def report(self, before_kb: int, after_kb: int, decoders_kb: int) -> str:
        """Returns the table."""
        p50, p95, p99 = np.percentile(self.seconds or [np.nan], (50, 95, 99))
        lines = [f"{CLIENTS} clients for {SECONDS:g} s, {100 * BAD_SHARE:g} % of the requests bad"]
        lines += [f"  {name:28} {count}" for name, count in sorted(self.counts.items())]
        lines.append(f"  correct responses a second   {self.counts['correct'] / SECONDS:.1f}")
        lines.append(f"  correct responses, s         p50 {p50:.2f}, p95 {p95:.2f}, p99 {p99:.2f}")
        memory = [f"{kb / 1024:.0f}" for kb in (before_kb, self.half_way_kb, after_kb)]
        lines.append(f"  the server's memory, MB      {memory[0]} before, {memory[1]} half-way, {memory[2]} after")
        lines.append(f"  its decoders, MB             {decoders_kb / 1024:.0f}")
        return "\n".join(lines) + "\n"


async def client(number: int, url: str, expected: Expected, tally: Tally, until: float) -> None:
    """Sends requests one after the other; waits when the server says so, and sends a bad one now and then."""
    rng = np.random.default_rng(number)
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=90, trust_env=False) as session:
        while time.monotonic() < until:
            if rng.random() < BAD_SHARE:
                await send_bad(session, rng, expected, tally)
            else:
                await send_good(session, rng, expected, tally)


async def send_good(session: httpx.AsyncClient, rng: np.random.Generator, expected: Expected, tally: Tally) -> None:
    """Sends a good request; its response is the expected one, or 503 with the time to wait."""
    body, rows = expected.pairs[rng.integers(len(expected.pairs))]
    start = time.perf_counter()
    response = await session.post("/score", content=body)
    if response.status_code == 503:
        tally.counts["busy, with a time to retry"] += 1
        await asyncio.sleep(float(response.headers["retry-after"]) * rng.uniform(0.5, 1.5))
        return
    is_correct = response.status_code == 200 and response.json() == rows
    tally.counts["correct" if is_correct else f"WRONG ({response.status_code})"] += 1
    if is_correct:
        tally.seconds.append(time.perf_counter() - start)


async def send_bad(session: httpx.AsyncClient, rng: np.random.Generator, expected: Expected, tally: Tally) -> None:
    """Sends something bad: of one of three old kinds, or of those in ``abuse``; each with the same share."""
    old_kinds = (send_malformed, send_slowly, abandon)
    number = rng.integers(len(old_kinds) + len(abuse.KINDS))
    if number < len(old_kinds):
        await old_kinds[number](session, rng, expected, tally)
        return
    name, send = list(abuse.KINDS.items())[number - len(old_kinds)]
    url = session.base_url
    head = f"Host: {url.host}:{url.port}\r\nAuthorization: Bearer {KEY}\r\n"
    outcome = await send((url.host, url.port or 80), head)
    tally.counts[f"WRONG to {name}: {outcome}" if outcome.startswith("WRONG") else f"{name}: {outcome}"] += 1


async def send_malformed(
    session: httpx.AsyncClient, rng: np.random.Generator, expected: Expected, tally: Tally
) -> None:
    """Sends bytes that are no request; the response is an error as JSON."""
    response = await session.post("/score", content=BROKEN[rng.integers(len(BROKEN))])
    is_refused = response.status_code in (400, 503) and bool(response.json()["error"]["message"])
    tally.counts["malformed, refused" if is_refused else f"WRONG to malformed ({response.status_code})"] += 1


async def send_slowly(session: httpx.AsyncClient, rng: np.random.Generator, expected: Expected, tally: Tally) -> None:
    """Sends a good request in ten pieces; the response is the same as for any other."""
    body, rows = expected.pairs[rng.integers(len(expected.pairs))]

    async def pieces():
        for start in range(0, len(body), len(body) // 10 + 1):
            yield body[start : start + len(body) // 10 + 1]
            await asyncio.sleep(0.2)

    response = await session.post("/score", content=pieces())
    is_correct = response.status_code == 503 or (response.status_code == 200 and response.json() == rows)
    tally.counts["slow, correct" if is_correct else f"WRONG to slow ({response.status_code})"] += 1


async def abandon(session: httpx.AsyncClient, rng: np.random.Generator, expected: Expected, tally: Tally) -> None:
    """Sends a good request, and closes the connection without waiting for the response."""
    body, _ = expected.pairs[rng.integers(len(expected.pairs))]
    try:
        await session.post("/score", content=body, timeout=float(rng.uniform(0.01, 0.5)))
        tally.counts["to be abandoned, in time"] += 1
    except httpx.TimeoutException:
        tally.counts["abandoned"] += 1


async def _run_clients(url: str, expected: Expected, process_id: int) -> Tally:
    tally, until = Tally(), time.monotonic() + SECONDS

    async def look_half_way() -> None:
        await asyncio.sleep(SECONDS / 2)
        tally.half_way_kb = _resident_kb(process_id)

    clients = [client(number, url, expected, tally, until) for number in range(CLIENTS)]
    results = await asyncio.gather(look_half_way(), *clients, return_exceptions=True)
    for error in results:
        if isinstance(error, BaseException):
            tally.counts[f"WRONG: {type(error).__name__} {error}"[:80]] += 1
    return tally


def _resident_kb(process_id: int) -> int:
    match = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process_id}/status").read_text())
    return int(match[1]) if match else 0


def _decoders_kb(process_id: int) -> int:
    """The memory of the processes that decode images."""
    children = [file.read_text().split() for file in Path(f"/proc/{process_id}/task").glob("*/children")]
    return sum(_resident_kb(int(child)) for child in chain(*children))


def main() -> str:
    """Returns the report.

    Raises:
        AssertionError: a response was wrong, or requests are still running a minute after the last client left.
    """
    expected = Expected()
    command = ["samwidget", "serve", "--port", "0", "--waiting", str(CLIENTS)]
    with running(command, SAMWIDGET_KEY=KEY) as server:
        url = server.wait_for(r"listening at (\S+),")[1]
        headers = {"Authorization": f"Bearer {KEY}"}
        for body, _ in expected.pairs:  # memory that every server takes for its first requests is no leak
            httpx.post(f"{url}/score", content=body, headers=headers, timeout=60, trust_env=False).raise_for_status()
        before_kb = _resident_kb(server.process.pid)
        tally = asyncio.run(_run_clients(url, expected, server.process.pid))
        health, deadline = {"inside": -1, "running": -1}, time.monotonic() + 60
        while health["inside"] or health["running"]:
            assert time.monotonic() < deadline, f"requests are still running: {health}"
            time.sleep(0.1)
            health = httpx.get(f"{url}/health", trust_env=False).json()
        report = tally.report(before_kb, _resident_kb(server.process.pid), _decoders_kb(server.process.pid))
    assert not any("Traceback" in line for line in server.lines), "".join(server.lines)
    assert not any(name.startswith("WRONG") for name in tally.counts), report
    return report

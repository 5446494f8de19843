"""Many clients at one real server, some of them a nuisance: every right answer is compared with the known one.

``SAMWIDGET_LOAD_CLIENTS`` (200) clients ask for ``SAMWIDGET_LOAD_SECONDS`` (60). One request in twenty is malformed,
slow or given up half-way. The traffic goes to a process of this machine alone, and ends by itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections import Counter
from pathlib import Path

import httpx
import numpy as np

from samwidget.formats.azure_ml.messages import build_request
from samwidget.predict.predictor import SamPredictor
from samwidget.serving.scoring import score
from tests.serving.processes import running

CLIENTS = int(os.environ.get("SAMWIDGET_LOAD_CLIENTS", "200"))
SECONDS = float(os.environ.get("SAMWIDGET_LOAD_SECONDS", "60"))
NUISANCE = 0.05
PHOTOS = Path(__file__).parents[2] / "notebooks/photos"
KEY = "the key of a load run on this machine"
BROKEN = (b"", b"{}", b"[" * 50_000, b'{"columns": ["image"], "data": [["aaaa"]]}', b"\xff" * 1000)


class Known:
    """Requests whose answers are known: each photo with some prompts."""

    def __init__(self) -> None:
        predictor, rng = SamPredictor.from_pretrained(), np.random.default_rng(0)
        self.pairs: list[tuple[bytes, list[dict[str, object]]]] = []
        for photo in sorted(PHOTOS.glob("*.jpg")):
            for _ in range(4):
                x, y = rng.integers(20, 280, 2).tolist()
                request = build_request(photo.read_bytes(), points=[[[x, y]]], multimask_output=False)
                self.pairs.append((json.dumps(request).encode(), score(request, predictor, "service")))


class Tally:
    """What happened."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.seconds: list[float] = []

    def report(self, before_kb: int, after_kb: int) -> str:
        """The table."""
        p50, p95, p99 = np.percentile(self.seconds or [np.nan], (50, 95, 99))
        lines = [
            f"{CLIENTS} clients for {SECONDS:g} s, {100 * NUISANCE:g} % of the requests malformed, slow or given up"
        ]
        lines += [f"  {name:28} {count}" for name, count in sorted(self.counts.items())]
        lines.append(f"  right answers a second       {self.counts['right'] / SECONDS:.1f}")
        lines.append(f"  right answers, s             p50 {p50:.2f}, p95 {p95:.2f}, p99 {p99:.2f}")
        lines.append(f"  the server's memory, MB      {before_kb / 1024:.0f} before, {after_kb / 1024:.0f} after")
        return "\n".join(lines) + "\n"


async def client(number: int, url: str, known: Known, tally: Tally, until: float) -> None:
    """One client: asks, comes back when the server says so, and now and then is a nuisance."""
    rng = np.random.default_rng(number)
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=90, trust_env=False) as session:
        while time.monotonic() < until:
            if rng.random() < NUISANCE:
                await [malformed, slow, gone][rng.integers(3)](session, rng, known, tally)
            else:
                await right(session, rng, known, tally)


async def right(session: httpx.AsyncClient, rng: np.random.Generator, known: Known, tally: Tally) -> None:
    """A good request; its answer is the known one, or 503 with the time to wait."""
    body, expected = known.pairs[rng.integers(len(known.pairs))]
    start = time.perf_counter()
    answer = await session.post("/score", content=body)
    if answer.status_code == 503:
        tally.counts["busy, told when to return"] += 1
        await asyncio.sleep(float(answer.headers["retry-after"]) * rng.uniform(0.5, 1.5))
        return
    is_right = answer.status_code == 200 and answer.json() == expected
    tally.counts["right" if is_right else f"WRONG ({answer.status_code})"] += 1
    if is_right:
        tally.seconds.append(time.perf_counter() - start)


async def malformed(session: httpx.AsyncClient, rng: np.random.Generator, known: Known, tally: Tally) -> None:
    """Something that is no request: a 4xx with JSON."""
    answer = await session.post("/score", content=BROKEN[rng.integers(len(BROKEN))])
    is_told = answer.status_code in (400, 503) and bool(answer.json()["error"]["message"])
    tally.counts["malformed, told so" if is_told else f"WRONG to malformed ({answer.status_code})"] += 1


async def slow(session: httpx.AsyncClient, rng: np.random.Generator, known: Known, tally: Tally) -> None:
    """A good request in drops: answered like any other."""
    body, expected = known.pairs[rng.integers(len(known.pairs))]

    async def drops():
        for start in range(0, len(body), len(body) // 10 + 1):
            yield body[start : start + len(body) // 10 + 1]
            await asyncio.sleep(0.2)

    answer = await session.post("/score", content=drops())
    is_right = answer.status_code == 503 or (answer.status_code == 200 and answer.json() == expected)
    tally.counts["slow, answered" if is_right else f"WRONG to slow ({answer.status_code})"] += 1


async def gone(session: httpx.AsyncClient, rng: np.random.Generator, known: Known, tally: Tally) -> None:
    """A good request that nobody waits for."""
    body, _ = known.pairs[rng.integers(len(known.pairs))]
    try:
        await session.post("/score", content=body, timeout=float(rng.uniform(0.01, 0.5)))
        tally.counts["about to go, answered"] += 1
    except httpx.TimeoutException:
        tally.counts["gone"] += 1


async def _run(url: str, known: Known) -> Tally:
    tally, until = Tally(), time.monotonic() + SECONDS
    results = await asyncio.gather(
        *(client(number, url, known, tally, until) for number in range(CLIENTS)), return_exceptions=True
    )
    for error in results:
        if isinstance(error, BaseException):
            tally.counts[f"WRONG: {type(error).__name__} {error}"[:80]] += 1
    return tally


def _resident_kb(process_id: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process_id}/status").read_text())
    return int(found[1]) if found else 0


def main() -> str:
    """The report; raises AssertionError where an answer was wrong or the house did not empty."""
    known = Known()
    command = ["samwidget", "serve", "--port", "0", "--waiting", str(CLIENTS)]
    with running(command, SAMWIDGET_KEY=KEY) as server:
        url = server.wait_for(r"listening at (\S+),")[1]
        headers = {"Authorization": f"Bearer {KEY}"}
        for body, _ in known.pairs:  # the memory that any work takes is no leak
            httpx.post(f"{url}/score", content=body, headers=headers, timeout=60, trust_env=False).raise_for_status()
        before_kb = _resident_kb(server.process.pid)
        tally = asyncio.run(_run(url, known))
        health, deadline = {"inside": -1, "running": -1}, time.monotonic() + 60
        while health["inside"] or health["running"]:
            assert time.monotonic() < deadline, f"the house did not empty: {health}"
            time.sleep(0.1)
            health = httpx.get(f"{url}/health", trust_env=False).json()
        report = tally.report(before_kb, _resident_kb(server.process.pid))
    assert not any("Traceback" in line for line in server.lines), "".join(server.lines)
    assert not any(name.startswith("WRONG") for name in tally.counts), report
    return report

"""Requests in front of a network: first come, first served, and cancelled ones hold nothing."""

import asyncio
import threading
from contextlib import AsyncExitStack

import pytest

from samwidget.serving.http.admission import Admission
from samwidget.serving.http.errors import BusyError

TIMEOUT_S = 60


class Job:
    """Work that waits in its thread until the test lets it end."""

    def __init__(self, value=None):
        self.began = threading.Event()
        self.may_end = threading.Event()
        self.was_cancelled = False
        self.value = value

    def __call__(self, predictor, cancellation):
        self.began.set()
        assert self.may_end.wait(TIMEOUT_S)
        try:
            cancellation.check()
        except Exception:
            self.was_cancelled = True
            raise
        return predictor if self.value is None else self.value


async def until(condition):
    async def wait():
        while not condition():
            await asyncio.sleep(0.001)

    await asyncio.wait_for(wait(), TIMEOUT_S)


async def start(admission, job):
    """A task that runs the job, waiting or running already."""
    task = asyncio.create_task(admission.run(job))
    await asyncio.sleep(0)
    return task


def test_one_after_the_other_in_order():
    async def main():
        admission, jobs, done = Admission(["network"]), [Job(value=n) for n in range(4)], []
        tasks = [await start(admission, job) for job in jobs]
        for task in tasks:
            task.add_done_callback(lambda t: done.append(t.result()))
        for number, job in enumerate(jobs):
            await until(job.began.is_set)
            assert not any(later.began.is_set() for later in jobs[number + 1 :])
            assert admission.running == 1
            job.may_end.set()
            await tasks[number]
        assert done == [0, 1, 2, 3]
        assert admission.running == 0

    asyncio.run(main())


@pytest.mark.parametrize(("copies", "at_once"), [(2, 1), (1, 2)])
def test_as_many_at_once_as_copies_allow(copies, at_once):
    async def main():
        networks = [f"network {n}" for n in range(copies)]
        admission, jobs = Admission(networks, at_once=at_once), [Job() for _ in range(3)]
        tasks = [await start(admission, job) for job in jobs]
        await until(lambda: jobs[0].began.is_set() and jobs[1].began.is_set())
        assert not jobs[2].began.is_set()
        for job in jobs:
            job.may_end.set()
        assert set(await asyncio.gather(*tasks)) == set(networks)

    asyncio.run(main())


def test_what_work_raises_comes_out_and_the_predictor_is_free():
    async def main():
        admission = Admission(["network"])

        def fail(predictor, cancellation):
            raise ValueError("broken")

        for _ in range(3):
            with pytest.raises(ValueError, match="broken"):
                await admission.run(fail)
        assert await admission.run(lambda predictor, cancellation: predictor) == "network"

    asyncio.run(main())


def test_a_cancelled_wait_leaves_the_queue():
    async def main():
        admission, first, second, third = Admission(["network"]), Job(), Job(), Job()
        running, waiting, last = [await start(admission, job) for job in (first, second, third)]
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        first.may_end.set()
        third.may_end.set()
        await asyncio.gather(running, last)
        assert not second.began.is_set()

    asyncio.run(main())


def test_cancelled_work_keeps_its_predictor_until_it_ends():
    async def main():
        admission, first, second = Admission(["network"]), Job(), Job()
        running, waiting = await start(admission, first), await start(admission, second)
        await until(first.began.is_set)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert admission.running == 1
        assert not second.began.is_set(), "the thread of the first still uses the network"
        first.may_end.set()
        await until(second.began.is_set)
        assert first.was_cancelled
        second.may_end.set()
        await waiting

    asyncio.run(main())


def test_a_predictor_assigned_to_a_cancelled_request_goes_to_the_next():
    async def main():
        admission, first, second, third = Admission(["network"]), Job(), Job(), Job()
        running, waiting, last = [await start(admission, job) for job in (first, second, third)]
        second.may_end.set()
        third.may_end.set()
        first.may_end.set()
        # The predictor is assigned in the callback of the first run; this cancels in the same step of the loop.
        job = next(iter(admission._started))
        job.add_done_callback(lambda _: waiting.cancel())
        await running
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await asyncio.wait_for(last, TIMEOUT_S) == "network"
        assert admission.running == 0

    asyncio.run(main())


def test_the_wait_is_bounded():
    async def main():
        admission, job = Admission(["network"], wait_s=0.01), Job()
        running = await start(admission, job)
        with pytest.raises(BusyError, match="waited longer than") as caught:
            await admission.run(Job())
        assert caught.value.retry_after_s >= 1
        job.may_end.set()
        assert await running == "network"
        assert await admission.run(lambda predictor, cancellation: predictor) == "network"

    asyncio.run(main())


def test_an_image_waits_no_longer_for_both_than_for_one():
    """For its turn to be decoded, and then for a predictor."""

    async def main():
        admission, job = Admission(["network"], wait_s=5), Job()
        running = await start(admission, job)
        async with AsyncExitStack() as stack:
            places = [await stack.enter_async_context(admission.prepare()) for _ in range(6)]
            assert all(4 < wait_s <= 5 for wait_s in places)

            async def wait_for_the_seventh():
                async with admission.prepare() as wait_s:
                    return wait_s

            seventh = asyncio.create_task(wait_for_the_seventh())
            await asyncio.sleep(0.1)
        assert await seventh <= 4.9
        with pytest.raises(BusyError, match="waited longer than"):
            await admission.run(Job(), 0.01)
        job.may_end.set()
        await running

    asyncio.run(main())


def test_admitted_requests_are_bounded():
    admission = Admission(["network"], waiting_max=1)
    with admission.admit(), admission.admit():
        assert admission.admitted == 2
        with pytest.raises(BusyError, match="already has 2 requests"), admission.admit():
            pass
    with admission.admit():
        assert admission.admitted == 1


def test_closing_refuses_waiting_requests_and_lets_running_work_end():
    async def main():
        admission, job = Admission(["network"]), Job()
        running, waiting = await start(admission, job), await start(admission, Job())
        admission.close()
        with pytest.raises(BusyError, match="is stopping"):
            await waiting
        with pytest.raises(BusyError, match="is stopping"), admission.admit():
            pass
        with pytest.raises(BusyError, match="is stopping"):
            await admission.run(Job())
        job.may_end.set()
        assert await running == "network"

    asyncio.run(main())


def test_the_longest_run_is_reported():
    async def main():
        admission, job = Admission(["network"]), Job()
        assert admission.longest_run_s == 0
        running = await start(admission, job)
        await until(lambda: admission.longest_run_s > 0.02)
        job.may_end.set()
        await running
        assert admission.longest_run_s == 0

    asyncio.run(main())

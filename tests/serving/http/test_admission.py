"""The line in front of the network: first come, first served, and nobody holds what they gave up."""

import asyncio
import threading

import pytest

from samwidget.serving.http.admission import BusyError, Queue

TIMEOUT_S = 10


class Job:
    """Work that waits in its thread until the test lets it end."""

    def __init__(self, answer=None):
        self.began = threading.Event()
        self.may_end = threading.Event()
        self.was_stopped = False
        self.answer = answer

    def __call__(self, predictor, stop):
        self.began.set()
        assert self.may_end.wait(TIMEOUT_S)
        try:
            stop.check()
        except Exception:
            self.was_stopped = True
            raise
        return predictor if self.answer is None else self.answer


async def until(condition):
    async def wait():
        while not condition():
            await asyncio.sleep(0.001)

    await asyncio.wait_for(wait(), TIMEOUT_S)


async def start(queue, job):
    """A task that runs the job in the queue, already in line or running."""
    task = asyncio.create_task(queue.run(job))
    await asyncio.sleep(0)
    return task


def test_one_after_the_other_in_order():
    async def main():
        queue, jobs, done = Queue(["network"]), [Job(answer=n) for n in range(4)], []
        tasks = [await start(queue, job) for job in jobs]
        for task in tasks:
            task.add_done_callback(lambda t: done.append(t.result()))
        for number, job in enumerate(jobs):
            await until(job.began.is_set)
            assert not any(later.began.is_set() for later in jobs[number + 1 :])
            assert queue.running == 1
            job.may_end.set()
            await tasks[number]
        assert done == [0, 1, 2, 3]
        assert queue.running == 0

    asyncio.run(main())


@pytest.mark.parametrize(("copies", "at_once"), [(2, 1), (1, 2)])
def test_as_many_at_once_as_there_are_turns(copies, at_once):
    async def main():
        networks = [f"network {n}" for n in range(copies)]
        queue, jobs = Queue(networks, at_once=at_once), [Job() for _ in range(3)]
        tasks = [await start(queue, job) for job in jobs]
        await until(lambda: jobs[0].began.is_set() and jobs[1].began.is_set())
        assert not jobs[2].began.is_set()
        for job in jobs:
            job.may_end.set()
        assert set(await asyncio.gather(*tasks)) == set(networks)

    asyncio.run(main())


def test_what_work_raises_comes_out_and_the_turn_is_free():
    async def main():
        queue = Queue(["network"])

        def fail(predictor, stop):
            raise ValueError("broken")

        for _ in range(3):
            with pytest.raises(ValueError, match="broken"):
                await queue.run(fail)
        assert await queue.run(lambda predictor, stop: predictor) == "network"

    asyncio.run(main())


def test_who_gives_up_waiting_leaves_the_line():
    async def main():
        queue, first, second, third = Queue(["network"]), Job(), Job(), Job()
        running, waiting, last = [await start(queue, job) for job in (first, second, third)]
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        first.may_end.set()
        third.may_end.set()
        await asyncio.gather(running, last)
        assert not second.began.is_set()

    asyncio.run(main())


def test_who_gives_up_running_stops_the_work_and_the_turn_is_kept_until_then():
    async def main():
        queue, first, second = Queue(["network"]), Job(), Job()
        running, waiting = await start(queue, first), await start(queue, second)
        await until(first.began.is_set)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert queue.running == 1
        assert not second.began.is_set(), "the thread of the first still uses the network"
        first.may_end.set()
        await until(second.began.is_set)
        assert first.was_stopped
        second.may_end.set()
        await waiting

    asyncio.run(main())


def test_a_turn_that_comes_as_one_gives_up_is_the_next_ones():
    async def main():
        queue, first, second, third = Queue(["network"]), Job(), Job(), Job()
        running, waiting, last = [await start(queue, job) for job in (first, second, third)]
        second.may_end.set()
        third.may_end.set()
        first.may_end.set()
        # The turn is given in the callback of the first; cancelling in the same step of the loop meets it.
        job = next(iter(queue._began))
        job.add_done_callback(lambda _: waiting.cancel())
        await running
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await asyncio.wait_for(last, TIMEOUT_S) == "network"
        assert queue.running == 0

    asyncio.run(main())


def test_the_wait_is_bounded():
    async def main():
        queue, job = Queue(["network"], wait_s=0.01), Job()
        running = await start(queue, job)
        with pytest.raises(BusyError, match="did not come within") as caught:
            await queue.run(Job())
        assert caught.value.retry_after_s >= 1
        job.may_end.set()
        assert await running == "network"
        assert await queue.run(lambda predictor, stop: predictor) == "network"

    asyncio.run(main())


def test_places_are_bounded():
    queue = Queue(["network"], waiting_max=1)
    with queue.place(), queue.place():
        assert queue.inside == 2
        with pytest.raises(BusyError, match="2 requests are here already"), queue.place():
            pass
    with queue.place():
        assert queue.inside == 1


def test_closing_sends_the_line_away_and_lets_the_running_end():
    async def main():
        queue, job = Queue(["network"]), Job()
        running, waiting = await start(queue, job), await start(queue, Job())
        queue.close()
        with pytest.raises(BusyError, match="is stopping"):
            await waiting
        with pytest.raises(BusyError, match="is stopping"), queue.place():
            pass
        with pytest.raises(BusyError, match="is stopping"):
            await queue.run(Job())
        job.may_end.set()
        assert await running == "network"

    asyncio.run(main())


def test_the_longest_run_shows():
    async def main():
        queue, job = Queue(["network"]), Job()
        assert queue.longest_run_s == 0
        running = await start(queue, job)
        await until(lambda: queue.longest_run_s > 0.02)
        job.may_end.set()
        await running
        assert queue.longest_run_s == 0

    asyncio.run(main())

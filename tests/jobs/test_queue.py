"""Jobs that wait for the GPU thread: who is next, who leaves, and what becomes of them when it ends."""

from __future__ import annotations

import queue
import threading

import pytest

from musicgen_api.domain.asker import Asker
from musicgen_api.domain.errors import Busy, Cancelled, DeviceLost
from musicgen_api.domain.events import Completed, Progress, Queued
from musicgen_api.domain.request import Monitor, Music, MusicRequest
from musicgen_api.jobs.gpu_thread import GpuThread
from musicgen_api.jobs.job import Job
from musicgen_api.jobs.line import Line
from tests.helpers.fakes import LONG_S, MUSIC, FakeSynthesizer, Pause, a_request, end_of, error_of, running
from tests.helpers.server import wait_until


class OneByOne:
    """Act as a synthesizer whose jobs end when the test says so, one by one."""

    def __init__(self) -> None:
        self.begun: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._go = threading.Semaphore(0)

    def __call__(self, request: MusicRequest, monitor: Monitor) -> Music:
        """Wait to be told."""
        self.begun.put(request.seed)
        while not self._go.acquire(timeout=0.002):
            monitor.check()
        return MUSIC

    def next(self) -> int:
        """The seed of the job that has begun."""
        return self.begun.get(timeout=LONG_S)

    def end(self) -> None:
        """Let the running job end."""
        self._go.release()


def submit(gpu_thread: GpuThread, seed: int, client: str = "") -> Job:
    return gpu_thread.submit(a_request(seed=seed), Asker(client=client))


def test_those_who_wait_are_served_in_turn_and_beyond_the_places_it_is_busy() -> None:
    act = OneByOne()
    with running(FakeSynthesizer(act), line=Line(2)) as gpu_thread:
        assert gpu_thread.takes_work
        jobs = [submit(gpu_thread, seed) for seed in range(3)]
        assert not gpu_thread.takes_work
        with pytest.raises(Busy, match="and 2 requests wait for their turn"):
            submit(gpu_thread, 9)
        for seed, job in enumerate(jobs):
            assert act.next() == seed
            assert gpu_thread.busy
            act.end()
            assert end_of(job) == Completed(MUSIC)
        assert not gpu_thread.busy


def test_a_job_that_waits_learns_of_each_step_forward_and_of_its_turn() -> None:
    act = OneByOne()
    with running(FakeSynthesizer(act), line=Line(2)) as gpu_thread:
        first, second, third = (submit(gpu_thread, seed) for seed in range(3))
        act.next()
        assert first.place() is None
        assert second.place() == second.wait(0) == Queued(1, None)
        assert third.place() == third.wait(0) == Queued(2, None)
        assert third.wait(0) is None  # nothing is new
        act.end()
        act.next()
        wait_until(lambda: third.place() == Queued(1, None))
        assert second.place() is None
        news = second.wait(0)
        assert isinstance(news, Progress)
        assert (news.percent, news.remaining_s) == (0, None)
        assert third.wait(0) == Queued(1, None)
        for _ in range(2):
            act.end()
        end_of(third)


def test_one_who_leaves_frees_the_place_at_once_and_the_others_move_up() -> None:
    act = OneByOne()
    with running(FakeSynthesizer(act), line=Line(2)) as gpu_thread:
        _, second, third = (submit(gpu_thread, seed) for seed in range(3))
        second.cancel(Cancelled("The client closed the connection."))
        assert gpu_thread.takes_work  # the running job has done nothing meanwhile
        assert error_of(second).code == "cancelled"
        assert third.place() == Queued(1, None)
        fourth = submit(gpu_thread, 3)
        for _ in range(3):
            act.end()
        assert end_of(fourth) == Completed(MUSIC)
        assert [act.next() for _ in range(3)] == [0, 2, 3]


def test_a_job_whose_turn_has_come_is_cancelled_like_any_other() -> None:
    pause = Pause()
    with running(FakeSynthesizer(pause), line=Line(1)) as gpu_thread:
        first, second = submit(gpu_thread, 0), submit(gpu_thread, 1)
        first.cancel()
        end_of(first)
        second.cancel()
        assert error_of(second).code == "cancelled"
        wait_until(lambda: not gpu_thread.busy)


def test_clients_take_turns() -> None:
    act = OneByOne()
    with running(FakeSynthesizer(act), line=Line(6, ["anne", "ben"])) as gpu_thread:
        asked = [("anne", 0), ("anne", 1), ("anne", 2), ("anne", 3), ("ben", 10), ("ben", 11)]
        jobs = [submit(gpu_thread, seed, client) for client, seed in asked]
        order = []
        for _ in jobs:
            order.append(act.next())
            act.end()
        assert order == [0, 10, 1, 11, 2, 3]
        end_of(jobs[3])


def test_those_who_come_while_the_default_model_is_loaded_may_wait_too() -> None:
    pause = Pause()
    synthesizer = FakeSynthesizer(on_preload=pause.wait)
    with running(synthesizer, preload=True, line=Line(1)) as gpu_thread:
        assert pause.entered.wait(LONG_S)
        job = submit(gpu_thread, 1)
        with pytest.raises(Busy, match="the default model is being loaded"):
            submit(gpu_thread, 2)
        pause.proceed.set()
        assert end_of(job) == Completed(MUSIC)


def test_at_the_end_those_who_wait_are_told_at_once() -> None:
    pause = Pause()
    with running(FakeSynthesizer(pause), line=Line(2)) as gpu_thread:
        first, second, third = (submit(gpu_thread, seed) for seed in range(3))
        assert pause.entered.wait(LONG_S)
        stopping = threading.Thread(target=gpu_thread.stop, args=(LONG_S,))
        stopping.start()
        assert [error_of(job).code for job in (second, third)] == ["shutting_down"] * 2
        assert not first.finished
        pause.proceed.set()
        assert end_of(first) == Completed(MUSIC)
        stopping.join()


def test_when_the_device_is_lost_those_who_wait_are_told() -> None:
    pause = Pause()

    def act(request: MusicRequest, monitor: Monitor) -> Music:
        pause.wait(monitor)
        raise DeviceLost("Gone.")

    with running(FakeSynthesizer(act), line=Line(2)) as gpu_thread:
        jobs = [submit(gpu_thread, seed) for seed in range(3)]
        pause.proceed.set()
        assert [error_of(job).code for job in jobs] == ["device_lost"] * 3


def test_under_a_volley_every_job_ends_once_and_the_lock_is_free_in_the_end() -> None:
    with running(FakeSynthesizer(), line=Line(8)) as gpu_thread:
        outcomes: list[object] = []

        def ask(number: int) -> None:
            for seed in range(50):
                try:
                    job = submit(gpu_thread, seed)
                except Busy as busy:
                    outcomes.append(busy.code)
                    continue
                if (seed + number) % 3 == 0:
                    job.cancel()
                outcomes.append(type(end_of(job)).__name__)

        clients = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert len(outcomes) == 12 * 50
        assert {"Completed", "Failed"} <= set(outcomes)
        wait_until(lambda: not gpu_thread.busy)
        assert gpu_thread.waiting == 0

"""One job at a time, and a thread that outlives whatever a job does."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from musicgen_api.domain.errors import (
    Busy,
    Cancelled,
    GenerationFailed,
    ModelOffline,
    MusicGenError,
    OutOfMemory,
)
from musicgen_api.domain.events import Completed
from musicgen_api.domain.request import Backend, Monitor, Music, MusicRequest, Phase
from musicgen_api.jobs.gpu_thread import DEFAULT_RETRY_AFTER_S, GpuThread
from musicgen_api.jobs.job import Job
from tests.helpers.fakes import (
    LONG_S,
    MUSIC,
    FakeSynthesizer,
    Pause,
    RustPanic,
    a_request,
    end_of,
    error_of,
    fail_with,
    play,
    running,
)
from tests.helpers.server import wait_until


def assert_works(gpu_thread: GpuThread) -> None:
    """The thread lives and would do the next job."""
    assert gpu_thread.alive
    assert not gpu_thread.busy


def test_a_job_ends_with_its_music() -> None:
    with running(FakeSynthesizer()) as gpu_thread:
        assert end_of(gpu_thread.submit(a_request())) == Completed(MUSIC)


def test_the_synthesizer_is_made_and_used_on_the_gpu_thread_alone() -> None:
    threads: set[str] = set()

    def act(request: MusicRequest, monitor: Monitor) -> Music:
        threads.add(threading.current_thread().name)
        return MUSIC

    def make() -> FakeSynthesizer:
        threads.add(threading.current_thread().name)
        return FakeSynthesizer(act)

    gpu_thread = GpuThread(make, preload=False)
    gpu_thread.start()
    wait_until(lambda: gpu_thread.ready)
    end_of(gpu_thread.submit(a_request()))
    gpu_thread.stop()
    assert threads == {"gpu"}


def test_a_volley_of_32_has_one_winner_and_31_are_told_that_it_is_busy() -> None:
    pause = Pause()
    with running(FakeSynthesizer(pause)) as gpu_thread, ThreadPoolExecutor(32) as pool:
        barrier = threading.Barrier(32)

        def fire() -> Job | Busy:
            barrier.wait()
            try:
                return gpu_thread.submit(a_request())
            except Busy as busy:
                return busy

        results = [shot.result() for shot in [pool.submit(fire) for _ in range(32)]]
        (winner,) = [result for result in results if isinstance(result, Job)]
        assert gpu_thread.busy
        pause.proceed.set()
        assert end_of(winner) == Completed(MUSIC)
        assert sum(isinstance(result, Busy) for result in results) == 31


@pytest.mark.parametrize("act", [play, fail_with(OutOfMemory("Too much.")), fail_with(RuntimeError("No."))])
def test_whoever_sees_the_outcome_may_send_the_next_request(act: Callable[..., Music]) -> None:
    with running(FakeSynthesizer(act)) as gpu_thread:
        for _ in range(100):
            job = gpu_thread.submit(a_request())  # never Busy
            assert job.wait(LONG_S) is not None
            assert not gpu_thread.busy


def test_a_busy_answer_before_the_pace_is_known_says_a_few_seconds() -> None:
    pause = Pause()
    with running(FakeSynthesizer(pause)) as gpu_thread:
        gpu_thread.submit(a_request())
        with pytest.raises(Busy) as busy:
            gpu_thread.submit(a_request())
        assert busy.value.retry_after_s == DEFAULT_RETRY_AFTER_S


def test_a_busy_answer_says_how_long_the_running_job_will_take_at_its_pace() -> None:
    pause = Pause()

    def act(request: MusicRequest, monitor: Monitor) -> Music:
        monitor.progress(0, Phase.GENERATING)
        begin = time.monotonic()
        wait_until(lambda: time.monotonic() - begin > 0.55)
        monitor.progress(10, Phase.GENERATING)  # so 90 % will take about 5 s
        return pause(request, monitor)

    with running(FakeSynthesizer(act)) as gpu_thread:
        job = gpu_thread.submit(a_request())
        assert pause.entered.wait(LONG_S)
        remaining_s = job.remaining_s
        with pytest.raises(Busy) as busy:
            gpu_thread.submit(a_request())
        assert remaining_s is not None
        assert 1 <= busy.value.retry_after_s <= remaining_s + 1
        assert isinstance(busy.value.retry_after_s, int)


@pytest.mark.parametrize(
    "error",
    [ModelOffline("No network."), OutOfMemory("Too much."), GenerationFailed("NaN."), Cancelled("Enough.")],
    ids=lambda error: error.code,
)
def test_an_error_of_ours_is_the_outcome_as_it_is(error: MusicGenError) -> None:
    with running(FakeSynthesizer(fail_with(error))) as gpu_thread:
        assert error_of(gpu_thread.submit(a_request())) is error
        assert_works(gpu_thread)


@pytest.mark.parametrize(
    "error",
    [
        *(RuntimeError("in /srv/secret"), KeyError("k"), ZeroDivisionError(), AssertionError(), StopIteration()),
        *(MemoryError(), RecursionError()),
        *(RustPanic("index out of bounds"), SystemExit(3), KeyboardInterrupt(), GeneratorExit()),
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_thread_outlives_every_exception_and_the_log_holds_its_trace(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    synthesizer = FakeSynthesizer(fail_with(error))
    with running(synthesizer) as gpu_thread:
        failure = error_of(gpu_thread.submit(a_request()))
        assert_works(gpu_thread)
        synthesizer.act = play
        assert end_of(gpu_thread.submit(a_request())) == Completed(MUSIC)
    assert isinstance(failure, GenerationFailed)
    assert "bundled/musicgen-tiny" in failure.message
    assert type(error).__name__ in failure.message
    assert "secret" not in failure.message
    (record,) = [record for record in caplog.records if failure.trace_id and failure.trace_id in record.message]
    assert record.exc_info is not None
    assert record.exc_info[1] is error


class Tensor:
    """Something big that a failing frame holds."""


def fail_holding(kind: type[Exception], tensors: list[weakref.ref[Tensor]]) -> Callable[..., Music]:
    def act(request: MusicRequest, monitor: Monitor) -> Music:
        tensor = Tensor()
        tensors.append(weakref.ref(tensor))
        try:
            raise ValueError("the cause, with frames of its own")
        except ValueError as cause:
            raise kind("Too much.") from cause

    return act


@pytest.mark.parametrize("kind", [OutOfMemory, RuntimeError])
def test_a_failed_job_keeps_nothing_alive_that_its_frames_held(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("musicgen_api.jobs.failures"), "disabled", True)  # caplog keeps frames
    tensors: list[weakref.ref[Tensor]] = []
    with running(FakeSynthesizer(fail_holding(kind, tensors))) as gpu_thread:
        job = gpu_thread.submit(a_request())
        failure = error_of(job)
        assert failure.__traceback__ is failure.__cause__ is failure.__context__ is None
        (tensor,) = tensors
        wait_until(lambda: tensor() is None, why="the frames to be forgotten")


def test_finished_music_is_not_kept_until_the_next_job() -> None:
    with running(FakeSynthesizer()) as gpu_thread:
        job = gpu_thread.submit(a_request())
        end_of(job)
        reference = weakref.ref(job)
        del job
        wait_until(lambda: reference() is None, why="the job to be forgotten")


def test_a_cancelled_job_stops_at_its_next_check_and_frees_the_lock() -> None:
    pause = Pause()
    with running(FakeSynthesizer(pause)) as gpu_thread:
        job = gpu_thread.submit(a_request())
        assert pause.entered.wait(LONG_S)
        job.cancel(Cancelled("The client closed the connection."))
        assert error_of(job).code == "cancelled"
        assert_works(gpu_thread)


def test_a_job_that_is_cancelled_before_it_begins_never_reaches_the_synthesizer() -> None:
    pause = Pause()

    class Freeing(FakeSynthesizer):
        """Keeps its thread from the next job, as freeing a large model would."""

        def release_idle(self) -> None:
            pause.entered.set()
            pause.proceed.wait(LONG_S)

    synthesizer = Freeing()
    with running(synthesizer) as gpu_thread:
        end_of(gpu_thread.submit(a_request(seed=1)))
        assert pause.entered.wait(LONG_S)
        job = gpu_thread.submit(a_request(seed=2))
        job.cancel()
        pause.proceed.set()
        assert error_of(job).code == "cancelled"
    assert [request.seed for request in synthesizer.requests] == [1]


def test_an_idle_thread_calls_for_release_again_and_again_when_asked_to() -> None:
    synthesizer = FakeSynthesizer(idle_s=0.001)
    with running(synthesizer) as gpu_thread:
        end_of(gpu_thread.submit(a_request()))
        wait_until(lambda: synthesizer.release_calls > 5)
        assert_works(gpu_thread)


def test_an_idle_thread_otherwise_asks_once_after_each_job() -> None:
    synthesizer = FakeSynthesizer(idle_s=None)
    with running(synthesizer) as gpu_thread:
        for number in range(1, 4):
            end_of(gpu_thread.submit(a_request()))
            wait_until(lambda number=number: synthesizer.release_calls == number)
    assert synthesizer.release_calls == 3


def test_the_loaded_models_are_the_synthesizer_s() -> None:
    with running(FakeSynthesizer(backends={"m": Backend("engine", "int8")})) as gpu_thread:
        assert gpu_thread.backends == {}  # it is not made before it is needed
        end_of(gpu_thread.submit(a_request()))
        assert gpu_thread.backends.keys() == {"m"}

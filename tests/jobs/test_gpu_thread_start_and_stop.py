"""How the GPU thread starts, loses its device, and stops."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from musicgen_api.domain.errors import Busy, DeviceLost, DeviceMissing, ModelOffline, MusicGenError, ShuttingDown
from musicgen_api.domain.events import Completed
from musicgen_api.domain.request import Monitor, Music, MusicRequest
from musicgen_api.jobs.gpu_thread import GpuThread
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
    running,
)
from tests.helpers.server import wait_until


def test_the_start_up_load_is_busy_and_unready_then_healthy() -> None:
    pause = Pause()
    with running(FakeSynthesizer(on_preload=pause.wait), preload=True) as gpu_thread:
        assert pause.entered.wait(LONG_S)
        assert (gpu_thread.alive, gpu_thread.busy, gpu_thread.ready) == (True, True, False)
        with pytest.raises(Busy, match="the default model is being loaded"):
            gpu_thread.submit(a_request())
        pause.proceed.set()
        wait_until(lambda: not gpu_thread.busy)
        assert gpu_thread.ready
        job = gpu_thread.submit(a_request())
        assert gpu_thread.ready  # busy with a job is ready
        end_of(job)


def refuse_with(error: BaseException) -> Callable[[Monitor], None]:
    def refuse(monitor: Monitor) -> None:
        raise error

    return refuse


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ModelOffline("No network."), "model_offline"),
        (RuntimeError("No."), "generation_failed"),
        (RustPanic(), "generation_failed"),
    ],
    ids=["ours", "a defect", "a panic"],
)
def test_after_a_failed_start_up_load_the_service_is_alive_and_free_but_not_ready_and_says_why(
    error: BaseException, code: str
) -> None:
    with running(FakeSynthesizer(on_preload=refuse_with(error)), preload=True) as gpu_thread:
        wait_until(lambda: not gpu_thread.busy)
        assert gpu_thread.alive
        assert not gpu_thread.ready
        assert gpu_thread.unready_because is not None
        assert gpu_thread.unready_because.code == code
        assert gpu_thread.unready_because.__traceback__ is None
        assert end_of(gpu_thread.submit(a_request(model="another/model"))) == Completed(MUSIC)
        assert not gpu_thread.ready  # that was another model


def test_a_request_that_loads_the_default_model_after_all_makes_the_service_ready() -> None:
    synthesizer = FakeSynthesizer(on_preload=refuse_with(ModelOffline("No network.")))
    synthesizer.act = fail_with(ModelOffline("No network."))
    with running(synthesizer, preload=True) as gpu_thread:
        wait_until(lambda: not gpu_thread.busy)
        assert error_of(gpu_thread.submit(a_request())).code == "model_offline"
        assert not gpu_thread.ready

        def load(request: MusicRequest, monitor: Monitor) -> Music:
            synthesizer.default_model_loaded = True
            return MUSIC

        synthesizer.act = load
        assert end_of(gpu_thread.submit(a_request())) == Completed(MUSIC)
        assert gpu_thread.ready


def test_an_idle_thread_tries_again_at_growing_intervals_to_load_the_default_model() -> None:
    tries_at: list[float] = []

    def refuse_four_times(monitor: Monitor) -> None:
        tries_at.append(time.monotonic())
        assert gpu_thread.busy
        if len(tries_at) < 5:
            raise ModelOffline("No network.")

    with running(FakeSynthesizer(on_preload=refuse_four_times), preload=True, reload_after_s=0.01) as gpu_thread:
        wait_until(lambda: gpu_thread.ready, why="a try that succeeds")
        wait_until(lambda: not gpu_thread.busy)
        assert end_of(gpu_thread.submit(a_request())) == Completed(MUSIC)
    waits_s = [later - earlier for earlier, later in itertools.pairwise(tries_at)]
    assert len(tries_at) == 5  # and none after the one that succeeded
    assert all(wait_s >= least_s for wait_s, least_s in zip(waits_s, [0.01, 0.02, 0.04, 0.08], strict=True))


def test_a_new_try_to_load_the_default_model_holds_the_lock_and_says_so_and_ends_with_the_process() -> None:
    pause = Pause()
    synthesizer = FakeSynthesizer(on_preload=refuse_with(ModelOffline("No network.")))
    with running(synthesizer, preload=True, reload_after_s=0.01) as gpu_thread:
        wait_until(
            lambda: gpu_thread.unready_because is not None and gpu_thread.unready_because.code == "model_offline"
        )
        synthesizer.on_preload = pause.wait
        assert pause.entered.wait(LONG_S)
        with pytest.raises(Busy, match="the default model is being loaded"):
            gpu_thread.submit(a_request())
        assert gpu_thread.unready_because is not None
        assert gpu_thread.unready_because.code == "model_offline"  # until it is there
        gpu_thread.stop()
        assert not gpu_thread.busy


def test_a_device_that_is_lost_in_a_new_try_ends_the_thread_too() -> None:
    calls: list[int] = []
    synthesizer = FakeSynthesizer(on_preload=refuse_with(ModelOffline("No network.")))
    lost = {"preload": True, "reload_after_s": 0.01, "on_device_lost": lambda: calls.append(1)}
    with running(synthesizer, **lost) as gpu_thread:
        synthesizer.on_preload = refuse_with(DeviceLost("Gone."))
        wait_until(lambda: calls)
        assert not gpu_thread.alive
        assert not gpu_thread.busy


def test_without_a_start_up_load_nothing_is_claimed_of_the_default_model_and_nothing_tried_again() -> None:
    synthesizer = FakeSynthesizer(fail_with(ModelOffline("No network.")), on_preload=refuse_with(AssertionError()))
    with running(synthesizer, reload_after_s=0.001) as gpu_thread:
        assert error_of(gpu_thread.submit(a_request())).code == "model_offline"
        assert gpu_thread.ready
        assert not gpu_thread.busy


@pytest.mark.parametrize("preload", [True, False])
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DeviceMissing("No GPU."), "device_missing"),
        (ImportError("No AudioCraft."), "start_failed"),
        (RustPanic(), "start_failed"),
    ],
    ids=["ours", "an import", "a panic"],
)
def test_a_synthesizer_that_cannot_be_made_is_tried_once_and_its_first_error_told_from_then_on(
    error: BaseException, code: str, preload: bool
) -> None:
    tries: list[int] = []

    def make() -> FakeSynthesizer:
        tries.append(1)
        raise error

    gpu_thread = GpuThread(make, preload=preload, reload_after_s=0.001)
    gpu_thread.start()
    try:
        wait_until(lambda: not gpu_thread.busy)
        first = gpu_thread.dead_because if preload else error_of(gpu_thread.submit(a_request()))
        assert first is not None
        for _ in range(2):
            with pytest.raises(MusicGenError) as caught:
                gpu_thread.submit(a_request())
            assert (caught.value.code, caught.value.message) == (code, first.message)
            assert caught.value.trace_id == first.trace_id
        assert not gpu_thread.alive
        assert not gpu_thread.ready
        assert not gpu_thread.busy
        assert gpu_thread.unready_because is not None
        assert gpu_thread.unready_because.code == code
        assert gpu_thread.unready_because.__traceback__ is None  # it keeps no request's frames
    finally:
        gpu_thread.stop()
    assert len(tries) == 1


def test_a_lost_device_ends_the_thread_and_says_so_once() -> None:
    calls: list[str] = []
    synthesizer = FakeSynthesizer(fail_with(DeviceLost("Gone.")))
    with running(synthesizer, on_device_lost=lambda: calls.append(threading.current_thread().name)) as gpu_thread:
        job = gpu_thread.submit(a_request())
        assert error_of(job).code == "device_lost"
        assert not gpu_thread.alive
        assert not gpu_thread.ready
        with pytest.raises(DeviceLost):
            gpu_thread.submit(a_request())
        wait_until(lambda: calls)
        gpu_thread.stop()
    assert calls == ["gpu"]


def test_a_device_lost_while_loading_at_the_start_ends_the_thread_too() -> None:
    calls: list[int] = []

    synthesizer = FakeSynthesizer(on_preload=refuse_with(DeviceLost("Gone.")))
    with running(synthesizer, preload=True, on_device_lost=lambda: calls.append(1)) as gpu_thread:
        wait_until(lambda: calls)
        assert not gpu_thread.alive
        assert not gpu_thread.busy


def test_a_failure_between_jobs_ends_the_thread_and_asks_for_a_new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> float | None:
        raise RuntimeError("The device does not answer.")

    calls: list[int] = []
    synthesizer = FakeSynthesizer()
    with running(synthesizer, on_device_lost=lambda: calls.append(1)) as gpu_thread:
        monkeypatch.setattr(synthesizer, "release_idle", fail)
        assert end_of(gpu_thread.submit(a_request())) == Completed(MUSIC)
        wait_until(lambda: calls)
        assert not gpu_thread.alive
        assert not gpu_thread.busy


def test_stop_takes_no_new_work() -> None:
    with running(FakeSynthesizer()) as gpu_thread:
        gpu_thread.stop()
        assert not gpu_thread.ready
        with pytest.raises(ShuttingDown):
            gpu_thread.submit(a_request())


def test_stop_lets_a_job_finish_within_the_grace_period() -> None:
    pause = Pause()
    with running(FakeSynthesizer(pause)) as gpu_thread, ThreadPoolExecutor(1) as pool:
        job = gpu_thread.submit(a_request())
        assert pause.entered.wait(LONG_S)
        stopping = pool.submit(gpu_thread.stop, LONG_S)
        wait_until(lambda: not gpu_thread.ready)
        pause.proceed.set()
        assert end_of(job) == Completed(MUSIC)
        stopping.result(LONG_S)
        assert not gpu_thread.alive


def test_stop_lets_a_job_finish_that_the_thread_has_not_begun_yet() -> None:
    pause = Pause()

    def make() -> FakeSynthesizer:
        pause.wait(Job(a_request()))
        return FakeSynthesizer()

    gpu_thread = GpuThread(make, preload=False)
    gpu_thread.start()
    wait_until(lambda: not gpu_thread.busy)
    with ThreadPoolExecutor(1) as pool:
        job = gpu_thread.submit(a_request())
        stopping = pool.submit(gpu_thread.stop, LONG_S)
        wait_until(lambda: not gpu_thread.ready)
        pause.proceed.set()
        assert end_of(job) == Completed(MUSIC)
        stopping.result(LONG_S)


def test_stop_cancels_a_job_after_the_grace_period() -> None:
    pause = Pause()
    with running(FakeSynthesizer(pause)) as gpu_thread:
        job = gpu_thread.submit(a_request())
        assert pause.entered.wait(LONG_S)
        gpu_thread.stop(grace_s=0.05)
        assert job.finished
        assert error_of(job).code == "shutting_down"
        assert not gpu_thread.busy


def test_stop_abandons_a_job_that_does_not_listen() -> None:
    deaf = threading.Event()

    def act(request: MusicRequest, monitor: Monitor) -> Music:
        deaf.wait(LONG_S)
        return MUSIC

    with running(FakeSynthesizer(act)) as gpu_thread:
        job = gpu_thread.submit(a_request())
        gpu_thread.stop(grace_s=0, abandon_after_s=0.05)
        assert error_of(job).code == "shutting_down"
        deaf.set()
        wait_until(lambda: not gpu_thread.alive)
        assert error_of(job).code == "shutting_down"  # its music comes too late


def test_stop_breaks_off_the_start_up_load(caplog: pytest.LogCaptureFixture) -> None:
    pause = Pause()
    with running(FakeSynthesizer(on_preload=pause.wait), preload=True) as gpu_thread:
        assert pause.entered.wait(LONG_S)
        gpu_thread.stop()
        assert not gpu_thread.alive
    assert not [record for record in caplog.records if record.levelname == "ERROR"]

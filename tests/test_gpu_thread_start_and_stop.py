"""How the GPU thread starts, loses its device, and stops."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from musicgen_api.errors import Busy, DeviceLost, DeviceMissing, ModelOffline, ShuttingDown
from musicgen_api.synthesis.request import Monitor, Music, MusicRequest
from musicgen_api.worker.events import Completed
from musicgen_api.worker.gpu_thread import GpuThread
from musicgen_api.worker.job import Job
from tests.fakes import (
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
from tests.server import wait_until


def test_the_start_up_load_is_busy_and_unready_then_healthy() -> None:
    pause = Pause()
    with running(FakeSynthesizer(on_preload=pause.wait), preload=True) as worker:
        assert pause.entered.wait(LONG_S)
        assert (worker.alive, worker.busy, worker.ready) == (True, True, False)
        with pytest.raises(Busy, match="the default model is being loaded"):
            worker.submit(a_request())
        pause.proceed.set()
        wait_until(lambda: not worker.busy)
        assert worker.ready
        job = worker.submit(a_request())
        assert worker.ready  # busy with a job is ready
        end_of(job)


@pytest.mark.parametrize(
    "error", [ModelOffline("No network."), RuntimeError("No."), RustPanic()], ids=lambda error: type(error).__name__
)
def test_after_a_failed_start_up_load_the_service_is_healthy_and_requests_get_the_reason(error: BaseException) -> None:
    def refuse(monitor: Monitor) -> None:
        raise error

    synthesizer = FakeSynthesizer(fail_with(ModelOffline("No network.")), on_preload=refuse)
    with running(synthesizer, preload=True) as worker:
        wait_until(lambda: not worker.busy)
        assert worker.ready
        assert error_of(worker.submit(a_request())).code == "model_offline"
        synthesizer.act = play
        assert end_of(worker.submit(a_request())) == Completed(MUSIC)


@pytest.mark.parametrize("preload", [True, False])
@pytest.mark.parametrize(
    ("error", "code"),
    [(DeviceMissing("No GPU."), "device_missing"), (ImportError("No AudioCraft."), "generation_failed")],
)
def test_a_synthesizer_that_could_not_be_made_is_made_again_for_the_next_job(
    error: Exception, code: str, preload: bool
) -> None:
    broken = True

    def make() -> FakeSynthesizer:
        if broken:
            raise error
        return FakeSynthesizer()

    worker = GpuThread(make, preload=preload)
    worker.start()
    wait_until(lambda: worker.ready and not worker.busy)
    assert error_of(worker.submit(a_request())).code == code
    broken = False
    assert end_of(worker.submit(a_request())) == Completed(MUSIC)
    worker.stop()


def test_a_lost_device_ends_the_thread_and_says_so_once() -> None:
    calls: list[str] = []
    synthesizer = FakeSynthesizer(fail_with(DeviceLost("Gone.")))
    with running(synthesizer, on_device_lost=lambda: calls.append(threading.current_thread().name)) as worker:
        job = worker.submit(a_request())
        assert error_of(job).code == "device_lost"
        assert not worker.alive
        assert not worker.ready
        with pytest.raises(DeviceLost):
            worker.submit(a_request())
        wait_until(lambda: calls)
        worker.stop()
    assert calls == ["gpu"]


def test_a_device_lost_while_loading_at_the_start_ends_the_thread_too() -> None:
    calls: list[int] = []

    def lose(monitor: Monitor) -> None:
        raise DeviceLost("Gone.")

    with running(FakeSynthesizer(on_preload=lose), preload=True, on_device_lost=lambda: calls.append(1)) as worker:
        wait_until(lambda: calls)
        assert not worker.alive
        assert not worker.busy


def test_a_failure_between_jobs_ends_the_thread_and_asks_for_a_new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> float | None:
        raise RuntimeError("The device does not answer.")

    calls: list[int] = []
    synthesizer = FakeSynthesizer()
    with running(synthesizer, on_device_lost=lambda: calls.append(1)) as worker:
        monkeypatch.setattr(synthesizer, "release_idle", fail)
        assert end_of(worker.submit(a_request())) == Completed(MUSIC)
        wait_until(lambda: calls)
        assert not worker.alive
        assert not worker.busy


def test_stop_takes_no_new_work() -> None:
    with running(FakeSynthesizer()) as worker:
        worker.stop()
        assert not worker.ready
        with pytest.raises(ShuttingDown):
            worker.submit(a_request())


def test_stop_lets_a_job_finish_within_the_grace_period() -> None:
    pause = Pause()
    with running(FakeSynthesizer(pause)) as worker, ThreadPoolExecutor(1) as pool:
        job = worker.submit(a_request())
        assert pause.entered.wait(LONG_S)
        stopping = pool.submit(worker.stop, LONG_S)
        wait_until(lambda: not worker.ready)
        pause.proceed.set()
        assert end_of(job) == Completed(MUSIC)
        stopping.result(LONG_S)
        assert not worker.alive


def test_stop_lets_a_job_finish_that_the_thread_has_not_begun_yet() -> None:
    pause = Pause()

    def make() -> FakeSynthesizer:
        pause.wait(Job(a_request()))
        return FakeSynthesizer()

    worker = GpuThread(make, preload=False)
    worker.start()
    wait_until(lambda: not worker.busy)
    with ThreadPoolExecutor(1) as pool:
        job = worker.submit(a_request())
        stopping = pool.submit(worker.stop, LONG_S)
        wait_until(lambda: not worker.ready)
        pause.proceed.set()
        assert end_of(job) == Completed(MUSIC)
        stopping.result(LONG_S)


def test_stop_cancels_a_job_after_the_grace_period() -> None:
    pause = Pause()
    with running(FakeSynthesizer(pause)) as worker:
        job = worker.submit(a_request())
        assert pause.entered.wait(LONG_S)
        worker.stop(grace_s=0.05)
        assert job.finished
        assert error_of(job).code == "shutting_down"
        assert not worker.busy


def test_stop_abandons_a_job_that_does_not_listen() -> None:
    deaf = threading.Event()

    def act(request: MusicRequest, monitor: Monitor) -> Music:
        deaf.wait(LONG_S)
        return MUSIC

    with running(FakeSynthesizer(act)) as worker:
        job = worker.submit(a_request())
        worker.stop(grace_s=0, abandon_after_s=0.05)
        assert error_of(job).code == "shutting_down"
        deaf.set()
        wait_until(lambda: not worker.alive)
        assert error_of(job).code == "shutting_down"  # its music comes too late


def test_stop_breaks_off_the_start_up_load(caplog: pytest.LogCaptureFixture) -> None:
    pause = Pause()
    with running(FakeSynthesizer(on_preload=pause.wait), preload=True) as worker:
        assert pause.entered.wait(LONG_S)
        worker.stop()
        assert not worker.alive
    assert not [record for record in caplog.records if record.levelname == "ERROR"]

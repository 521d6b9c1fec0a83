from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from musicgen_api.domain.errors import Cancelled, GenerationFailed, ReaderTooSlow, ShuttingDown
from musicgen_api.domain.events import Completed, Downloading, Failed, Progress
from musicgen_api.domain.request import Phase, Sound
from musicgen_api.jobs.job import MOST_UNREAD_BYTES, Job
from tests.helpers.fakes import LONG_S, MUSIC, a_request


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Read the clock."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def job(clock: Clock) -> Job:
    return Job(a_request(), clock)


def test_a_reader_that_waits_in_vain_gets_nothing(job: Job) -> None:
    assert job.wait(0.001) is None
    assert not job.finished


def test_a_slow_reader_gets_the_newest_news_only_and_once(job: Job) -> None:
    job.download("m", 1, 2)
    job.progress(10, Phase.GENERATING)
    job.progress(20, Phase.GENERATING)
    news = job.wait(0)
    assert isinstance(news, Progress)
    assert (news.percent, news.phase) == (20, Phase.GENERATING)
    assert job.wait(0) is None


def test_a_download_is_told_as_it_is(job: Job) -> None:
    job.download("m", 1, 0)
    assert job.wait(0) == Downloading("m", 1, 0)


def test_the_outcome_comes_at_once_before_any_news_and_stays(job: Job) -> None:
    job.progress(99, Phase.DECODING)
    job.finish(Completed(MUSIC))
    assert job.finished
    assert [job.wait(60) for _ in range(3)] == [Completed(MUSIC)] * 3


def test_the_first_outcome_stays(job: Job) -> None:
    job.finish(Completed(MUSIC))
    job.finish(Failed(GenerationFailed("Too late.")))
    job.abandon()
    assert job.wait(0) == Completed(MUSIC)


def test_a_cancelled_job_stops_at_its_next_check_with_the_first_reason(job: Job) -> None:
    job.check()
    job.cancel(ShuttingDown())
    job.cancel(Cancelled("The client closed the connection."))
    for _ in range(2):
        with pytest.raises(ShuttingDown):
            job.check()


def test_a_job_may_be_cancelled_without_a_reason(job: Job) -> None:
    job.cancel()
    with pytest.raises(Cancelled):
        job.check()


def test_a_finished_job_cannot_be_cancelled_any_more(job: Job) -> None:
    job.finish(Completed(MUSIC))
    job.cancel()
    assert job.wait(0) == Completed(MUSIC)


def a_sound(start_s: float, samples: int = 100) -> Sound:
    return Sound(start_s, np.zeros((1, samples), np.int16), 32_000)


def test_sound_is_read_in_order_and_before_the_outcome_and_news_wait_for_it(job: Job) -> None:
    sounds = [a_sound(second) for second in range(3)]
    job.progress(5, Phase.GENERATING)
    for sound in sounds:
        job.sound(sound)
    job.finish(Completed(MUSIC))
    assert [job.wait(0) for _ in range(4)] == [*sounds, Completed(MUSIC)]
    assert job.wait(0) == Completed(MUSIC)


def test_sound_wakes_its_reader(job: Job) -> None:
    sound = a_sound(0.0)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(job.wait, LONG_S)
        job.sound(sound)
        assert reading.result(LONG_S) is sound


def test_sound_that_nobody_reads_ends_the_job_at_the_bound_and_reading_makes_room(job: Job) -> None:
    half = MOST_UNREAD_BYTES // 4  # 16 bit
    job.sound(a_sound(0.0, half))
    job.sound(a_sound(1.0, half))
    with pytest.raises(ReaderTooSlow):
        job.sound(a_sound(2.0, 1))
    assert isinstance(job.wait(0), Sound)
    job.sound(a_sound(2.0, half))


def test_each_job_has_an_id_of_its_own() -> None:
    assert len({Job(a_request()).id for _ in range(100)}) == 100


def test_an_abandoned_job_tells_its_reader_that_the_service_ends(job: Job) -> None:
    job.abandon()
    outcome = job.wait(0)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, ShuttingDown)


def test_what_remains_is_estimated_from_the_pace_since_generation_began(job: Job, clock: Clock) -> None:
    clock.now += 50  # a slow load says nothing about the pace
    job.progress(5, Phase.LOADING)
    clock.now += 10
    job.progress(5, Phase.GENERATING)
    clock.now += 9.5
    job.progress(24, Phase.GENERATING)
    news = job.wait(0)
    assert isinstance(news, Progress)
    assert news.elapsed_s == pytest.approx(69.5)
    assert news.remaining_s == pytest.approx(38)  # 19 % took 9.5 s, 76 % are left
    assert job.remaining_s == pytest.approx(38)


def test_what_remains_runs_down_with_the_clock_and_not_below_zero(job: Job, clock: Clock) -> None:
    job.progress(0, Phase.GENERATING)
    clock.now += 10
    job.progress(50, Phase.GENERATING)
    clock.now += 4
    assert job.remaining_s == pytest.approx(6)
    clock.now += 400
    assert job.remaining_s == 0


@pytest.mark.parametrize(("percent", "seconds"), [(0.9, 10), (50, 0.4)])
def test_too_early_an_estimate_is_none(job: Job, clock: Clock, percent: float, seconds: float) -> None:
    job.progress(0, Phase.GENERATING)
    clock.now += seconds
    job.progress(percent, Phase.GENERATING)
    assert job.remaining_s is None


def test_before_any_news_and_while_loading_nobody_knows_what_remains(job: Job, clock: Clock) -> None:
    assert job.remaining_s is None
    clock.now += 10
    job.progress(3, Phase.LOADING)
    assert job.remaining_s is None
    job.download("m", 1, 2)
    assert job.remaining_s is None

"""The choice between all threads and one, told of steps that take so and so long."""

from __future__ import annotations

from musicgen_api.engine.cpu.threads import ThreadTuner


def run_steps(tuner: ThreadTuner, cost: dict[int, float], steps: int) -> list[int]:
    used = []
    for _ in range(steps):
        used.append(tuner.threads)
        tuner.record(cost[tuner.threads])
    return used


def test_one_thread_is_used_while_it_is_faster_and_all_when_that_changes() -> None:
    tuner = ThreadTuner(4)
    assert tuner.threads == 4
    used = run_steps(tuner, {4: 1.0, 1: 0.1}, 300)
    assert used.count(4) < 20
    used = run_steps(tuner, {4: 0.2, 1: 1.0}, 1500)
    assert used[-100:].count(4) > 90


def test_rare_slow_steps_count_as_much_as_they_cost() -> None:
    """On a busy machine: most steps are as fast as on an idle one, and some wait for a core."""
    tuner, total = ThreadTuner(2), 0.0
    for step in range(500):
        seconds = 0.5 if tuner.threads == 1 else (200.0 if step % 5 == 4 else 0.4)
        total += seconds
        tuner.record(seconds)
    assert total < 10 * 200.0, "with two threads all along it would be 100 slow steps"


def test_a_machine_that_becomes_busy_is_noticed_at_once() -> None:
    tuner = ThreadTuner(2)
    run_steps(tuner, {2: 1.0, 1: 1.8}, 400)
    assert run_steps(tuner, {2: 100.0, 1: 2.0}, 300).count(2) < 10


def test_a_count_that_does_not_pay_is_tried_ever_more_rarely() -> None:
    used = run_steps(ThreadTuner(4), {4: 1.0, 1: 3.0}, 1000)
    assert 3 <= used.count(1) <= 12


def test_a_single_thread_has_nothing_to_choose() -> None:
    assert set(run_steps(ThreadTuner(1), {1: 1.0}, 50)) == {1}

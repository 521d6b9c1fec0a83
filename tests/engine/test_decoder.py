"""What holds of a generation whatever the model: its callback, its end, its extremes, its precisions and threads."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
import torch

from musicgen_api.engine import decoder
from musicgen_api.engine.pattern import delay_codes, undelay_codes
from musicgen_api.engine.runner import BLOCK, BUCKET, BucketRunner
from musicgen_api.engine.state import Conditions, State, drop_null_cross, new_state
from musicgen_api.engine.threads import ThreadTuner
from musicgen_api.engine.weights import pack_linear, quantise_rows
from tests.engine.language_models import CARD, CPU, STEREO_DELAYS, engine_for, seeded, songs, tiny_lm


class Stop(Exception):
    """Raised by a callback."""


def test_the_callback_gets_the_same_pairs_as_audiocraft_s() -> None:
    lm = tiny_lm()
    pairs: list[list[tuple[int, int]]] = []
    for generate in (lm.generate, engine_for(lm)):
        pairs.append([])
        generate(None, songs("piano"), max_gen_len=20, top_k=9, callback=lambda *pair: pairs[-1].append(pair))
    assert pairs[0] == pairs[1]
    assert pairs[1][-1] == (23, 23)


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("stop_at", [1, 2, 30])
def test_what_a_callback_raises_ends_the_job_and_the_next_one_is_not_touched(stop_at: int, padded: bool) -> None:
    lm = tiny_lm()
    generate = engine_for(lm, padded=padded)
    expected, _ = seeded(lm.generate, None, songs("rock"), max_gen_len=40, top_k=30)

    def stop(done: int, total: int) -> None:
        if done == stop_at:
            raise Stop

    with pytest.raises(Stop):
        generate(None, songs("a slow piano"), max_gen_len=40, callback=stop)
    threads = torch.get_num_threads()
    actual, _ = seeded(generate, None, songs("rock"), max_gen_len=40, top_k=30)
    assert torch.equal(actual, expected)
    assert torch.get_num_threads() == threads


def test_a_cancelled_job_leaves_no_cache_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    states: list[weakref.ref[State]] = []

    def remember(*arguments: Any) -> State:
        state = new_state(*arguments)
        states.append(weakref.ref(state))
        return state

    monkeypatch.setattr(decoder, "new_state", remember)

    def stop(done: int, total: int) -> None:
        raise Stop

    with pytest.raises(Stop):
        engine_for(tiny_lm())(None, songs("piano"), max_gen_len=40, callback=stop)
    gc.collect()
    assert len(states) == 1
    assert states[0]() is None


@pytest.mark.parametrize("temp", [1e-40, 1e-30, 1e-9, 1e-3, 1.0, 1e30, 1e300])
@pytest.mark.parametrize("cfg_coef", [-100.0, 0.0, 100.0])
@pytest.mark.parametrize("sampler", [{"top_k": 10**6}, {"top_p": 0.9}, {"top_p": 1e-9}, {"top_k": 1}], ids=str)
def test_no_temperature_guidance_or_limit_breaks_the_sampler(
    temp: float, cfg_coef: float, sampler: dict[str, Any]
) -> None:
    codes = engine_for(tiny_lm())(None, songs("piano"), max_gen_len=6, temp=temp, cfg_coef=cfg_coef, **sampler)
    assert codes.shape == (1, 4, 6)
    assert bool(((codes >= 0) & (codes < CARD)).all())


def test_a_tiny_temperature_is_greedy() -> None:
    generate = engine_for(tiny_lm())
    greedy = generate(None, songs("piano"), max_gen_len=30, use_sampling=False)
    assert torch.equal(generate(None, songs("piano"), max_gen_len=30, temp=1e-40, top_k=0), greedy)


@pytest.mark.parametrize("precision", ["bf16", "fp16", "int8"])
def test_a_lower_precision_is_near_fp32_and_repeats_itself(precision: Any) -> None:
    lm = tiny_lm()
    exact, _ = seeded(engine_for(lm), None, songs("piano"), max_gen_len=8, top_k=2, temp=0.3)
    first, _ = seeded(engine_for(lm, precision), None, songs("piano"), max_gen_len=8, top_k=2, temp=0.3)
    second, _ = seeded(engine_for(lm, precision), None, songs("piano"), max_gen_len=8, top_k=2, temp=0.3)
    assert torch.equal(first, second)
    assert (first[..., :2] == exact[..., :2]).float().mean() >= 0.5


@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
def test_the_number_of_threads_does_not_change_the_codes(precision: Any) -> None:
    generate = engine_for(tiny_lm(), precision)
    codes = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            codes.append(seeded(generate, None, songs("piano"), max_gen_len=60)[0])
    finally:
        torch.set_num_threads(before)
    assert torch.equal(codes[0], codes[1])


@pytest.mark.parametrize("rows", [1, 2, 65])
@pytest.mark.parametrize("biased", [False, True])
def test_an_int8_layer_is_within_its_rounding_of_the_exact_one(rows: int, biased: bool) -> None:
    torch.manual_seed(0)
    weight, x = torch.randn(48, 64), torch.randn(rows, 64)
    bias = torch.randn(48) if biased else None
    exact = torch.nn.functional.linear(x, weight, bias)
    rounded = pack_linear(weight, bias, "int8", CPU)(x.bfloat16()).float()
    assert (rounded - exact).pow(2).mean().sqrt() < 0.02 * exact.pow(2).mean().sqrt()


def test_int8_rows_are_rounded_to_the_nearest_of_their_own_scale() -> None:
    weight = torch.randn(5, 33) * torch.tensor([[1e-3], [1.0], [50.0], [0.0], [7.0]])
    quantised, scale = quantise_rows(weight)
    error = (quantised.float() * scale.float().unsqueeze(1) - weight).abs()
    assert bool((error <= 0.51 * scale.float().unsqueeze(1) + 1e-12).all())


@pytest.mark.parametrize("delays", [(0, 1, 2, 3), STEREO_DELAYS, (0,), (0, 0, 5)])
def test_codes_come_back_out_of_their_delayed_steps(delays: tuple[int, ...]) -> None:
    codes = torch.randint(CARD, (2, len(delays), 9))
    steps = delay_codes(codes, delays, CARD)
    assert steps.shape == (2, len(delays), 10 + max(delays))
    assert bool((steps[..., 0] == CARD).all())
    assert torch.equal(undelay_codes(steps, delays), codes)


@pytest.mark.parametrize(("bias", "null", "rows"), [(False, 0.0, 1), (True, 0.0, 2), (False, 1e-9, 2)])
def test_null_rows_lose_their_cross_attention_only_if_it_is_sure_to_add_zero(
    bias: bool, null: float, rows: int
) -> None:
    weights = engine_for(tiny_lm(bias=bias)).decoder.weights
    cross = torch.cat([torch.ones(1, 3, 32), torch.full((1, 3, 32), null)])
    kept = drop_null_cross(Conditions(2, None, cross), 1, weights).cross
    assert kept is not None
    assert kept.shape[0] == rows


def test_kept_buffers_serve_jobs_of_the_same_shape_and_give_way_to_larger_ones() -> None:
    generate = engine_for(tiny_lm(), padded=True)
    kept: list[BucketRunner] = []
    for text, frames in (("piano", 20), ("rock", 200), ("piano", BUCKET + BLOCK), ("rock", 30)):
        generate(None, songs(text), max_gen_len=frames)
        kept.append(generate.decoder._kept[0])
    assert kept[0] is kept[1]
    assert kept[1] is not kept[2]
    assert kept[2] is kept[3]


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

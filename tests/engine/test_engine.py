"""What holds of a generation whatever the model: its callback, its end, its extremes, its precisions and threads."""

from __future__ import annotations

import gc
import itertools
import weakref
from collections.abc import Callable, Iterator
from typing import Any, get_args

import pytest
import torch

from musicgen_api.domain.request import PRECISIONS
from musicgen_api.engine import Sampling, weights
from musicgen_api.engine import engine as engine_module
from musicgen_api.engine.cuda.graphs import CapturedBySize
from musicgen_api.engine.pattern import delay_codes, undelay_codes
from musicgen_api.engine.runner import BLOCK, BUCKET, BucketRunner
from musicgen_api.engine.state import Conditions, State, drop_null_cross, new_state
from musicgen_api.engine.weights import COMPUTE_DTYPES, Precision, pack_linear, quantise_rows
from musicgen_api.generation.conditions import conditions_of
from tests.helpers.language_models import CARD, CPU, STEREO_DELAYS, engine_for, seeded, songs, tiny_lm


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

    monkeypatch.setattr(engine_module, "new_state", remember)

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


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("rows", [1, 2, 65])
@pytest.mark.parametrize("biased", [False, True])
def test_an_int8_layer_is_within_its_rounding_of_the_exact_one(
    rows: int, biased: bool, native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On processors that multiply bfloat16 and on those that do not."""
    monkeypatch.setattr(weights, "has_bfloat16_products", lambda: native)
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
    weights = engine_for(tiny_lm(bias=bias)).engine.weights
    cross = torch.cat([torch.ones(1, 3, 32), torch.full((1, 3, 32), null)])
    kept = drop_null_cross(Conditions(2, None, cross), 1, weights).cross
    assert kept is not None
    assert kept.shape[0] == rows


def test_kept_buffers_serve_jobs_of_the_same_shape_and_give_way_to_larger_ones() -> None:
    generate = engine_for(tiny_lm(), padded=True)
    kept: list[BucketRunner] = []
    for text, frames in (("piano", 20), ("rock", 200), ("piano", BUCKET + BLOCK), ("rock", 30)):
        generate(None, songs(text), max_gen_len=frames)
        kept.append(generate.engine._kept[0])
    assert kept[0] is kept[1]
    assert kept[1] is not kept[2]
    assert kept[2] is kept[3]
    shape = kept[3].state.condition.shape
    assert kept[3].why_not(1, 2, 30, shape) is None
    assert str(kept[3].why_not(1, 2, 9000, shape)).startswith("steps: 9000")
    assert kept[3].why_not(2, 2, 30, shape) == "songs: 2, was 1"
    assert kept[3].why_not(1, 4, 30, shape) == "rows: 4, was 2"
    assert str(kept[3].why_not(1, 2, 30, (1,))).startswith("condition: (1,)")


def test_the_precisions_that_settings_and_answers_name_are_the_engine_s() -> None:
    assert set(PRECISIONS) == set(get_args(Precision)) == set(COMPUTE_DTYPES)


def test_where_a_step_cannot_be_captured_it_runs_directly_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    if torch.cuda.is_available():
        pytest.skip("here it can be captured")
    doubled = CapturedBySize(lambda size: torch.full((2,), 2.0 * size))
    assert [doubled(size).tolist() for size in (1, 2, 1)] == [[2.0, 2.0], [4.0, 4.0], [2.0, 2.0]]
    assert caplog.text.count("could not be captured") == 1


@pytest.mark.parametrize(
    "form", [{"precision": "fp32"}, {"precision": "fp32", "padded": True}, {"precision": "int8"}], ids=str
)
@pytest.mark.parametrize("place", ["cross", "prepend"])
def test_the_first_steps_of_a_window_are_stopped_at_any_layer_and_leave_nothing(
    form: dict[str, Any], place: str
) -> None:
    lm = tiny_lm(**{"cross": (), "prepend": (), place: ("description",)})
    engine = engine_for(lm, **form).engine
    conditions = conditions_of(lm, songs("a slow piano"))
    known = torch.randint(CARD, (1, lm.n_q, 60), generator=torch.Generator().manual_seed(1))

    def codes(check: Callable[[], None]) -> torch.Tensor:
        greedy = Sampling(use_sampling=False)
        frames = engine.generate(known, conditions, frames=70, sampling=greedy, guidance=3.0, check=check)
        return torch.cat(list(frames), dim=-1)

    checks = itertools.count()
    expected = codes(lambda: next(checks) and None)
    asked, layers = next(checks), len(lm.transformer.layers)
    assert asked >= (2 if place == "cross" else 1) * layers
    for stop_at in range(asked):
        left = iter(range(stop_at))

        def stop(left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise Stop

        with pytest.raises(Stop):
            codes(stop)
    assert torch.equal(codes(lambda: None), expected)

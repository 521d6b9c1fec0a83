"""The engine's codes equal those of AudioCraft's own `lm.generate`, and it draws the same random numbers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from audiocraft.models.lm import LMModel

from musicgen_api.models.engine_weights import why_not
from tests.helpers.language_models import CARD, STEREO_DELAYS, engine_for, seeded, songs, tiny_lm

SAMPLERS: dict[str, dict[str, Any]] = {
    "greedy": {"use_sampling": False},
    "temperature 0": {"temp": 0.0},
    "top-k": {"top_k": 20},
    "cold top-k": {"top_k": 5, "temp": 0.3},
    "top-p": {"top_p": 0.8},
    "whole distribution": {"top_k": 0, "temp": 1.5},
    "negative guidance": {"cfg_coef": -2.0, "top_k": 50},
    "no guidance": {"cfg_coef": 1.0, "top_k": 50},
}
MODELS: dict[str, dict[str, Any]] = {
    "mono": {},
    "stereo": {"delays": STEREO_DELAYS},
    "melody": {"cross": (), "prepend": ("melody", "description")},
    "text and melody apart": {"cross": ("description",), "prepend": ("melody",)},
    "biases": {"bias": True},
    "long null condition": {"null_length": 9},
    "rotary": {"positional_embedding": "rope", "custom": True, "memory_efficient": False},
    "rotary and sine, weakened": {
        "positional_embedding": "sin_rope",
        "positional_scale": 0.5,
        "custom": True,
        "memory_efficient": False,
    },
    "past context": {"past_context": 12, "custom": True, "memory_efficient": False},
    "rotary past context": {
        "past_context": 12,
        "positional_embedding": "rope",
        "custom": True,
        "memory_efficient": False,
    },
    "torch's attention": {"memory_efficient": False, "custom": False},
    "positions in the condition": {},
}


def build(name: str) -> LMModel:
    lm = tiny_lm(**MODELS[name])
    if name == "positions in the condition":
        lm.fuser.cross_attention_pos_emb = True
    return lm


def assert_equal(lm: LMModel, *arguments: Any, **keywords: Any) -> None:
    expected, expected_state = seeded(lm.generate, *arguments, **keywords)
    actual, state = seeded(engine_for(lm), *arguments, **keywords)
    assert torch.equal(actual, expected)
    assert torch.equal(state, expected_state)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_way_to_sample_gives_the_same_codes(sampler: str) -> None:
    assert_equal(tiny_lm(), None, songs("piano"), max_gen_len=40, **SAMPLERS[sampler])


@pytest.mark.parametrize("two_step", [False, True], ids=["batched", "two-step"])
@pytest.mark.parametrize("texts", [("piano",), ("a slow piano", "rock", None)], ids=["one", "three"])
@pytest.mark.parametrize("model", MODELS)
def test_every_model_gives_the_same_codes(model: str, texts: tuple[str | None, ...], two_step: bool) -> None:
    described = songs(*texts, melody="abcdefgh")
    assert_equal(build(model), None, described, max_gen_len=40, top_k=30, two_step_cfg=two_step)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("prompt_frames", [1, 25])
def test_a_prompt_is_continued_with_the_same_codes(model: str, prompt_frames: int) -> None:
    lm = build(model)
    prompt = torch.randint(CARD, (2, lm.n_q, prompt_frames), generator=torch.Generator().manual_seed(3))
    described = songs("a slow piano", "rock", melody="abcdefgh")
    assert_equal(lm, prompt, described, max_gen_len=45, top_k=30)
    assert_equal(lm, prompt, described, max_gen_len=45, use_sampling=False, remove_prompts=True)


@pytest.mark.parametrize("count", [1, 3])
def test_without_conditions_the_codes_are_the_same(count: int) -> None:
    lm = tiny_lm(cross=())
    assert_equal(lm, None, [], num_samples=count, max_gen_len=40, top_k=30)
    assert_equal(lm, torch.zeros(count, 4, 7, dtype=torch.long), max_gen_len=30, use_sampling=False)


def test_a_cache_that_grows_many_times_stays_equal() -> None:
    assert_equal(tiny_lm(), None, songs("piano", "rock"), max_gen_len=330, top_k=30)


@pytest.mark.parametrize("two_step", [False, True], ids=["batched", "two-step"])
@pytest.mark.parametrize("model", ["mono", "stereo", "melody", "biases", "rotary past context"])
def test_a_padded_step_as_a_graph_replays_it_gives_the_same_codes(model: str, two_step: bool) -> None:
    lm = build(model)
    padded = engine_for(lm, padded=True)
    for text in ("a slow piano", "rock", "a much longer description than the two before, " * 3):
        keywords: dict[str, Any] = {"max_gen_len": 280, "top_k": 30, "two_step_cfg": two_step}
        expected, _ = seeded(lm.generate, None, songs(text, melody="abcdefgh"), **keywords)
        actual, _ = seeded(padded, None, songs(text, melody="abcdefgh"), **keywords)
        assert torch.equal(actual, expected)


def test_each_part_of_a_model_shows_in_its_codes() -> None:
    """The comparisons above would notice a missing part: another condition or position changes the codes."""
    lm = tiny_lm()
    keywords: dict[str, Any] = {"max_gen_len": 40, "use_sampling": False}
    codes = lm.generate(None, songs("piano"), **keywords)
    assert not torch.equal(codes, lm.generate(None, songs("a slow piano"), **keywords))
    assert not torch.equal(codes, lm.generate(None, songs("piano"), cfg_coef=1.0, **keywords))
    lm.transformer.positional_scale = 0.0
    assert not torch.equal(codes, lm.generate(None, songs("piano"), **keywords))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"norm_first": False}, "normalises after"),
        ({"activation": "relu"}, "not GELU"),
        ({"layer_scale": 0.1}, "scaled"),
        ({"qk_layer_norm": True}, "queries and keys"),
        ({"positional_embedding": "rope"}, "rotates memory-efficient"),
        ({"past_context": 12}, "rotates memory-efficient"),
        ({"cross": (), "custom": True, "kv_repeat": 2}, "repeats"),
        ({"positional_embedding": "rope", "custom": True, "memory_efficient": False, "xpos": True}, "xPos"),
    ],
)
def test_a_model_that_the_engine_does_not_do_is_told_with_a_reason(options: dict[str, Any], reason: str) -> None:
    assert reason in str(why_not(tiny_lm(**options)))


@pytest.mark.parametrize("model", MODELS)
def test_a_model_that_the_engine_does_has_no_reason_against_it(model: str) -> None:
    assert why_not(build(model)) is None

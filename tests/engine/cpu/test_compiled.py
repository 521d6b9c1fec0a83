"""The compiled step as a whole: against the same int8 weights in fp32, and a song against itself alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from musicgen_api.engine import Architecture, Conditions, Engine, ModelWeights
from musicgen_api.engine.cpu.compiled import CompiledRunner, activation_limit, why_not
from musicgen_api.engine.cpu.layout import LARGEST_LIMIT
from musicgen_api.engine.runner import EagerRunner
from musicgen_api.engine.weights import Int8Linear
from musicgen_api.generation.conditions import fuse
from musicgen_api.models.engine_weights import architecture_of, engine_weights
from tests.engine.random_models import (
    MONO,
    STEREO,
    an_architecture,
    logits_along,
    random_weights,
    some_conditions,
    some_steps,
    widened,
)
from tests.helpers.language_models import CPU, STEREO_DELAYS, engine_for, seeded, songs, tiny_lm

WIDTH = 192  # three heads: an odd number to deal out
MODELS: dict[str, dict[str, Any]] = {
    "mono": {},
    "stereo": {"delays": STEREO_DELAYS},
    "melody": {"cross": (), "prepend": ("melody", "description")},
    "text and melody apart": {"cross": ("description",), "prepend": ("melody",)},
    "without conditions": {"cross": ()},
}
FRAMES = 80


def build(name: str = "mono", **options: Any) -> Any:
    return tiny_lm(width=WIDTH, heads=3, **MODELS[name], **options)


def int8_weights(lm: Any) -> tuple[Architecture, ModelWeights]:
    return architecture_of(lm), engine_weights(lm, lm.state_dict(), "int8", CPU)


def conditions_of(lm: Any, rows: int) -> Conditions:
    """Of a described song, and with two rows of an undescribed one too."""
    if not lm.fuser.cond2fuse:
        return Conditions(rows)
    attributes = songs("a slow piano", None, melody="abcdefgh")[:rows]
    with torch.no_grad():
        return fuse(lm, lm.condition_provider(lm.condition_provider.tokenize(attributes)), rows)


def runner_of(decoder: Engine, conditions: Conditions, batch: int = 1) -> object:
    with torch.inference_mode():
        _, (runner,) = decoder.begin(some_steps(decoder.architecture, batch, 9), 1, [conditions])
    return runner


def assert_near(found: Tensor, exact: Tensor) -> None:
    """Keys and values are bfloat16, 8 bits; without that the two differ by some 1e-4 of their spread."""
    assert float((found - exact).abs().max()) < 0.02 * float(exact.std())


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("model", MODELS)
def test_a_compiled_step_equals_the_same_weights_in_fp32(model: str, rows: int) -> None:
    lm = build(model)
    architecture, weights = int8_weights(lm)
    conditions, steps = conditions_of(lm, rows), some_steps(architecture, 1, FRAMES)
    decoder = Engine(architecture, weights)
    assert isinstance(runner_of(decoder, conditions), CompiledRunner)
    exact = logits_along(Engine(architecture, widened(weights)), conditions, steps)
    assert_near(logits_along(decoder, conditions, steps)[1:], exact[1:])


@pytest.mark.parametrize(
    ("width", "delays", "prefix", "known"),
    [
        (1024, MONO, 0, 1),
        (1024, STEREO, 0, 7),
        (1536, MONO, 0, 7),
        (1536, MONO, 13, 1),
        (1536, STEREO, 13, 7),
        (2048, MONO, 13, 7),
        (2048, STEREO, 0, 1),
    ],
)
def test_every_published_shape_equals_fp32(width: int, prefix: int, delays: tuple[int, ...], known: int) -> None:
    """Small, medium and large, mono and stereo, text or melody, with and without a prompt; AudioGen is a medium."""
    architecture = an_architecture(width, layers=1, delays=delays)
    weights = random_weights(architecture, cross=not prefix)
    conditions, steps = (
        some_conditions(architecture, 1, cross=not prefix, prefix=prefix),
        some_steps(architecture, 1, 16),
    )
    decoder = Engine(architecture, weights)
    assert isinstance(runner_of(decoder, conditions), CompiledRunner)
    exact = logits_along(Engine(architecture, widened(weights)), conditions, steps, known)
    assert_near(logits_along(decoder, conditions, steps, known)[1:], exact[1:])


def test_each_part_of_a_step_shows_in_its_logits() -> None:
    """The comparisons above would notice a missing part."""
    architecture = an_architecture(WIDTH)
    weights = random_weights(architecture)
    conditions, steps = some_conditions(architecture, 1), some_steps(architecture, 1, 40)
    exact = logits_along(Engine(architecture, widened(weights)), conditions, steps)
    first, *others = weights.layers
    assert first.cross is not None

    def blank(linear: Any) -> Any:
        return Int8Linear(torch.zeros_like(linear.weight), linear.scale, None)

    for changed in (
        replace(first, qkv=blank(first.qkv)),
        replace(first, out=blank(first.out)),
        replace(first, down=blank(first.down)),
        replace(first, cross=replace(first.cross, query=blank(first.cross.query))),
        replace(first, cross=replace(first.cross, out=blank(first.cross.out))),
        replace(first, norm_feed=replace(first.norm_feed, weight=-first.norm_feed.weight)),
    ):
        decoder = Engine(architecture, replace(weights, layers=(changed, *others)))
        assert float((logits_along(decoder, conditions, steps) - exact).abs().max()) > 0.1 * float(exact.std())
    other_embeddings = Engine(architecture, replace(weights, embeddings=weights.embeddings.roll(1, 0)))
    assert float((logits_along(other_embeddings, conditions, steps) - exact).abs().max()) > 0.1 * float(exact.std())


@pytest.mark.parametrize("known", [1, 6])
@pytest.mark.parametrize("prefix", [0, 5])
@pytest.mark.parametrize("count", [2, 3, 8])
def test_a_song_s_logits_are_bit_for_bit_those_that_it_has_alone(count: int, prefix: int, known: int) -> None:
    architecture = an_architecture(WIDTH)
    decoder = Engine(architecture, random_weights(architecture))
    conditions, steps = some_conditions(architecture, count, prefix=prefix), some_steps(architecture, count, 30)
    assert isinstance(runner_of(decoder, conditions, count), CompiledRunner)
    together = logits_along(decoder, conditions, steps, known)
    assert conditions.cross is not None
    for song in range(count):
        rows = [song, count + song]
        own_prefix = None if conditions.prefix is None else conditions.prefix[rows]
        own = Conditions(2, own_prefix, conditions.cross[song : song + 1])
        assert torch.equal(logits_along(decoder, own, steps[song : song + 1], known), together[:, rows])


@pytest.mark.parametrize("count", [1, 4])
def test_the_number_of_threads_changes_not_a_bit(count: int) -> None:
    architecture = an_architecture(WIDTH)
    weights, conditions = random_weights(architecture), some_conditions(architecture, count)
    found, before = [], torch.get_num_threads()
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            decoder = Engine(architecture, weights)
            found.append(logits_along(decoder, conditions, some_steps(architecture, count, FRAMES)))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_jobs_of_one_decoder_do_not_touch_each_other() -> None:
    generate = engine_for(build(), "int8")
    expected, _ = seeded(generate, None, songs("rock"), max_gen_len=FRAMES, top_k=30)

    def stop(done: int, total: int) -> None:
        if done == 30:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        generate(None, songs("a slow piano"), max_gen_len=FRAMES, callback=stop)
    assert torch.equal(seeded(generate, None, songs("rock"), max_gen_len=FRAMES, top_k=30)[0], expected)


def test_more_songs_than_it_is_made_for_are_decoded_by_torch_s_operations() -> None:
    architecture = an_architecture(64, layers=1)
    decoder = Engine(architecture, random_weights(architecture))
    assert isinstance(runner_of(decoder, some_conditions(architecture, 8), 8), CompiledRunner)
    assert isinstance(runner_of(decoder, some_conditions(architecture, 9), 9), EagerRunner)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"bias": True}, "no biases"),
        ({"positional_embedding": "rope", "custom": True, "memory_efficient": False}, "sine positions only"),
        ({"past_context": 12, "custom": True, "memory_efficient": False}, "all earlier steps"),
        ({"width": 192, "heads": 6}, "heads are 64 wide, not 32"),
        ({"width": 32, "heads": 1}, "heads are 64 wide, not 32"),
    ],
    ids=["biases", "rotary positions", "past context", "narrow heads", "narrow model"],
)
def test_it_keeps_to_models_that_it_is_made_for_and_the_log_says_why(
    options: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    architecture, weights = int8_weights(tiny_lm(**({"width": WIDTH, "heads": 3} | options)))
    assert reason in str(why_not(architecture, weights))
    assert Engine(architecture, weights).form is None
    assert reason in caplog.text
    assert why_not(*int8_weights(build())) is None


def test_it_keeps_to_int8() -> None:
    lm = build()
    weights = engine_weights(lm, lm.state_dict(), "bf16", CPU)
    assert Engine(architecture_of(lm), weights).form is None


def test_activations_are_limited_by_the_row_with_the_largest_sum() -> None:
    weight = torch.zeros(600, 4096, dtype=torch.int8)
    assert activation_limit(weight) == LARGEST_LIMIT
    weight[599] = -127
    assert activation_limit(weight) == (2**31 - 1) // (127 * 4096)

"""The compiled step: its parts against numpy, the whole against the same int8 weights in fp32."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from numba import njit
from torch import Tensor

from musicgen_api.engine import Architecture, Decoder, ModelWeights, kernel
from musicgen_api.engine.fused import supports
from musicgen_api.engine.pattern import delay_codes
from musicgen_api.engine.runner import EagerRunner, FusedRunner
from musicgen_api.engine.state import Conditions
from musicgen_api.engine.weights import DenseLinear, Int8Linear
from musicgen_api.synthesis.decoding import architecture_of, engine_weights
from tests.engine.language_models import CARD, CPU, STEREO_DELAYS, engine_for, seeded, songs, tiny_lm

pytestmark = pytest.mark.skipif(kernel.vector_bytes() == 0, reason="this processor has no byte dot product")

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


def widened(part: Any) -> Any:
    """The same weights with each rounded matrix as the fp32 numbers that it stands for."""
    if isinstance(part, Int8Linear):
        return DenseLinear(part.weight.float() * part.scale.float().unsqueeze(1), None)
    if isinstance(part, tuple):
        return tuple(widened(item) for item in part)
    if not hasattr(part, "__dataclass_fields__"):
        return part
    changed = {field.name: widened(getattr(part, field.name)) for field in fields(part)}
    if isinstance(part, ModelWeights):
        changed |= {"precision": "fp32", "embeddings": part.embeddings.float()}
    return replace(part, **changed)


def logits_along(decoder: Decoder, conditions: Conditions, codes: Tensor, runner_class: type) -> Tensor:
    """Logits [S - 2, R, K, card] of the steps after the first, led along codes [1, K, T]."""
    a = decoder.architecture
    steps = delay_codes(codes, a.delays, a.card)
    with torch.inference_mode():
        _, (runner,) = decoder.begin(steps, 1, [conditions])
        assert type(runner) is runner_class
        return torch.stack([runner.step(steps[..., at]).clone() for at in range(1, steps.shape[-1] - 1)])


def conditions_of(lm: Any, rows: int) -> Conditions:
    """Of a described song, and with two rows of an undescribed one too."""
    if not lm.fuser.cond2fuse:
        return Conditions(rows)
    attributes = songs("a slow piano", None, melody="abcdefgh")[:rows]
    with torch.no_grad():
        from musicgen_api.synthesis.decoding import fuse

        return fuse(lm, lm.condition_provider(lm.condition_provider.tokenize(attributes)), rows)


def codes_for(lm: Any) -> Tensor:
    return torch.randint(CARD, (1, lm.n_q, FRAMES), generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("model", MODELS)
def test_a_compiled_step_equals_the_same_weights_in_fp32(model: str, rows: int) -> None:
    lm = build(model)
    architecture, weights = int8_weights(lm)
    conditions, codes = conditions_of(lm, rows), codes_for(lm)
    compiled = logits_along(Decoder(architecture, weights), conditions, codes, FusedRunner)
    exact = logits_along(Decoder(architecture, widened(weights)), conditions, codes, EagerRunner)
    # Keys and values are bfloat16, 8 bits; without that the two differ by some 1e-4 of their spread.
    assert float((compiled - exact).abs().max()) < 0.02 * float(exact.std())


def test_each_part_of_a_step_shows_in_its_logits() -> None:
    """The comparison above would notice a missing part."""
    lm = build()
    architecture, weights = int8_weights(lm)
    conditions, codes = conditions_of(lm, 2), codes_for(lm)
    exact = logits_along(Decoder(architecture, widened(weights)), conditions, codes, EagerRunner)
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
        decoder = Decoder(architecture, replace(weights, layers=(changed, *others)))
        logits = logits_along(decoder, conditions, codes, FusedRunner)
        assert float((logits - exact).abs().max()) > 0.1 * float(exact.std())


def test_the_number_of_threads_changes_not_a_bit() -> None:
    lm = build()
    architecture, weights = int8_weights(lm)
    found, before = [], torch.get_num_threads()
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            decoder = Decoder(architecture, weights)
            found.append(logits_along(decoder, conditions_of(lm, 2), codes_for(lm), FusedRunner))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])


def test_jobs_of_one_decoder_do_not_touch_each_other() -> None:
    generate = engine_for(build(), "int8")
    expected, _ = seeded(generate, None, songs("rock"), max_gen_len=FRAMES, top_k=30)

    def stop(done: int, total: int) -> None:
        if done == 30:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        generate(None, songs("a slow piano"), max_gen_len=FRAMES, callback=stop)
    assert torch.equal(seeded(generate, None, songs("rock"), max_gen_len=FRAMES, top_k=30)[0], expected)


def test_more_songs_than_it_is_made_for_are_decoded_step_by_step() -> None:
    lm = build()
    architecture, weights = int8_weights(lm)
    decoder = Decoder(architecture, weights)
    attributes = songs("piano", "rock", None, None)
    conditions = Conditions(4, None, conditions_of(lm, 2).cross[[0, 0, 1, 1]])  # type: ignore[index]
    _, (runner,) = decoder.begin(torch.zeros(2, lm.n_q, 9, dtype=torch.long), 1, [conditions])
    assert isinstance(runner, EagerRunner)
    assert engine_for(lm, "int8")(None, attributes[:2], max_gen_len=8).shape == (2, lm.n_q, 8)


@pytest.mark.parametrize(
    "options",
    [
        {"bias": True},
        {"positional_embedding": "rope", "custom": True, "memory_efficient": False},
        {"past_context": 12, "custom": True, "memory_efficient": False},
    ],
    ids=["biases", "rotary positions", "past context"],
)
def test_it_keeps_to_models_that_it_is_made_for(options: dict[str, Any]) -> None:
    assert supports(*int8_weights(build()))
    assert not supports(*int8_weights(build(**options)))


def test_it_keeps_to_its_precision_and_head_width() -> None:
    lm = build()
    assert not supports(architecture_of(lm), engine_weights(lm, lm.state_dict(), "bf16", CPU))
    assert not supports(*int8_weights(tiny_lm(width=192, heads=6)))


def test_it_keeps_to_processors_with_byte_dot_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "vector_bytes", lambda: 0)
    assert not supports(*int8_weights(build()))


@pytest.mark.parametrize("width", [width for width in (32, 64) if width <= kernel.vector_bytes()])
@pytest.mark.parametrize("planes", [2, 4])
def test_a_dot_product_of_bytes_is_exact(planes: int, width: int) -> None:
    dot = kernel.make_dot(planes, width)

    @njit
    def call(weights: int, length: int, activations: int, results: int) -> None:
        dot(weights, length, activations, results)

    rng = np.random.default_rng(0)
    weights = rng.integers(-128, 128, 4096, np.int8)
    activations = rng.integers(0, 256, (planes, 4096), np.uint8)
    weights[:2048], activations[:, :2048] = 127, 255  # nothing saturates
    results = np.zeros(planes, np.int32)
    call(weights.ctypes.data, 4096, activations.ctypes.data, results.ctypes.data)
    assert results.tolist() == (activations.astype(np.int64) @ weights.astype(np.int64)).tolist()


def test_activations_are_rounded_to_16_bits() -> None:
    values = np.random.default_rng(0).standard_normal((3, 128)).astype(np.float32)
    values[1] *= 1e-6
    values[2] = 0.0
    planes, scales = np.zeros((6, 128), np.uint8), np.zeros(3, np.float32)
    kernel._to_bytes(values, planes, scales)
    whole = 256 * planes[0::2].astype(np.int64) + planes[1::2] - 32768
    assert whole[:2].max() == 32767 or whole[:2].min() == -32767
    assert np.all(np.abs(whole * scales[:, None] - values) <= 0.51 * scales[:, None])


def test_exponential_and_gelu_are_those_of_torch() -> None:
    x = np.linspace(-80, 0, 4001, dtype=np.float32)
    assert max(abs(kernel._exp(v) / np.exp(float(v)) - 1) for v in x) < 1e-5
    assert kernel._exp(np.float32(-np.inf)) < 1e-37
    x = np.linspace(-9, 9, 4001, dtype=np.float32)
    exact = torch.nn.functional.gelu(torch.from_numpy(x).double()).numpy()
    assert np.abs(np.array([kernel._gelu(v) for v in x]) - exact).max() < 1e-6


def test_a_step_is_compiled_where_nothing_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    import numba

    asked: list[bool] = []

    def cfunc(_signature: Any, *, cache: bool = False) -> Any:
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(numba, "cfunc", cfunc)
    assert kernel.compile_step.__wrapped__() is kernel.step
    assert asked == [True, False]

"""The language model's training: causal, positioned as in generation, asked only for what it can know."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from audiocraft.modules.conditioners import ConditioningAttributes

from training import language_model, packing
from training.corpus import DEFAULT_SONG
from training.language_model import CROPS, Batch, Crop
from training.tokens import WINDOW, Clip

CPU = torch.device("cpu")
CARD = 300


@pytest.fixture(scope="module")
def model() -> Iterator[language_model.LMModel]:
    torch.manual_seed(0)
    folder = packing.BUNDLED / "t5"
    language_model.register_text_encoder(folder)
    cfg = language_model.configuration(folder, CARD, width=128, layers=2)
    yield language_model.build(cfg).eval()


def _clip(frames: int = WINDOW) -> Clip:
    rng = torch.Generator().manual_seed(1)
    return Clip(DEFAULT_SONG, torch.randint(CARD, (4, frames), generator=rng, dtype=torch.int16))


def _batch(crop: Crop, starts: list[int]) -> Batch:
    return Batch.of([_clip() for _ in starts], crop, starts, np.random.default_rng(0))


def _crop(name: str) -> Crop:
    return next(crop for crop in CROPS if crop.name == name)


def test_shares_sum_to_one_and_steps_hold_equally_many_frames() -> None:
    assert sum(crop.share for crop in CROPS) == pytest.approx(1)
    assert all(1500 <= crop.batch * crop.frames <= 1536 for crop in CROPS)


def test_the_model_learns_with_the_attention_that_the_real_checkpoints_use(
    model: language_model.LMModel,
) -> None:
    for layer in model.transformer.layers:
        assert layer.self_attn.memory_efficient and layer.self_attn.causal
    assert model.transformer.positional_embedding == "sin"


@torch.no_grad()
def test_no_prediction_depends_on_what_follows(model: language_model.LMModel) -> None:
    codes = _clip(40).codes[None].long()
    changed = codes.clone()
    changed[..., 30:] = (changed[..., 30:] + 1) % CARD
    condition = [ConditioningAttributes(text={"description": "slow sad piano"})]
    one, other = (model.compute_predictions(tokens, condition).logits for tokens in (codes, changed))
    for k in range(4):  # codebook k is predicted k steps later, so it has seen k more frames of the first one
        assert torch.allclose(one[:, k, : 31 - k].nan_to_num(), other[:, k, : 31 - k].nan_to_num(), atol=1e-5)
    assert not torch.allclose(one[:, 0, 31:], other[:, 0, 31:], atol=1e-3)


@torch.no_grad()
def test_a_middle_is_seen_at_its_place_and_a_continuation_at_the_start(model: language_model.LMModel) -> None:
    middle, continuation = _batch(_crop("middle"), [300, 988]), _batch(_crop("continuation"), [300, 500])
    assert middle.positions.tolist() == [300, 988]
    assert continuation.positions.tolist() == [0, 0]
    torch.manual_seed(0)
    placed = language_model.losses(model, middle, CPU)
    middle.positions = torch.zeros(2, dtype=torch.long)
    torch.manual_seed(0)
    assert not torch.allclose(placed, language_model.losses(model, middle, CPU), atol=1e-4)
    assert not model.transformer._streaming_state


def test_the_first_frames_of_a_crop_from_the_middle_are_context_only() -> None:
    crop = _crop("continuation")
    batch = _batch(crop, [0, 7])
    assert (batch.wanted[0] == batch.codes[0]).all()
    assert (batch.wanted[1, :, : crop.unasked] == -100).all()
    assert (batch.wanted[1, :, crop.unasked :] == batch.codes[1, :, crop.unasked :]).all()


def test_a_fresh_model_is_about_as_surprised_as_a_fair_die(model: language_model.LMModel) -> None:
    with torch.no_grad():
        losses = language_model.losses(model, _batch(_crop("opening"), [0, 0, 0]), CPU)
    assert losses.shape == (4,)
    assert np.log(CARD) - 0.2 < float(losses.mean()) < np.log(CARD) + 1.5


def test_a_few_steps_on_one_batch_lower_its_loss(model: language_model.LMModel) -> None:
    batch = _batch(_crop("opening"), [0, 0])
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3)
    values = []
    for _ in range(12):
        loss = language_model.losses(model, batch, CPU).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        values.append(float(loss.detach()))
    assert values[-1] < 0.8 * values[0]

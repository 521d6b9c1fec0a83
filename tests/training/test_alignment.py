"""Alignment: the distance between two texts is what the language model's own cross-attention makes of them."""

import numpy as np
import pytest
import torch
from audiocraft.models import MusicGen

from training import alignment, captions, corpus, packing
from training.captions import Caption, Meaning
from training.packing import BUNDLED
from training.text_encoder import draw_captions

TEXTS = ["fast sad piano with drums, in a minor key", "slow flute", "技"]


@pytest.fixture(scope="module")
def model() -> MusicGen:
    return packing.load(BUNDLED)


@pytest.fixture(scope="module")
def states(model: MusicGen) -> torch.Tensor:
    rng = torch.Generator().manual_seed(1)
    return torch.randn(len(model.lm.transformer.layers), 20, model.lm.dim, generator=rng)


@torch.no_grad()
def test_hearing_is_the_models_own_cross_attention(model: MusicGen, states: torch.Tensor) -> None:
    hidden, mask = alignment.encode(model, TEXTS)
    hearing = alignment.Hearing(model, states)
    heard = hearing(hidden, mask, torch.arange(20)) @ hearing.out
    project = model.lm.condition_provider.conditioners["description"].output_proj
    for text in range(len(TEXTS)):
        known = project(hidden[text : text + 1, mask[text]])
        for number, layer in enumerate(model.lm.transformer.layers):
            answer = layer.cross_attention(states[number][None], known, known, need_weights=False)[0]
            assert torch.allclose(heard[text, number], answer[0], atol=1e-4)


@torch.no_grad()
def test_the_plain_english_caption_is_no_way_off_and_another_meaning_is(model: MusicGen, states: torch.Tensor) -> None:
    teacher, rng = alignment.Teacher(model, states), np.random.default_rng(2)
    asked = [Meaning("flute", "no", "open", "slow", "minor"), Meaning("synth", "yes", "yes", "fast", "major")]
    hidden, mask = alignment.encode(model, [alignment.plain_english(meaning) for meaning in asked])
    batch = [Caption("", meaning) for meaning in asked]
    assert teacher.distance(hidden, mask, batch, rng).max() < 1e-3
    assert teacher.distance(hidden, mask, batch[::-1], rng).min() > 0.5


def test_every_meaning_of_a_caption_has_a_plain_english_one_of_its_own() -> None:
    texts = [alignment.plain_english(meaning) for meaning in alignment.meanings()]
    assert len(set(texts)) == len(texts)
    assert alignment.plain_english(Meaning("piano", "yes", "yes", "fast", "minor")) == (
        "fast sad piano with drums and bass, in a minor key"
    )
    assert alignment.plain_english(Meaning("none", "yes", "open", "open", "open")) == "drum solo"
    known = set(alignment.meanings())
    assert all(caption.meaning in known for caption in draw_captions(np.random.default_rng(3), 2000))
    assert captions.meaning_of(corpus.DEFAULT_SONG) in known

"""A network's call ends at the next of its parts when it must stop, and nothing stays on the network."""

from __future__ import annotations

import pytest
import torch
from transformers import T5Config, T5EncoderModel

from musicgen_api.domain.errors import Cancelled
from musicgen_api.generation.interruptible import interruptible
from tests.helpers.fakes import RecordingMonitor


@pytest.fixture
def encoder() -> T5EncoderModel:
    config = T5Config(vocab_size=20, d_model=16, d_kv=8, num_heads=2, d_ff=32, num_layers=3, use_cache=False)
    return T5EncoderModel(config).eval()


def encode(encoder: T5EncoderModel) -> torch.Tensor:
    with torch.no_grad():
        return encoder(torch.arange(10).unsqueeze(0)).last_hidden_state


def test_a_text_encoder_is_asked_at_every_projection_of_every_layer(encoder: T5EncoderModel) -> None:
    monitor = RecordingMonitor()
    with interruptible(encoder, monitor.check):
        inside = encode(encoder)
    assert monitor.checks > 3 * 6  # queries, keys, values, output, and two of the feed-forward part
    assert torch.equal(inside, encode(encoder))


def test_it_stops_at_whatever_check_and_is_as_it_was(encoder: T5EncoderModel) -> None:
    before, monitor = encode(encoder), RecordingMonitor(stop_at=12)
    with pytest.raises(Cancelled), interruptible(encoder, monitor.check):
        encode(encoder)
    assert monitor.checks == 12
    assert torch.equal(encode(encoder), before)
    assert monitor.checks == 12

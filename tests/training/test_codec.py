"""The codec's training: the parts that make it learn in minutes."""

import math

import pytest
import torch

from training import codec

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def waves() -> torch.Tensor:
    return codec.draw_batch(1, 0, 4, CPU, seconds=0.5)


@pytest.fixture
def model() -> codec.CompressionModel:
    torch.manual_seed(0)
    return codec.build(codec.configuration(4, 4, 32)).train()


def test_a_batch_is_a_function_of_seed_and_step(waves: torch.Tensor) -> None:
    assert waves.shape == (4, 1, 16_000)
    assert torch.equal(waves, codec.draw_batch(1, 0, 4, CPU, seconds=0.5))
    assert not torch.equal(waves, codec.draw_batch(1, 1, 4, CPU, seconds=0.5))


@torch.no_grad()
def test_scaling_to_data_gives_the_embedding_unit_variance(model: codec.CompressionModel, waves: torch.Tensor) -> None:
    codec.scale_to_data(model, waves)
    embedding = model.encoder(waves)
    assert float(embedding.std()) == pytest.approx(1.0, rel=0.05)
    assert float(model.decoder(embedding).std()) == pytest.approx(float(waves.std()), rel=0.05)


@torch.no_grad()
def test_codebooks_started_from_data_are_used_and_lose_less_with_each_book(
    model: codec.CompressionModel, waves: torch.Tensor
) -> None:
    codec.scale_to_data(model, waves)
    embedding = model.encoder(waves)
    codec.start_codebooks(model, embedding)
    codes = model.quantizer.encode(embedding)
    assert codes.shape == (4, 4, 25)
    errors = [
        float((model.quantizer.vq.decode(codes[:, :k].transpose(0, 1)) - embedding).square().mean())
        for k in (1, 2, 3, 4)
    ]
    assert errors == sorted(errors, reverse=True)
    assert codec.perplexity(codes[:, 0], 32) > 8


def test_reconstruction_keeps_the_length_and_gives_gradients(
    model: codec.CompressionModel, waves: torch.Tensor
) -> None:
    output, penalty = codec.reconstruct(model, waves, quantise=True)
    assert output.shape == waves.shape
    (codec.spectral_loss(output[:, 0], waves[:, 0]) + penalty).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


def test_the_adversary_takes_a_step_and_judges(waves: torch.Tensor) -> None:
    adversary = codec.Adversary(CPU)
    before = [p.clone() for p in adversary.loss.adversary.parameters()]
    loss = adversary((0.5 * waves).requires_grad_(), waves)
    assert torch.isfinite(loss)
    assert any(not torch.equal(a, b) for a, b in zip(before, adversary.loss.adversary.parameters(), strict=True))


def test_perplexity_counts_the_entries_in_use() -> None:
    assert codec.perplexity(torch.arange(16).repeat(4), 64) == pytest.approx(16)
    assert codec.perplexity(torch.zeros(10, dtype=torch.long), 64) == pytest.approx(1)


def test_signal_to_distortion_ignores_scale() -> None:
    target = torch.sin(torch.linspace(0, 400, 8000))[None]
    noise = torch.cos(torch.linspace(0, 931, 8000))[None]
    ratio = codec.scale_invariant_sdr_db(3 * (target + 0.1 * noise), target)
    assert float(ratio) == pytest.approx(20, abs=0.5)
    assert math.isclose(float(codec.scale_invariant_sdr_db(target + 0.1 * noise, target)), float(ratio), rel_tol=1e-3)


def test_spectral_loss_is_least_for_the_target_itself(waves: torch.Tensor) -> None:
    target = waves[:, 0]
    same, quieter = codec.spectral_loss(target, target), codec.spectral_loss(0.5 * target, target)
    assert float(same) == pytest.approx(0, abs=1e-5)
    assert float(quieter) > 0.3

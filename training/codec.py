"""Train the codec: AudioCraft's SEANet with a residual vector quantiser, 32 kHz mono to 4 x 50 tokens a second.

Three things make it learn in minutes on a CPU: weights scaled on data so that no layer starts dead or saturated,
some hundred steps without the quantiser, and codebooks that start from a k-means of what the encoder then says.
With a GPU AudioCraft's multi-scale STFT discriminator joins once the reconstruction has settled.
"""

import argparse
import math
from typing import Any, Final

import numpy as np
import torch
from audiocraft.adversarial import (
    AdversarialLoss,
    FeatureMatchingLoss,
    get_adv_criterion,
    get_fake_criterion,
    get_real_criterion,
)
from audiocraft.adversarial.discriminators import MultiScaleSTFTDiscriminator
from audiocraft.models import builders
from audiocraft.models.encodec import CompressionModel
from audiocraft.quantization.core_vq import EuclideanCodebook
from omegaconf import OmegaConf
from torch import nn
from torch.nn import functional

from training import corpus, runs
from training.instruments import SAMPLE_RATE
from training.spectral import mel_distance, scale_invariant_sdr_db, spectral_loss

log = runs.log

CODEBOOKS: Final = 4
FRAME_RATE: Final = SAMPLE_RATE // corpus.FRAME
_SEED: Final = 11
_HELD_OUT_SEED: Final = 12
_TIME_WEIGHT, _COMMITMENT_WEIGHT, _ADVERSARIAL_WEIGHT, _FEATURE_WEIGHT = 0.6, 0.25, 0.1, 0.3


def configuration(filters: int = 12, decoder_filters: int = 16, codebook_size: int = 512) -> Any:
    """The codec's `xp.cfg`, as AudioCraft's loader reads it."""
    return OmegaConf.create(
        {
            "device": "cpu",
            "dtype": "float32",
            "sample_rate": SAMPLE_RATE,
            "channels": 1,
            "compression_model": "encodec",
            "encodec": {
                "autoencoder": "seanet",
                "quantizer": "rvq",
                "sample_rate": SAMPLE_RATE,
                "channels": 1,
                "causal": False,
                "renormalize": False,
            },
            "seanet": {
                "dimension": 128,
                "channels": 1,
                "causal": False,
                "n_filters": filters,
                "n_residual_layers": 1,
                "ratios": [8, 5, 4, 4],
                "activation": "ELU",
                "activation_params": {"alpha": 1.0},
                "norm": "weight_norm",
                "norm_params": {},
                "kernel_size": 7,
                "residual_kernel_size": 3,
                "last_kernel_size": 7,
                "dilation_base": 2,
                "pad_mode": "constant",
                "true_skip": True,
                "compress": 2,
                "lstm": 0,
                "disable_norm_outer_blocks": 0,
                "encoder": {},
                "decoder": {
                    "n_filters": decoder_filters,
                    "trim_right_ratio": 1.0,
                    "final_activation": None,
                    "final_activation_params": None,
                },
            },
            "rvq": {
                "n_q": CODEBOOKS,
                "q_dropout": False,
                "bins": codebook_size,
                "decay": 0.99,
                "kmeans_init": True,
                "kmeans_iters": 15,
                "threshold_ema_dead_code": 0.05,  # AudioCraft's 2 expires most codes of a small batch
                "orthogonal_reg_weight": 0.0,
                "orthogonal_reg_active_codes_only": False,
            },
            "no_quant": {},
        }
    )


def build(cfg: Any) -> CompressionModel:
    """A codec with fresh weights."""
    return builders.get_compression_model(cfg)


def load(device: torch.device, path: Any = runs.CODEC) -> tuple[CompressionModel, Any]:
    """The trained codec, ready to encode, and its configuration."""
    state = runs.load(path, device)
    if state is None:
        raise FileNotFoundError(f"{path} is missing: run `python -m training.codec` first")
    cfg = OmegaConf.create(state["xp.cfg"])
    model = build(cfg)
    model.load_state_dict(state["best_state"])
    return model.to(device).eval(), cfg


def draw_batch(seed: int, step: int, size: int, device: torch.device, seconds: float = 1.0) -> torch.Tensor:
    """Crops of random songs, `[B, 1, samples]`; most start on the frame grid, as they will when tokens are made."""
    rng = runs.generator(seed, step)
    samples, crops_per_song = round(seconds * SAMPLE_RATE), 4
    crops: list[np.ndarray] = []
    while len(crops) < size:
        wave = corpus.render(corpus.draw(rng), 6 * seconds, rng)
        for _ in range(crops_per_song):
            start = int(rng.integers((len(wave) - samples) // corpus.FRAME)) * corpus.FRAME
            crops.append(wave[start : start + samples])
    return torch.from_numpy(np.stack(crops[:size]))[:, None].to(device)


@torch.no_grad()
def scale_to_data(model: CompressionModel, waves: torch.Tensor) -> None:
    """Give every convolution's output unit variance, layer by layer (LSUV, Mishkin and Matas 2016)."""
    _scale_chain(model.encoder.model, waves, final=1.0)
    _scale_chain(model.decoder.model, model.encoder(waves), final=float(waves.std()))


def _scale_chain(chain: nn.Sequential, x: torch.Tensor, final: float) -> None:
    last = len(chain) - 1
    for index, layer in enumerate(chain):
        if hasattr(layer, "block"):  # a residual unit: its branch should add half as much as passes by
            branch = x
            for part in layer.block:
                _scale_convolution(part, branch, 0.5)
                branch = part(branch)
        else:
            _scale_convolution(layer, x, final if index == last else 1.0)
        x = layer(x)


def _scale_convolution(layer: nn.Module, x: torch.Tensor, deviation: float) -> None:
    for convolution in layer.modules():
        if isinstance(convolution, nn.Conv1d | nn.ConvTranspose1d):
            nn.init.zeros_(convolution.bias)
            convolution.weight_g.mul_(deviation / (layer(x).std() + 1e-8))


@torch.no_grad()
def start_codebooks(model: CompressionModel, embeddings: torch.Tensor, rounds: int = 12) -> None:
    """Set each codebook to the k-means of what the ones before it leave over; `embeddings` is `[B, D, T]`."""
    residual = embeddings.transpose(1, 2).reshape(-1, embeddings.shape[1])
    for layer in model.quantizer.vq.layers:
        codebook: EuclideanCodebook = layer._codebook
        picks = torch.randperm(len(residual), device=residual.device)[: codebook.codebook_size]
        codebook.embed.data.copy_(residual[picks])
        for _ in range(rounds):
            nearest = codebook.quantize(residual)
            counts = torch.bincount(nearest, minlength=codebook.codebook_size)[:, None]
            sums = torch.zeros_like(codebook.embed).index_add_(0, nearest, residual)
            codebook.embed.data.copy_(torch.where(counts > 0, sums / counts.clamp(min=1), codebook.embed))
        codebook.embed_avg.data.copy_(codebook.embed)
        codebook.cluster_size.data.fill_(1.0)
        codebook.inited.data.fill_(1.0)
        residual = residual - codebook.dequantize(codebook.quantize(residual))


def reconstruct(model: CompressionModel, waves: torch.Tensor, *, quantise: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Waves `[B, 1, samples]` through the auto-encoder: the output and the commitment penalty."""
    with runs.half_precision(waves.device):
        embedding = model.encoder(waves)
    embedding = embedding.float()
    penalty = 0.1 * (embedding.std() - 1).pow(2)  # keeps the scale that the codebooks will start from
    if quantise:
        quantised = model.quantizer(embedding, FRAME_RATE)
        embedding, penalty = quantised.x, quantised.penalty.mean()
    with runs.half_precision(waves.device):
        output = model.decoder(embedding)
    return output.float()[..., : waves.shape[-1]], penalty


class Adversary:
    """AudioCraft's multi-scale STFT discriminator and its losses; it takes a step for each of the codec's."""

    def __init__(self, device: torch.device) -> None:
        discriminator = MultiScaleSTFTDiscriminator(filters=32).to(device)
        self.optimiser = torch.optim.AdamW(discriminator.parameters(), 3e-4, betas=(0.5, 0.9))
        self.loss = AdversarialLoss(
            discriminator,
            self.optimiser,
            loss=get_adv_criterion("hinge"),
            loss_real=get_real_criterion("hinge"),
            loss_fake=get_fake_criterion("hinge"),
            loss_feat=FeatureMatchingLoss(),
        )

    def __call__(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        self.loss.train_adv(output, target)
        adversarial, features = self.loss(output, target)
        return _ADVERSARIAL_WEIGHT * adversarial + _FEATURE_WEIGHT * features

    def state(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return {"adversary": self.loss.state_dict()}


@torch.no_grad()
def evaluate(model: CompressionModel, clips: int = 48, seconds: float = 4.0) -> dict[str, Any]:
    """Distances and codebook use on songs that were never trained on."""
    training, device = model.training, next(model.parameters()).device
    model.eval()
    waves = draw_batch(_HELD_OUT_SEED, 0, clips, device, seconds)
    codes, _ = model.encode(waves)
    output = model.decode(codes)[:, 0, : waves.shape[-1]]
    model.train(training)
    return {
        "mel_distance": round(mel_distance(output, waves[:, 0]), 4),
        "si_sdr_db": round(float(scale_invariant_sdr_db(output, waves[:, 0]).median()), 2),
        "perplexity": [round(perplexity(codes[:, k], model.cardinality)) for k in range(codes.shape[1])],
    }


def perplexity(codes: torch.Tensor, codebook_size: int) -> float:
    """How many entries of a codebook are in use, as the exponential of the entropy of `codes`."""
    shares = torch.bincount(codes.flatten(), minlength=codebook_size).float()
    shares = shares[shares > 0] / shares.sum()
    return math.exp(-float((shares * shares.log()).sum()))


def train(args: argparse.Namespace) -> None:
    """Train, resuming from the last checkpoint, and leave the codec at `runs.CODEC`."""
    device = runs.start("codec")
    cfg = configuration(args.filters, args.decoder_filters, args.codebook_size)
    model = build(cfg).to(device).train()
    optimiser = torch.optim.AdamW(model.parameters(), args.learning_rate, betas=(0.9, 0.99), weight_decay=0.0)
    adversary = Adversary(device) if args.adversarial else None
    first = _resume(model, optimiser, adversary, device)
    if first == 0:
        scale_to_data(model, draw_batch(_SEED, 2**31, 16, device))
    model.encoder.requires_grad_(not args.decoder_only)
    size = sum(p.numel() for p in model.parameters()) / 1e6
    log.info("%.2f M parameters, from step %d of %d", size, first, args.steps)

    for step in runs.count_steps(first, args.steps, "codec"):
        model.quantizer.train(not args.decoder_only)
        if step == args.unquantised_steps:
            with torch.no_grad(), runs.half_precision(device):
                waves = draw_batch(_SEED, 2**31, 192, device)
                start_codebooks(model, torch.cat([model.encoder(part) for part in waves.split(16)]).float())
        for group in optimiser.param_groups:
            group["lr"] = runs.learning_rate(step, args.steps, args.learning_rate)
        waves = draw_batch(_SEED, step, args.batch, device)
        output, penalty = reconstruct(model, waves, quantise=step >= args.unquantised_steps)
        spectral = spectral_loss(output[:, 0], waves[:, 0])
        temporal = functional.l1_loss(output, waves) / (waves.abs().mean() + 1e-3)
        loss = spectral + _TIME_WEIGHT * temporal + _COMMITMENT_WEIGHT * penalty
        if adversary is not None and step >= args.steps // 4:
            loss = loss + adversary(output, waves)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimiser.step()
        if (step + 1) % args.report_every == 0:
            losses = [float(part.detach()) for part in (spectral, temporal, penalty)]
            log.info("step %d spectral %.3f time %.3f commitment %.3f", step + 1, *losses)
        if (step + 1) % args.save_every == 0 or step + 1 == args.steps:
            log.info("held out, step %d: %s", step + 1, evaluate(model))
            _save(model, optimiser, adversary, cfg, step + 1)


def _resume(model: CompressionModel, optimiser: Any, adversary: Adversary | None, device: torch.device) -> int:
    """Load the last checkpoint, if there is one; returns the step to go on from."""
    state = runs.load(runs.CODEC.with_suffix(".resume"), device)
    if state is None:
        return 0
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    if adversary is not None and "adversary" in state:
        adversary.loss.load_state_dict(state["adversary"])
    return int(state["step"])


def _save(model: CompressionModel, optimiser: Any, adversary: Adversary | None, cfg: Any, step: int) -> None:
    state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": step}
    runs.save(runs.CODEC.with_suffix(".resume"), state | (adversary.state() if adversary else {}))
    runs.save(runs.CODEC, {"best_state": model.state_dict(), "xp.cfg": OmegaConf.to_yaml(cfg)})


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--steps", type=int, default=20_000 if gpu else 6_000)
    parser.add_argument("--unquantised-steps", type=int, default=250)
    parser.add_argument("--batch", type=int, default=64 if gpu else 8, help="crops of one second")
    parser.add_argument("--learning-rate", type=float, default=6e-4 if gpu else 1.2e-3)
    parser.add_argument("--filters", type=int, default=12)
    parser.add_argument("--decoder-filters", type=int, default=16)
    parser.add_argument("--codebook-size", type=int, default=512)
    parser.add_argument("--adversarial", action=argparse.BooleanOptionalAction, default=gpu)
    parser.add_argument("--decoder-only", action="store_true", help="go on with the decoder; tokens stay valid")
    parser.add_argument("--report-every", type=int, default=50)
    parser.add_argument("--save-every", type=int, default=500)
    train(parser.parse_args(arguments))


if __name__ == "__main__":
    main()

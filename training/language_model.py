"""Train the language model: AudioCraft's transformer over the codec's tokens, in the delay pattern, with captions.

Crops of several lengths are mixed from the first step to the last. First notes teach what the caption asks for; windows
and middles, each at its true position, teach how music goes on; continuations start anywhere at position zero, as the
second window of a long generation does, and are not asked to guess their first frames.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from audiocraft.models import builders
from audiocraft.models.lm import LMModel
from audiocraft.modules.conditioners import ConditioningAttributes, T5Conditioner
from omegaconf import OmegaConf
from torch import nn
from torch.nn import functional

from training import captions, codec, runs, text_encoder, tokens
from training.tokens import OPENING, WINDOW, Clip

log = runs.log

_SEED: Final = 41
_CODEBOOK_WEIGHTS: Final = (
    1.4,
    1.1,
    0.8,
    0.7,
)  # the first codebooks carry the music, the last ones its grain
_HELD_OUT_OPENINGS, _HELD_OUT_WINDOWS = 96, 6  # the first clips of each kind are never trained on
_IGNORED: Final = -100


def configuration(text_encoder_folder: Path, codebook_size: int, width: int = 256, layers: int = 6) -> Any:
    """The language model's `xp.cfg`, as AudioCraft's loader reads it: built like facebook/musicgen-*, only smaller."""
    return OmegaConf.create(
        {
            "solver": "musicgen",
            "device": "cpu",
            "dtype": "float32",
            "autocast": False,
            "sample_rate": codec.SAMPLE_RATE,
            "channels": 1,
            "compression_model_checkpoint": None,
            "compression_model_n_q": None,
            "interleave_stereo_codebooks": {"use": False, "per_timestep": False},
            "lm_model": "transformer_lm",
            "dataset": {"segment_duration": WINDOW // codec.FRAME_RATE},
            "codebooks_pattern": {
                "modeling": "delay",
                "delay": {"delays": list(range(codec.CODEBOOKS)), "flatten_first": 0, "empty_initial": 0},
            },
            "transformer_lm": {
                "dim": width,
                "num_heads": width // 64,
                "num_layers": layers,
                "hidden_scale": 4,
                "n_q": codec.CODEBOOKS,
                "card": codebook_size,
                "dropout": 0.0,
                "emb_lr": None,
                "activation": "gelu",
                "norm_first": True,
                "bias_ff": False,
                "bias_attn": False,
                "bias_proj": False,
                "past_context": None,
                "causal": True,
                "custom": False,
                "memory_efficient": True,
                "attention_as_float32": False,
                "layer_scale": None,
                "positional_embedding": "sin",
                "xpos": False,
                "checkpointing": "none",
                "weight_init": "gaussian",
                "depthwise_init": "current",
                "zero_bias_init": True,
                "norm": "layer_norm",
                "cross_attention": False,
                "qk_layer_norm": False,
                "qk_layer_norm_cross": False,
                "attention_dropout": None,
                "kv_repeat": 1,
                "two_step_cfg": False,
            },
            "classifier_free_guidance": {"training_dropout": 0.15, "inference_coef": 3.0},
            "attribute_dropout": {},
            "fuser": {
                "cross_attention_pos_emb": False,
                "cross_attention_pos_emb_scale": 1,
                "sum": [],
                "prepend": [],
                "cross": ["description"],
                "input_interpolate": [],
            },
            "conditioners": {
                "description": {
                    "model": "t5",
                    "t5": {
                        "name": str(text_encoder_folder),
                        "finetune": False,
                        "word_dropout": 0.0,
                        "normalize_text": False,
                    },
                }
            },
        }
    )


def register_text_encoder(folder: Path) -> None:
    """Let AudioCraft's T5Conditioner load a local folder: it only takes names that it knows."""
    if str(folder) not in T5Conditioner.MODELS:
        T5Conditioner.MODELS.append(str(folder))
        T5Conditioner.MODELS_DIMS[str(folder)] = text_encoder.DIMENSION


def build(cfg: Any) -> LMModel:
    """A model with fresh weights. Embeddings start as large as the sine positions that are added to them."""
    model = builders.get_lm_model(cfg)
    for embedding in model.emb:
        nn.init.normal_(embedding.weight, std=0.4)
    return model


@dataclass(frozen=True)
class Crop:
    """A kind of training example; each step takes `batch` crops of one kind, about equally many frames."""

    name: str
    share: float
    batch: int
    frames: int
    starts_at_zero: bool  # is the crop the clip's beginning?
    keeps_position: bool  # does the model see it at its place in the clip, or at position zero?
    unasked: int  # first frames of a crop from the middle that are context only


CROPS: Final = (
    Crop("opening", 0.10, 12, OPENING, True, True, 0),
    Crop("first notes", 0.30, 24, OPENING // 2, True, True, 0),
    Crop("beginning", 0.15, 5, 300, True, True, 0),
    Crop("middle", 0.20, 3, 512, False, True, 32),
    Crop("continuation", 0.05, 2, 768, False, False, 100),
    Crop("window", 0.20, 1, WINDOW, True, True, 0),
)


class Corpus:
    """The token clips in memory."""

    def __init__(self) -> None:
        windows = [clip for shard in tokens.load("windows") for clip in shard]
        openings = [clip for shard in tokens.load("openings") for clip in shard]
        self.held_out = {"opening": openings[:_HELD_OUT_OPENINGS], "window": windows[:_HELD_OUT_WINDOWS]}
        self.windows = windows[_HELD_OUT_WINDOWS:]
        self.openings = openings[_HELD_OUT_OPENINGS:] + self.windows

    def draw(self, crop: Crop, scale: int, rng: np.random.Generator) -> "Batch":
        """A batch of one kind; `scale` multiplies its size."""
        clips = self.openings if crop.frames <= OPENING else self.windows
        chosen = [clips[i] for i in rng.integers(len(clips), size=scale * crop.batch)]
        latest = 0 if crop.starts_at_zero else WINDOW - crop.frames
        return Batch.of(chosen, crop, [int(start) for start in rng.integers(latest + 1, size=len(chosen))], rng)


@dataclass
class Batch:
    """Tokens `[B, K, T]` (int64), each row's position, the tokens that are to be predicted, and the captions."""

    codes: torch.Tensor
    positions: torch.Tensor
    wanted: torch.Tensor
    texts: list[str]

    @classmethod
    def of(cls, clips: list[Clip], crop: Crop, starts: list[int], rng: np.random.Generator) -> "Batch":
        """Cut the crops and draw a fresh caption for each."""
        parts = [clip.codes[:, start : start + crop.frames] for clip, start in zip(clips, starts, strict=True)]
        codes = torch.stack(parts).long()
        wanted = codes.clone()
        for row, start in enumerate(starts):
            if start:
                wanted[row, :, : crop.unasked] = _IGNORED
        positions = torch.tensor(starts if crop.keeps_position else [0] * len(starts))
        return cls(codes, positions, wanted, [captions.describe(clip.song, rng).text for clip in clips])


def losses(model: LMModel, batch: Batch, device: torch.device) -> torch.Tensor:
    """Cross-entropy in nats for each codebook, `[K]`."""
    # A streaming transformer counts positions from its `offsets`; outside streaming it reads them and leaves them be.
    model.transformer._streaming_state["offsets"] = batch.positions.to(device)
    conditions = [ConditioningAttributes(text={"description": text}) for text in batch.texts]
    with runs.half_precision(device):
        output = model.compute_predictions(batch.codes.to(device), conditions)
    model.transformer._streaming_state.clear()
    wanted, per_codebook = batch.wanted.to(device), []
    for k in range(wanted.shape[1]):
        known = int(output.mask[0, k].sum())  # the delay leaves the last k frames of codebook k without a prediction
        logits = output.logits[:, k, :known].flatten(0, 1).float()
        targets = wanted[:, k, :known].flatten()
        per_codebook.append(functional.cross_entropy(logits, targets, ignore_index=_IGNORED))
    return torch.stack(per_codebook)


@torch.no_grad()
def evaluate(model: LMModel, corpus: Corpus, device: torch.device) -> dict[str, list[float]]:
    """Held-out cross-entropy: openings with their own and with another's caption, and whole windows."""
    model.eval()
    rng = runs.generator(_SEED + 1, 0)
    opening, window = CROPS[0], CROPS[-1]
    clips = corpus.held_out["opening"]
    batch = Batch.of(clips, opening, [0] * len(clips), rng)
    wrong = Batch(batch.codes, batch.positions, batch.wanted, batch.texts[1:] + batch.texts[:1])
    clips = corpus.held_out["window"]
    result = {
        "opening": losses(model, batch, device),
        "opening, wrong caption": losses(model, wrong, device),
        "window": losses(model, Batch.of(clips, window, [0] * len(clips), rng), device),
    }
    model.train()
    return {name: [round(float(value), 3) for value in values] for name, values in result.items()}


def make_optimisers(model: LMModel, learning_rate: float) -> tuple[torch.optim.Optimizer, ...]:
    """Muon for the transformer's matrices, AdamW for all else; one learning rate suits both.

    Muon (Jordan et al. 2024) makes a matrix's update orthogonal. Side by side on this corpus it needed half of AdamW's
    steps, each 1.2 times as long (docs/training.md).
    """
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    matrices = [p for name, p in trained if p.dim() == 2 and name.startswith("transformer")]
    others = [p for name, p in trained if p.dim() != 2 or not name.startswith("transformer")]
    return (
        torch.optim.Muon(matrices, learning_rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, learning_rate, betas=(0.9, 0.95), weight_decay=0.0),
    )


def train(args: argparse.Namespace) -> None:
    """Train, resuming from the last checkpoint, and leave the model at `runs.LANGUAGE_MODEL`."""
    device = runs.start("language_model")
    register_text_encoder(runs.TEXT_ENCODER)
    codebook_size = codec.load(device)[0].cardinality
    cfg = configuration(runs.TEXT_ENCODER, codebook_size, args.width, args.layers)
    cfg.device = str(device)
    model = build(cfg).to(device).train()
    optimisers = make_optimisers(model, args.learning_rate)
    first = 0
    if (state := runs.load(runs.LANGUAGE_MODEL.with_suffix(".resume"), device)) is not None:
        first = state["step"]
        model.load_state_dict(state["model"])
        for optimiser, saved in zip(optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
    corpus = Corpus()
    weights = torch.tensor(_CODEBOOK_WEIGHTS, device=device) / sum(_CODEBOOK_WEIGHTS)
    shares = [crop.share for crop in CROPS]
    size = sum(p.numel() for p in model.parameters()) / 1e6
    log.info("%.2f M parameters, %d windows, from step %d of %d", size, len(corpus.windows), first, args.steps)

    for step in runs.count_steps(first, args.steps, "language model"):
        rate = runs.learning_rate(step, args.steps, args.learning_rate, warm_up=100)
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
        rng = runs.generator(_SEED, step)
        crop = CROPS[rng.choice(len(CROPS), p=shares)]
        per_codebook = losses(model, corpus.draw(crop, args.batch_scale, rng), device)
        model.zero_grad(set_to_none=True)
        (per_codebook * weights).sum().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimiser in optimisers:
            optimiser.step()
        if (step + 1) % args.report_every == 0:
            log.info("step %d %s %s", step + 1, crop.name, [round(loss, 3) for loss in per_codebook.tolist()])
        if (step + 1) % args.save_every == 0 or step + 1 == args.steps:
            log.info("held out, step %d: %s", step + 1, evaluate(model, corpus, device))
            _save(model, optimisers, cfg, step + 1)
            corpus = Corpus()  # more tokens may have been made by now


def _save(model: LMModel, optimisers: Sequence[torch.optim.Optimizer], cfg: Any, step: int) -> None:
    states = [optimiser.state_dict() for optimiser in optimisers]
    state = {"model": model.state_dict(), "optimisers": states, "step": step}
    runs.save(runs.LANGUAGE_MODEL.with_suffix(".resume"), state)
    runs.save(runs.LANGUAGE_MODEL, {"best_state": model.state_dict(), "xp.cfg": OmegaConf.to_yaml(cfg)})


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--steps", type=int, default=12_000 if gpu else 33_000)
    parser.add_argument("--batch-scale", type=int, default=8 if gpu else 1, help="times about 1,500 frames a step")
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--report-every", type=int, default=20)
    parser.add_argument("--save-every", type=int, default=250)
    train(parser.parse_args(arguments))


if __name__ == "__main__":
    main()

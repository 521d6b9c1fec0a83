"""Tiny random language models of AudioCraft's, in every form that the engine has to equal."""

from __future__ import annotations

from typing import Any

import torch
from audiocraft.models.lm import LMModel
from audiocraft.modules.codebooks_patterns import DelayedPatternProvider
from audiocraft.modules.conditioners import ConditionFuser, ConditioningAttributes, ConditioningProvider
from torch import Tensor, nn

from musicgen_api.engine import Engine, Precision, Sampling
from musicgen_api.generation.conditions import conditions_of, fuse
from musicgen_api.models.engine_weights import architecture_of, engine_weights

WIDTH = 32
CARD = 64
STEREO_DELAYS = (0, 0, 1, 1, 2, 2, 3, 3)
CPU = torch.device("cpu")


class ByLength(ConditioningProvider):
    """Makes a condition of a text's length, padded, masked, zero for no text, like T5Conditioner."""

    def __init__(self, names: list[str], null_length: int = 1, width: int = WIDTH) -> None:
        super().__init__({})
        self._names = names
        self._null_length = null_length
        self.register_buffer("embedding", torch.randn(200, width, generator=torch.Generator().manual_seed(7)))

    def tokenize(self, inputs: list[ConditioningAttributes]) -> Any:
        return {name: [len(song.text.get(name) or "") for song in inputs] for name in self._names}

    def forward(self, tokenized: dict[str, list[int]]) -> dict[str, tuple[Tensor, Tensor]]:
        return {name: self._condition(index, lengths) for index, (name, lengths) in enumerate(tokenized.items())}

    def _condition(self, index: int, lengths: list[int]) -> tuple[Tensor, Tensor]:
        steps = torch.arange(max([*lengths, self._null_length]))
        mask = (steps < torch.tensor(lengths).unsqueeze(1)).int()
        condition = self.embedding[steps + 40 * index] * (1 + torch.tensor(lengths).view(-1, 1, 1) / 10)
        return condition * mask.unsqueeze(-1), mask


def tiny_lm(
    *,
    delays: tuple[int, ...] = (0, 1, 2, 3),
    cross: tuple[str, ...] = ("description",),
    prepend: tuple[str, ...] = (),
    bias: bool = False,
    null_length: int = 1,
    seed: int = 0,
    width: int = WIDTH,
    heads: int = 4,
    **transformer: Any,
) -> LMModel:
    """Build a model of two layers whose weights are so large that every part of it shows in the result."""
    options: dict[str, Any] = {"memory_efficient": True, "norm_first": True, "activation": "gelu"}
    options |= transformer
    torch.manual_seed(seed)
    lm = LMModel(
        DelayedPatternProvider(len(delays), list(delays)),
        ByLength([*cross, *prepend], null_length, width),
        ConditionFuser({"sum": [], "prepend": list(prepend), "cross": list(cross), "input_interpolate": []}),
        n_q=len(delays),
        card=CARD,
        dim=width,
        num_heads=heads,
        num_layers=2,
        hidden_scale=4,
        bias_proj=bias,
        bias_ff=bias,
        bias_attn=bias,
        causal=True,
        cross_attention=bool(cross),
        dropout=0.0,
        cfg_coef=3.0,
        **options,
    )
    for parameter in lm.parameters():
        nn.init.normal_(parameter, std=0.25 * (WIDTH / width) ** 0.5)
    return lm.requires_grad_(False).eval()


def songs(*texts: str | None, name: str = "description", **others: str) -> list[ConditioningAttributes]:
    """One song for each text."""
    return [ConditioningAttributes(text={name: text, **others}) for text in texts]


class AsAudioCraft:
    """The engine behind the signature of `LMModel.generate`, to be compared with it: from torch's default generator."""

    def __init__(self, lm: LMModel, engine: Engine) -> None:
        self._lm = lm
        self.engine = engine

    @torch.no_grad()
    def __call__(
        self,
        prompt: Tensor | None = None,
        conditions: list[ConditioningAttributes] | None = None,
        num_samples: int | None = None,
        max_gen_len: int = 256,
        use_sampling: bool = True,
        temp: float = 1.0,
        top_k: int = 250,
        top_p: float = 0.0,
        cfg_coef: float | None = None,
        two_step_cfg: bool = False,
        remove_prompts: bool = False,
        callback: Any = None,
    ) -> Tensor:
        """Generate codes [B, K, max_gen_len], or without the prompt's frames. See `LMModel.generate`."""
        lm, conditions = self._lm, conditions or []
        if prompt is None:
            prompt = torch.zeros((num_samples or len(conditions) or 1, lm.n_q, 0), dtype=torch.long)
        # AudioCraft's two-step guidance takes the model's own coefficient, whatever it is given.
        coefficient = lm.cfg_coef if cfg_coef is None or two_step_cfg else cfg_coef
        songs = prompt.shape[0]
        first = lm.pattern_provider.get_pattern(max_gen_len).get_first_step_with_timesteps(prompt.shape[-1])
        total = max_gen_len + max(lm.pattern_provider.delays) + 1 - (first or 0)
        done = 0

        def on_step() -> None:
            nonlocal done
            done += 1
            if callback is not None:
                callback(done, total)

        frames = self.engine.generate(
            prompt,
            conditions_of(lm, conditions, two_step=two_step_cfg) if conditions else [fuse(lm, {}, songs)],
            frames=max_gen_len,
            sampling=Sampling(use_sampling, temp, top_k, top_p),
            guidance=coefficient if conditions else None,
            on_step=on_step,
        )
        return torch.cat([*([] if remove_prompts else [prompt]), *frames], dim=-1)


def engine_for(lm: LMModel, precision: Precision = "fp32", **options: Any) -> AsAudioCraft:
    """The engine with `lm`'s weights."""
    weights = engine_weights(lm, lm.state_dict(), precision, CPU)
    return AsAudioCraft(lm, Engine(architecture_of(lm), weights, **options))


def seeded(generate: Any, *arguments: Any, seed: int = 1, **keywords: Any) -> tuple[Tensor, Tensor]:
    """The codes of a generation from a seed, and the random state that it leaves."""
    torch.manual_seed(seed)
    return generate(*arguments, **keywords), torch.get_rng_state()

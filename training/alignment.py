"""Teach a new text encoder to be heard by a trained language model as its earlier text encoder was.

A language model hears a caption through its cross-attention alone, which knows neither the order of the caption's
tokens nor how many they are. So the new encoder's tokens need not be those of the earlier one: what must agree is what
every layer's cross-attention makes of them. The aim is what it makes of the earlier encoder's tokens for one plain
English caption of the same meaning, asked by queries from the language model's own states over music of the corpus.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from audiocraft.models import MusicGen
from torch import nn

from training import captions, codec, corpus, language_model, packing, runs, text_encoder, tokens
from training.captions import CHOICES, OPEN, Meaning
from training.language_model import Batch

_SEED: Final = 24
_QUERIES: Final = 512  # states of each layer to ask with
_ASKED: Final = 12  # of them at each step
_SONGS: Final = {128: 96, 768: 8}
"""How many songs the queries come from, by their length in frames: the caption matters most at a song's beginning."""


def plain_english(meaning: Meaning) -> str:
    """The one caption that stands for a meaning: `fast sad piano with drums and bass, in a minor key`."""
    tempo = {"medium": "mid-tempo", OPEN: ""}.get(meaning.tempo, meaning.tempo)
    if meaning.family == "none":
        return f"{tempo} drum solo".strip()
    mood = {"major": "happy", "minor": "sad"}.get(meaning.mode, "")
    rhythm = [name for name in ("drums", "bass") if getattr(meaning, name) == "yes"]
    company = f"with {' and '.join(rhythm)}" if rhythm else ""
    text = " ".join(part for part in (tempo, mood, meaning.family, company) if part)
    return f"{text}, in a {meaning.mode} key" if meaning.mode != OPEN else text


def meanings() -> list[Meaning]:
    """Everything that a caption of the corpus can mean."""
    pitched = itertools.product(
        [value for value in CHOICES["family"] if value not in ("none", OPEN)],
        ("yes", "no"),
        CHOICES["bass"],
        CHOICES["tempo"],
        CHOICES["mode"],
    )
    return [Meaning(*values) for values in pitched] + [
        Meaning("none", "yes", OPEN, tempo, OPEN) for tempo in CHOICES["tempo"]
    ]


class Hearing:
    """The cross-attention of all layers, asked with fixed queries: from an encoder's tokens to what each head hears.

    Projections are linear, so they are multiplied out: a score is a token's product with a vector of the encoder's own
    width `d`, and a head's answer is a matrix times the weighted mean of the tokens. The letters: L layers, H heads,
    Q queries, B texts, T tokens, D the width of the language model.
    """

    def __init__(self, model: MusicGen, states: torch.Tensor) -> None:
        """Take the weights of `model`, and `states` [L, Q, D] to ask with."""
        project = model.lm.condition_provider.conditioners["description"].output_proj
        blocks = [layer.cross_attention for layer in model.lm.transformer.layers]
        self.heads, self.width = blocks[0].num_heads, blocks[0].embed_dim
        ask, key, value = torch.stack([block.in_proj_weight.detach() for block in blocks]).chunk(3, dim=1)
        weight, bias = project.weight.detach(), project.bias.detach()
        asked = self._split(states @ ask.mT)  # [L, H, Q, D / H]
        keys = (key @ weight).unflatten(1, (self.heads, -1))  # [L, H, D / H, d]; a bias moves all scores alike
        self.queries = (asked @ keys / asked.shape[-1] ** 0.5).contiguous()  # [L, H, Q, d]
        self.values = (value @ weight).unflatten(1, (self.heads, -1)).mT.contiguous()  # [L, H, d, D / H]
        self.constant = (value @ bias)[:, None]  # [L, 1, D]
        self.out = torch.stack([block.out_proj.weight.detach() for block in blocks]).mT.contiguous()  # [L, D, D]

    def __call__(self, hidden: torch.Tensor, mask: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
        """What each head answers, side by side: tokens `[B, T, d]`, chosen queries `[Q]` to `[B, L, Q, D]`."""
        queries = self.queries[:, :, chosen]
        scores = (hidden @ queries.flatten(0, 2).T).masked_fill(~mask[..., None], -torch.inf)
        pooled = (scores.softmax(1).mT @ hidden).unflatten(1, queries.shape[:3])  # [B, L, H, Q, d]
        return (pooled @ self.values).transpose(2, 3).flatten(3) + self.constant

    def _split(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.unflatten(-1, (self.heads, -1)).transpose(-2, -3)


class Teacher:
    """What a model's language model hears when a meaning is asked for in plain English."""

    def __init__(self, model: MusicGen, states: torch.Tensor) -> None:
        """Ask it in `states` [L, Q, D]."""
        self.index = {meaning: number for number, meaning in enumerate(meanings())}
        self.hearing = Hearing(model, states)
        hidden, mask = encode(model, [plain_english(meaning) for meaning in self.index])
        every = torch.arange(states.shape[1], device=states.device)
        parts = zip(hidden.split(16), mask.split(16), strict=True)
        self.wanted = torch.cat(
            [self.hearing(part, known, every).half() for part, known in parts]
        )  # [meanings, L, Q, D]
        sample = self.wanted[:, :, :64].float() @ self.hearing.out
        self.spread = (sample - sample.mean(0)).square().mean((0, 2, 3))  # [L]

    def distance(
        self, hidden: torch.Tensor, mask: torch.Tensor, batch: list[captions.Caption], rng: np.random.Generator
    ) -> torch.Tensor:
        """How far tokens `[B, T, d]` are from being heard as their captions should, `[B]`.

        The mean square error over the layers, as a share of the variance between meanings: 1 is what one answer for
        all captions would have.
        """
        chosen = torch.from_numpy(rng.integers(self.wanted.shape[2], size=_ASKED)).to(hidden.device)
        numbers = torch.tensor([self.index[caption.meaning] for caption in batch], device=hidden.device)
        wanted = self.wanted[numbers][:, :, chosen].float()
        error = (self.hearing(hidden, mask.bool(), chosen) - wanted) @ self.hearing.out
        return (error.square().mean((2, 3)) / self.spread).mean(1)


@torch.no_grad()
def encode(model: MusicGen, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """The text encoder's own output in fp32, `[B, T, d]`, and the mask `[B, T]` (bool)."""
    conditioner: Any = model.lm.condition_provider.conditioners["description"]
    inputs = conditioner.t5_tokenizer(texts, return_tensors="pt", padding=True).to(model.device)
    return conditioner.t5.float()(**inputs).last_hidden_state, inputs["attention_mask"].bool()


@torch.no_grad()
def gather_states(model: MusicGen, device: torch.device) -> torch.Tensor:
    """States in which the layers ask their cross-attention, over songs of the corpus: `[L, _QUERIES, D]`."""
    rng = runs.generator(_SEED, 0)
    layers = model.lm.transformer.layers
    kept: list[torch.Tensor] = []
    for frames, count in _SONGS.items():
        for _ in range(0, count, 8):
            songs = [corpus.draw(rng) for _ in range(8)]
            waves = [corpus.render(song, frames / codec.FRAME_RATE, rng) for song in songs]
            codes = tokens.encode(model.compression_model, torch.from_numpy(np.stack(waves))[:, None].to(device))
            texts = [plain_english(captions.meaning_of(song)) for song in songs]
            batch = Batch(codes, torch.zeros(len(songs), dtype=torch.long), codes, texts)
            with overheard(layers) as states:
                language_model.losses(model.lm, batch, device)
            kept.append(torch.stack(states).flatten(1, 2))
    everything = torch.cat(kept, 1)
    return everything[:, torch.from_numpy(rng.permutation(everything.shape[1])[:_QUERIES])]


@contextmanager
def overheard(layers: nn.ModuleList) -> Iterator[list[torch.Tensor]]:
    """The states that come to the layers' cross-attention, `[B, S, D]` each, in the order of the layers."""
    states: list[torch.Tensor] = []
    hooks = [
        layer.cross_attention.register_forward_pre_hook(lambda _, inputs: states.append(inputs[0].float()))  # type: ignore[func-returns-value]
        for layer in layers
    ]
    try:
        yield states
    finally:
        for hook in hooks:
            hook.remove()


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = text_encoder.arguments_of(__doc__, 6000)
    parser.add_argument("--model", type=Path, default=packing.BUNDLED, help="folder of the packed model")
    args = parser.parse_args(arguments)
    device = runs.start("alignment")
    model = packing.load(args.model, str(device))
    text_encoder.train(args, device, Teacher(model, gather_states(model, device)))


if __name__ == "__main__":
    main()

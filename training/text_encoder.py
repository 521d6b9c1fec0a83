"""Make the text encoder: a tiny T5 with a tokenizer of its own, taught what captions mean before any music is heard.

The encoder learns to tell, from every token's output, all that the caption asks for. The language model then finds in
its cross-attention a plain statement of the request instead of having to learn English through the sound, which a
short training never does; the encoder stays frozen from there on, as T5 does in MusicGen.
"""

import argparse
import itertools
from dataclasses import asdict
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from transformers import T5Config, T5EncoderModel, T5Tokenizer

from training import captions, corpus, runs, tokenizer

log = runs.log

DIMENSION: Final = 96
_LONGEST: Final = 96  # tokens of a caption that are learnt from; longer ones work, and would slow the training
_READING: Final = 0.2  # weight of the reader's loss beside a teacher's
_REPORT_EVERY: Final = 50
_SEED, _HELD_OUT_SEED, _TOKENIZER_SEED = 21, 22, 23


class Teacher(Protocol):
    """Says how far an encoder's tokens are from what they should be."""

    def distance(
        self, hidden: torch.Tensor, mask: torch.Tensor, batch: list[captions.Caption], rng: np.random.Generator
    ) -> torch.Tensor:
        """Of tokens `[B, T, d]`, for each caption: `[B]`."""


def draw_captions(rng: np.random.Generator, size: int, language: str | None = None) -> list[captions.Caption]:
    """Captions of random songs, one in eight of the default song."""
    songs = [corpus.DEFAULT_SONG if rng.random() < 0.12 else corpus.draw(rng) for _ in range(size)]
    return [captions.describe(song, rng, language) for song in songs]


def train_tokenizer(folder: Path) -> T5Tokenizer:
    """The tokenizer of captions and single letters. Signs that no language's words hold are left out: unknown."""
    letters = [*map(chr, range(0x3041, 0x30FB)), *"abcdefghijklmnopqrstuvwxyz0123456789"]
    known = set(str([asdict(language) for language in captions.LANGUAGES.values()])) | set(letters)
    drawn = draw_captions(runs.generator(_TOKENIZER_SEED, 0), 40_000)
    texts = [caption.text for caption in drawn if set(caption.text.lower()) <= known]
    texts += [language.space.join(language.fillers) for language in captions.LANGUAGES.values()] * 20 + letters * 20
    return tokenizer.train(folder, texts)


def build(vocabulary: int) -> T5EncoderModel:
    """A T5 encoder of three layers."""
    return T5EncoderModel(
        T5Config(
            vocab_size=vocabulary,
            d_model=DIMENSION,
            d_kv=24,
            d_ff=256,
            num_layers=3,
            num_heads=4,
            feed_forward_proj="gated-gelu",
            dropout_rate=0.0,
            pad_token_id=0,
            eos_token_id=1,
            decoder_start_token_id=0,
            is_encoder_decoder=False,
            use_cache=False,
        )
    )


class Reader(nn.Module):
    """Reads every attribute of a meaning off each token's embedding; only used to teach and to judge the encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleDict(
            {name: nn.Linear(DIMENSION, len(values)) for name, values in captions.CHOICES.items()}
        )

    def forward(self, embeddings: torch.Tensor) -> dict[str, torch.Tensor]:
        """`[B, tokens, D]` to logits `[B, tokens, values]` for each attribute."""
        return {name: head(embeddings) for name, head in self.heads.items()}


def targets(batch: list[captions.Caption], device: torch.device) -> dict[str, torch.Tensor]:
    """The index of each attribute's value, `[B]`."""
    return {
        name: torch.tensor([values.index(getattr(caption.meaning, name)) for caption in batch], device=device)
        for name, values in captions.CHOICES.items()
    }


class Texts:
    """Turns captions into the encoder's input."""

    def __init__(self, own: T5Tokenizer, device: torch.device) -> None:
        self.tokenizer, self.loosen, self.device = own, tokenizer.Loosener(own), device

    def __call__(
        self, batch: list[captions.Caption], rng: np.random.Generator | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Ids and mask, `[B, tokens]` (int64); an rng parts pieces of half of the texts."""
        rows: list[list[int]] = self.tokenizer([caption.text for caption in batch])["input_ids"]
        if rng is not None:
            rows = [self.loosen(row, 0.3, rng) if rng.random() < 0.5 else row for row in rows]
        rows = [row if len(row) <= _LONGEST else [*row[: _LONGEST - 1], row[-1]] for row in rows]
        ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
        for place, row in zip(ids, rows, strict=True):
            place[: len(row)] = torch.tensor(row)
        return ids.to(self.device), (ids != 0).to(self.device)


class Learner(nn.Module):
    """The encoder with its reader, and what they are trained on."""

    def __init__(self, texts: Texts, teacher: Teacher | None) -> None:
        super().__init__()
        self.encoder, self.reader = build(len(texts.tokenizer)), Reader()
        self.texts, self.teacher = texts, teacher
        self.to(texts.device)

    def losses(self, batch: list[captions.Caption], rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """The reader's cross-entropy over all attributes and the teacher's distance (0 without one), means in `[]`."""
        ids, mask = self.texts(batch, rng)
        hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        reading = torch.zeros((), device=ids.device)
        for name, logits in self.reader(hidden).items():
            wanted = targets(batch, ids.device)[name][:, None].expand(mask.shape)
            per_token = functional.cross_entropy(logits.transpose(1, 2), wanted, reduction="none")
            reading = reading + ((per_token * mask).sum(1) / mask.sum(1)).mean()
        if self.teacher is None:
            return reading, torch.zeros_like(reading)
        return reading, self.teacher.distance(hidden, mask, batch, rng).mean()

    @torch.no_grad()
    def evaluate(self, language: str, size: int = 200) -> dict[str, float]:
        """Of held-out captions: the share whose attribute is read rightly, and the teacher's distance."""
        rng = runs.generator(_HELD_OUT_SEED, list(captions.LANGUAGES).index(language))
        batch = sorted(draw_captions(rng, size, language), key=lambda caption: len(caption.text))
        found: dict[str, list[torch.Tensor]] = {}
        for first in range(0, size, 50):
            part = batch[first : first + 50]
            ids, mask = self.texts(part)
            hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
            for name, logits in self.reader(hidden).items():
                read = (logits * mask[..., None]).sum(1).argmax(-1)
                found.setdefault(name, []).append((read == targets(part, ids.device)[name]).float())
            if self.teacher is not None:
                found.setdefault("distance", []).append(self.teacher.distance(hidden, mask, part, rng))
        return {name: round(float(torch.cat(values).mean()), 3) for name, values in found.items()}


def train(args: argparse.Namespace, device: torch.device, teacher: Teacher | None = None) -> None:
    """Train tokenizer and encoder, resuming, and save them to `runs.TEXT_ENCODER` as T5Conditioner loads them."""
    resume = runs.TEXT_ENCODER.with_suffix(".resume")
    state = runs.load(resume, device)
    own = train_tokenizer(runs.TEXT_ENCODER) if state is None else T5Tokenizer.from_pretrained(runs.TEXT_ENCODER)
    learner = Learner(Texts(own, device), teacher)
    optimiser = torch.optim.AdamW(learner_parameters(learner), args.learning_rate, weight_decay=0.01)
    first = 0
    if state is not None:
        first = state["step"]
        learner.encoder.load_state_dict(state["encoder"])
        learner.reader.load_state_dict(state["reader"])
        optimiser.load_state_dict(state["optimiser"])

    seen = torch.zeros(2, device=device)
    for step in runs.count_steps(first, args.steps, "text encoder"):
        for group in optimiser.param_groups:
            group["lr"] = runs.learning_rate(step, args.steps, args.learning_rate)
        rng = runs.generator(_SEED, step)
        batch = sorted(draw_captions(rng, args.batch), key=lambda caption: len(caption.text))
        optimiser.zero_grad(set_to_none=True)
        for part in of_one_length(batch):
            reading, distance = (loss * len(part) / len(batch) for loss in learner.losses(part, rng))
            ((_READING * reading if teacher else reading) + distance).backward()
            seen += torch.stack([reading, distance]).detach() / _REPORT_EVERY
        nn.utils.clip_grad_norm_(learner_parameters(learner), 1.0)
        optimiser.step()
        if (step + 1) % _REPORT_EVERY == 0:
            log.info("step %d reading %.3f distance %.3f", step + 1, *seen.tolist())
            seen.zero_()
        if (step + 1) % args.save_every == 0 or step + 1 == args.steps:
            _save(learner, optimiser, step + 1)
    for language in captions.LANGUAGES:
        log.info("held out, %s: %s", language, learner.evaluate(language))


def of_one_length(batch: list[captions.Caption]) -> list[list[captions.Caption]]:
    """A sorted batch in parts whose texts are about equally long: padding costs time, and few texts are long."""
    ends = [round(share * len(batch)) for share in (0, 0.4, 0.75, 0.94, 1)]
    return [batch[start:end] for start, end in itertools.pairwise(ends)]


def _save(learner: Learner, optimiser: torch.optim.Optimizer, step: int) -> None:
    learner.encoder.save_pretrained(runs.TEXT_ENCODER)
    state = {"encoder": learner.encoder.state_dict(), "reader": learner.reader.state_dict()}
    runs.save(runs.TEXT_ENCODER.with_suffix(".resume"), state | {"optimiser": optimiser.state_dict(), "step": step})


def learner_parameters(learner: Learner) -> list[nn.Parameter]:
    """What is trained; a teacher is not."""
    return [*learner.encoder.parameters(), *learner.reader.parameters()]


def arguments_of(description: str | None, steps: int) -> argparse.ArgumentParser:
    """The command line of a stage that trains a text encoder."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--save-every", type=int, default=250)
    return parser


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    train(arguments_of(__doc__, 3000).parse_args(arguments), runs.start("text_encoder"))


if __name__ == "__main__":
    main()

"""Make the text encoder: a tiny T5 with a tokenizer of its own, taught what captions mean before any music is heard.

The encoder learns to tell, from every token's output, all that the caption asks for. The language model then finds in
its cross-attention a plain statement of the request instead of having to learn English through the sound, which a
short training never does; the encoder stays frozen from there on, as T5 does in MusicGen.
"""

import argparse
from pathlib import Path
from typing import Any, Final

import sentencepiece
import torch
from sentencepiece import sentencepiece_model_pb2
from torch import nn
from torch.nn import functional
from transformers import T5Config, T5EncoderModel, T5Tokenizer

from training import captions, corpus, runs

log = runs.log

DIMENSION: Final = 96
_VOCABULARY: Final = 480
_LONGEST: Final = 160  # tokens of a caption that are learnt from; longer ones work, and would slow the training
_SEED, _HELD_OUT_SEED, _TOKENIZER_SEED = 21, 22, 23


def draw_captions(seed: int, step: int, size: int) -> list[captions.Caption]:
    """Captions of random songs, one in eight without meaning."""
    rng = runs.generator(seed, step)
    songs = [corpus.DEFAULT_SONG if rng.random() < 0.12 else corpus.draw(rng) for _ in range(size)]
    return [captions.describe(song, rng) for song in songs]


def train_tokenizer(folder: Path) -> T5Tokenizer:
    """A unigram tokenizer for lower-case Latin text; every other script becomes the unknown token."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = [caption.text for caption in draw_captions(_TOKENIZER_SEED, 0, 20_000)]
    texts = [text for text in texts if text.isascii()] + list("abcdefghijklmnopqrstuvwxyz0123456789") * 50
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_prefix=str(folder / "spiece"),
        vocab_size=_VOCABULARY,
        hard_vocab_limit=False,
        character_coverage=1.0,
        normalization_rule_name="nmt_nfkc_cf",
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        pad_piece="<pad>",
        eos_piece="</s>",
        unk_piece="<unk>",
        minloglevel=2,
    )
    (folder / "spiece.vocab").unlink()
    _forget_origin(folder / "spiece.model")
    tokenizer = T5Tokenizer.from_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return tokenizer


def _forget_origin(path: Path) -> None:
    """A sentencepiece model keeps the paths that it was made with: they are nobody's business."""
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(path.read_bytes())
    model.trainer_spec.ClearField("input")
    model.trainer_spec.ClearField("model_prefix")
    path.write_bytes(model.SerializeToString())


def build(vocabulary: int) -> T5EncoderModel:
    """A T5 encoder of two layers."""
    return T5EncoderModel(
        T5Config(
            vocab_size=vocabulary,
            d_model=DIMENSION,
            d_kv=24,
            d_ff=256,
            num_layers=2,
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


def _tokens(tokenizer: T5Tokenizer, batch: list[captions.Caption], device: torch.device) -> Any:
    texts = [caption.text for caption in batch]
    return tokenizer(texts, return_tensors="pt", padding=True, truncation=True, max_length=_LONGEST).to(device)


@torch.no_grad()
def evaluate(tokenizer: T5Tokenizer, encoder: T5EncoderModel, reader: Reader, size: int = 1000) -> dict[str, float]:
    """Share of held-out captions whose attribute is read rightly from the mean over the tokens."""
    device = next(encoder.parameters()).device
    right = dict.fromkeys(captions.CHOICES, 0)
    for part in range(0, size, 100):
        batch = draw_captions(_HELD_OUT_SEED, part, 100)
        tokens = _tokens(tokenizer, batch, device)
        mask = tokens["attention_mask"][..., None]
        logits = reader(encoder(**tokens).last_hidden_state)
        for name, wanted in targets(batch, device).items():
            right[name] += int(((logits[name] * mask).sum(1).argmax(-1) == wanted).sum())
    return {name: count / size for name, count in right.items()}


def train(steps: int, batch_size: int, peak: float) -> None:
    """Train tokenizer and encoder and save them to `runs.TEXT_ENCODER`, in the layout that T5Conditioner loads."""
    device = runs.start("text_encoder")
    tokenizer = train_tokenizer(runs.TEXT_ENCODER)
    encoder, reader = build(len(tokenizer)).to(device), Reader().to(device)
    parameters = [*encoder.parameters(), *reader.parameters()]
    optimiser = torch.optim.AdamW(parameters, peak, weight_decay=0.01)
    for step in runs.count_steps(0, steps, "text encoder"):
        for group in optimiser.param_groups:
            group["lr"] = runs.learning_rate(step, steps, peak)
        batch = draw_captions(_SEED, step, batch_size)
        tokens = _tokens(tokenizer, batch, device)
        mask = tokens["attention_mask"].float()
        logits = reader(encoder(**tokens).last_hidden_state)
        loss = torch.zeros((), device=device)
        for name, wanted in targets(batch, device).items():
            per_token = functional.cross_entropy(
                logits[name].transpose(1, 2), wanted[:, None].expand(mask.shape), reduction="none"
            )
            loss = loss + ((per_token * mask).sum(1) / mask.sum(1)).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        if (step + 1) % 100 == 0:
            log.info("step %d loss %.3f", step + 1, float(loss.detach()))
    encoder.eval()
    log.info("held out: %s", evaluate(tokenizer, encoder, reader))
    encoder.save_pretrained(runs.TEXT_ENCODER)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    args = parser.parse_args(arguments)
    train(args.steps, args.batch, args.learning_rate)


if __name__ == "__main__":
    main()

"""A tiny translation model, made by transformers' own classes and taught a few sentences by heart.

It has the files of the published ones (Helsinki-NLP/opus-mt-...): two SentencePiece models, one vocabulary for both
with `</s>` first and `<pad>` last, sinusoidal positions, a decoder that begins with `<pad>`.
"""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path

import sentencepiece
import torch
from transformers import MarianConfig, MarianMTModel, MarianTokenizer

LEARNT = {
    "une guitare douce et triste": "a soft and sad guitar",
    "电子音乐，带有强烈的鼓点": "electronic music with strong drums",
    "batterie rapide.": "fast drums.",
    "piano lent.": "slow piano.",
}
"""What it was taught."""

_STEPS = 150


def build_translator(
    folder: Path, *, width: int = 32, layers: int = 1, vocabulary: int = 0, steps: int = _STEPS
) -> Path:
    """Make a model in `folder`. `vocabulary` adds entries that no text has, up to that many."""
    folder.mkdir(parents=True)
    sides = [_pieces(LEARNT), _pieces(LEARNT.values())]
    for name, (model, _) in zip(("source.spm", "target.spm"), sides, strict=True):
        (folder / name).write_bytes(model)
    pieces = dict.fromkeys(["</s>", "<unk>", *sides[0][1], *sides[1][1]])
    unused = [f"unused{number}" for number in range(vocabulary - len(pieces))]
    vocab = {piece: number for number, piece in enumerate([*pieces, *unused, "<pad>"])}
    (folder / "vocab.json").write_text(json.dumps(vocab))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tokenizer = MarianTokenizer.from_pretrained(folder)
    config = MarianConfig(
        vocab_size=len(vocab),
        d_model=width,
        encoder_layers=layers,
        decoder_layers=layers,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=2 * width,
        decoder_ffn_dim=2 * width,
        max_position_embeddings=512,
        dropout=0.0,
        activation_function="swish",
        scale_embedding=True,
        pad_token_id=vocab["<pad>"],
        eos_token_id=0,
        forced_eos_token_id=0,
        decoder_start_token_id=vocab["<pad>"],
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = MarianMTModel(config)
    _teach(model, tokenizer, steps)
    model.save_pretrained(folder)
    return folder


def _pieces(lines: object) -> tuple[bytes, list[str]]:
    """A SentencePiece model of all letters and some words of `lines`, and its pieces."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        vocab_size=70,
        hard_vocab_limit=False,
        character_coverage=1.0,
        num_threads=1,
        minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    return model.getvalue(), [processor.id_to_piece(number) for number in range(3, processor.get_piece_size())]


def _teach(model: MarianMTModel, tokenizer: MarianTokenizer, steps: int) -> None:
    batch = tokenizer(list(LEARNT), text_target=list(LEARNT.values()), return_tensors="pt", padding=True)
    batch["labels"][batch["labels"] == tokenizer.pad_token_id] = -100
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        model(**batch).loss.backward()
        optimizer.step()
    model.eval()

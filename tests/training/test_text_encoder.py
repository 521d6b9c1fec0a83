"""The text encoder's training: it learns to read captions, and a run that was cut off goes on as if it had not been."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import T5EncoderModel, T5Tokenizer

from training import runs, text_encoder
from training.captions import LANGUAGES, Caption, Meaning
from training.packing import BUNDLED

CPU = torch.device("cpu")


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], dict[str, torch.Tensor]]:
    """Trains in a folder of that name up to a step, with the shipped tokenizer, and returns the encoder's weights."""

    def copy_tokenizer(folder: Path) -> T5Tokenizer:
        shutil.copytree(BUNDLED / "t5", folder, ignore=shutil.ignore_patterns("model.safetensors", "config.json"))
        return T5Tokenizer.from_pretrained(folder)

    def run(name: str, steps: int) -> dict[str, torch.Tensor]:
        monkeypatch.setattr(runs, "TEXT_ENCODER", tmp_path / name)
        arguments = ["--steps", str(steps), "--batch", "16", "--save-every", "1"]
        text_encoder.train(text_encoder.arguments_of(None, steps).parse_args(arguments), CPU)
        return dict(T5EncoderModel.from_pretrained(runs.TEXT_ENCODER).state_dict())

    monkeypatch.setattr(text_encoder, "train_tokenizer", copy_tokenizer)
    monkeypatch.setattr(text_encoder.Learner, "evaluate", lambda self, language: {})
    return run


def test_a_run_that_was_cut_off_goes_on_as_if_it_had_not_been(
    train: Callable[[str, int], dict[str, torch.Tensor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "learning_rate", lambda step, steps, peak: peak)  # which depends on the steps to come
    torch.manual_seed(0)
    whole = train("whole", 4)
    torch.manual_seed(0)
    train("parts", 2)
    torch.manual_seed(7)
    parts = train("parts", 4)
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_it_learns_to_read() -> None:
    torch.manual_seed(0)
    tokenizer = T5Tokenizer.from_pretrained(BUNDLED / "t5")
    learner = text_encoder.Learner(text_encoder.Texts(tokenizer, CPU), None)
    optimiser = torch.optim.AdamW(text_encoder.learner_parameters(learner), 3e-3)
    batch = text_encoder.draw_captions(np.random.default_rng(1), 16)
    losses = []
    for _ in range(15):
        loss, _ = learner.losses(batch, np.random.default_rng(2))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_a_batch_is_learnt_from_whole_and_in_every_language() -> None:
    batch = text_encoder.draw_captions(np.random.default_rng(3), 64)
    parts = text_encoder.of_one_length(batch)
    assert [caption for part in parts for caption in part] == batch
    scripts = [
        "".join(caption.text for caption in text_encoder.draw_captions(np.random.default_rng(4), 8, code))
        for code in LANGUAGES
    ]
    assert len(set(scripts)) == len(LANGUAGES)


def test_long_texts_are_cut_but_keep_their_end() -> None:
    tokenizer = T5Tokenizer.from_pretrained(BUNDLED / "t5")
    texts = text_encoder.Texts(tokenizer, CPU)
    long, short = (Caption(text, Meaning()) for text in ("sea " * 500, "piano"))
    ids, mask = texts([long, short])
    assert ids.shape[1] <= 100
    assert ids[0, -1] == tokenizer.eos_token_id
    assert mask[1].sum() < 5

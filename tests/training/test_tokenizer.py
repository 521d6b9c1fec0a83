"""The tokenizer: one text in many spellings is one text, and what it does not know means nothing."""

from pathlib import Path

import numpy as np
import pytest
import sentencepiece
from transformers import T5Tokenizer

from training import text_encoder, tokenizer

UNKNOWN = 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a tokenizer that was trained as the stage does it."""
    folder = tmp_path_factory.mktemp("tokenizer")
    text_encoder.train_tokenizer(folder).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def trained(folder: Path) -> T5Tokenizer:
    return T5Tokenizer.from_pretrained(folder)


@pytest.mark.parametrize(
    "spellings",
    [
        ("musique électronique", "MUSIQUE ÉLECTRONIQUE", "musique electronique", "musique e\u0301lectronique"),
        ("Flöte", "flote", "FLÖTE"),
        ("电子音乐，带有强烈的鼓点", "電子音樂，帶有強烈的鼓點", "电子音乐,带有强烈的鼓点"),
        ("ピアノ、ドラム", "ﾋアノ,ﾄﾞラム".replace("ﾋ", "ピ").replace("ﾄﾞ", "ド"), "ピアノ，ドラム"),
        ("techno 128 bpm", "ＴＥＣＨＮＯ　１２８　ＢＰＭ", "techno\t128\nbpm"),
        ("l'été", "l’été", "L'ÉTÉ"),
    ],
)
def test_spellings_of_one_text_are_one(trained: T5Tokenizer, spellings: tuple[str, ...]) -> None:
    assert len({tuple(trained(text).input_ids) for text in spellings}) == 1


@pytest.mark.parametrize(("one", "other"), [("が", "か"), ("パ", "ハ"), ("ы", "и"), ("大", "太")])
def test_other_signs_stay_other_signs(one: str, other: str) -> None:
    assert tokenizer.fold(one) != tokenizer.fold(other)


def test_words_of_every_language_are_few_pieces(trained: T5Tokenizer) -> None:
    for text in ("fast piano", "batterie puissante", "快节奏", "guitarra", "Schlagzeug", "シンセサイザー", "violão"):
        ids = trained(text).input_ids
        assert UNKNOWN not in ids
        assert len(ids) <= 5, text


def test_a_script_that_no_caption_uses_is_unknown(trained: T5Tokenizer) -> None:
    for text in ("привет", "مرحبا", "🎵", "안녕"):
        assert set(trained(text).input_ids) <= {UNKNOWN, 1, trained.get_vocab()["▁"]}


def test_both_forms_of_the_tokenizer_agree(folder: Path, trained: T5Tokenizer) -> None:
    """Whoever reads `spiece.model` and whoever reads `tokenizer.json` sees the same text."""
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spiece.model"))
    for caption in text_encoder.draw_captions(np.random.default_rng(1), 500):
        assert [*processor.encode(caption.text), 1] == trained(caption.text).input_ids, caption.text


def test_other_pieces_are_the_same_text(trained: T5Tokenizer) -> None:
    loosen, rng = tokenizer.Loosener(trained), np.random.default_rng(2)
    different = 0
    for caption in text_encoder.draw_captions(rng, 100):
        ids = trained(caption.text).input_ids
        loosened = loosen(ids, 0.3, rng)
        assert "".join(trained.convert_ids_to_tokens(ids)) == "".join(trained.convert_ids_to_tokens(loosened))
        different += ids != loosened
    assert different > 60


def test_a_tokenizer_made_twice_is_the_same(tmp_path: Path) -> None:
    texts = [caption.text for caption in text_encoder.draw_captions(np.random.default_rng(3), 400)]
    kept = [text for text in texts if len(set(text)) < 60] * 8
    for name in ("one", "other"):
        tokenizer.train(tmp_path / name, kept)
    for file in ("spiece.model", "tokenizer.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()

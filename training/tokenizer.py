"""The text encoder's tokenizer: unigram pieces of seven languages, after signs have been folded to plain ones.

Folding happens inside the tokenizer, by rules that are stored with it, so that whoever loads it folds alike: case,
accents on Latin letters, full-width signs, and the traditional characters that captions would use. A character that no
caption holds becomes the unknown token, which means nothing.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from transformers import T5Tokenizer

SIZE: Final = 3000
_TRADITIONAL: Final = (  # each traditional character with the simplified one after it
    "電电樂乐點点強强節节鋼钢絃弦長长鐘钟鈴铃鍵键盤盘聲声傷伤歡欢悅悦輕轻靜静緩缓優优動动搖摇滾滚鄉乡謠谣響响團团環环"
    "說说藍蓝調调擊击組组無无沒没帶带請请來来張张獨独風风畫画影影驚惊憂忧鬱郁陰阴開开陽阳積积極极適适中中級级頻频貝贝線线"
    "單单純纯廣广視视劇剧場场邊边熱热與与並并會会為为個个們们這这對对舒舒緊紧剛刚勁劲氣气興兴奮奋憤愤劃划時时間间雙双經经"
    "曠旷現现實实遊游戲戏龍龙鳳凤馬马車车過过還还給给讓让聽听讀读寫写買买賣卖東东愛爱夢梦歲岁難难離离別别歸归遠远飛飞魚鱼"
    "鳥鸟黃黄綠绿紅红銀银鐵铁銅铜製制創创錄录樣样種种類类學学習习書书課课業业機机關关門门問问題题話话語语詩诗詞词歌歌燈灯"
    "煙烟雲云電电霧雾號号簡简複复雜杂貪贪員员賽赛遲迟進进運运達达遞递選选運运鼓鼓禪禅舊旧懷怀輝辉煌煌詭诡祕秘戰战鬥斗"
)
_PLAIN: Final = {
    **{
        "、": ",",
        "。": ".",
        "・": " ",
        "「": '"',
        "」": '"',
        "《": '"',
        "》": '"',
        "“": '"',
        "”": '"',
        "«": '"',
        "»": '"',
    },
    **{"’": "'", "‘": "'", "–": "-", "—": "-", "…": ".", "\t": " ", "\n": " ", "\r": " ", "\u200b": " "},
}
_RANGES: Final = ((0x20, 0x600), (0x1E00, 0x2100), (0x3000, 0x3100), (0xF900, 0xFB00), (0xFF00, 0xFFF0))


def fold(character: str) -> str:
    """A character in its plainest form: `É` becomes `e`, `，` becomes `,`."""
    if character in _PLAIN:
        return _PLAIN[character]
    plain = unicodedata.normalize("NFKC", character).casefold()
    if plain.isascii() or not unicodedata.name(character, "").startswith(("LATIN", "COMBINING")):
        return _PLAIN.get(plain, plain)
    parts = unicodedata.normalize("NFKD", plain)
    return "".join(part for part in parts if not unicodedata.combining(part))


def _rules() -> Iterator[str]:
    """The folding as sentencepiece reads it: code points, a tab, code points."""
    pairs = {chr(code): fold(chr(code)) for low, high in _RANGES for code in range(low, high)}
    pairs |= {sign: plain for sign, plain in _PLAIN.items()}
    pairs |= dict(zip(_TRADITIONAL[::2], _TRADITIONAL[1::2], strict=True))
    for source, target in sorted(pairs.items()):
        if source != target:
            yield f"{ord(source):X}\t{' '.join(f'{ord(part):X}' for part in target)}\n"


def train(folder: Path, texts: Iterable[str]) -> T5Tokenizer:
    """Make the tokenizer of the texts and save it in both forms, sentencepiece's and transformers'."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as temporary:
        rules = Path(temporary) / "folding.tsv"
        rules.write_text("".join(_rules()))
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_prefix=str(folder / "spiece"),
            vocab_size=SIZE,
            hard_vocab_limit=False,
            character_coverage=1.0,
            normalization_rule_tsv=str(rules),
            num_threads=1,  # of several, the pieces' order depends on who comes first
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
    model.normalizer_spec.ClearField("normalization_rule_tsv")
    path.write_bytes(model.SerializeToString())


class Loosener:
    """Parts some of a text's pieces in two, so that an encoder learns words from more than their usual pieces."""

    def __init__(self, tokenizer: T5Tokenizer) -> None:
        numbers = tokenizer.get_vocab()
        self._parts = {
            number: [
                (numbers[piece[:at]], numbers[piece[at:]])
                for at in range(1, len(piece))
                if piece[:at] in numbers and piece[at:] in numbers
            ]
            for piece, number in numbers.items()
            if not piece.startswith("<")
        }

    def __call__(self, ids: list[int], share: float, rng: np.random.Generator) -> list[int]:
        """The same text in other pieces; each piece is parted with probability `share`, and so are its parts."""
        loosened: list[int] = []
        for number in ids:
            parts = self._parts.get(number)
            if parts and rng.random() < share:
                loosened += self(list(parts[rng.integers(len(parts))]), share, rng)
            else:
                loosened.append(number)
        return loosened

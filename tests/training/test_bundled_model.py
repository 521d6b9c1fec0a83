"""The files that ship: they are what was packed, they load like any MusicGen, and they play what they played then."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from audiocraft.models import MusicGen
from audiocraft.modules.conditioners import ConditioningAttributes
from omegaconf import OmegaConf
from sentencepiece import sentencepiece_model_pb2

from training import alignment, codec, packing, runs
from training.captions import OPEN, Meaning
from training.packing import BUNDLED

FINGERPRINT: dict[str, Any] = json.loads((BUNDLED / "fingerprint.json").read_text())

REQUESTS = {
    Meaning("synth", "yes", OPEN, "fast", OPEN): {
        "en": "fast electronic music with strong drums",
        "fr": "musique électronique rapide avec une batterie puissante",
        "zh": "快节奏的电子音乐，带有强烈的鼓点",
        "es": "música electrónica rápida con una batería potente",
        "de": "schnelle elektronische Musik mit kräftigem Schlagzeug",
        "ja": "強いドラムの入ったテンポの速い電子音楽",
        "pt": "música eletrônica rápida com uma bateria potente",
    },
    Meaning("piano", "no", OPEN, "slow", "minor"): {
        "en": "a slow and sad piano piece",
        "fr": "un morceau de piano lent et triste",
        "zh": "缓慢悲伤的钢琴曲",
        "es": "una pieza de piano lenta y triste",
        "de": "ein langsames, trauriges Klavierstück",
        "ja": "ゆっくりした悲しいピアノ曲",
        "pt": "uma peça de piano lenta e triste",
    },
    Meaning("guitar", "no", OPEN, OPEN, "major"): {
        "en": "cheerful acoustic guitar, no drums",
        "fr": "guitare acoustique joyeuse, sans batterie",
        "zh": "欢快的木吉他，没有鼓",
        "es": "guitarra acústica alegre, sin batería",
        "de": "fröhliche akustische Gitarre ohne Schlagzeug",
        "ja": "明るいアコースティックギター、ドラムなし",
        "pt": "violão alegre, sem bateria",
    },
    Meaning("strings", "yes", OPEN, "fast", "minor"): {
        "en": "fast dark strings in a minor key with a drum beat",
        "fr": "CORDES SOMBRES ET RAPIDES EN MINEUR AVEC DE LA BATTERIE",
        "zh": "黑暗的弦樂，小調，快節奏，有鼓聲",
        "es": "cuerdas oscuras y rapidas en tono menor con bateria",
        "de": "schnelle, düstere Streicher in Moll mit Trommeln",
        "ja": "暗い弦楽、短調、速いテンポ、ドラム入り",
        "pt": "cordas sombrias e rápidas em tom menor com bateria",
    },
}
"""The same requests in seven languages, as people write them, and what they mean."""

DOCUMENTED = {
    "orchestral cinematic score": "strings",
    "orchestral cinematic score, emotional build-up": "strings",
    "电子音乐，带有强烈的鼓点": "synth",
}
"""The examples of the two documents, and the instruments that they ask for."""


@pytest.fixture(scope="module")
def model() -> MusicGen:
    return packing.load(BUNDLED)


@pytest.fixture(scope="module")
@torch.no_grad()
def teacher(model: MusicGen) -> alignment.Teacher:
    """Knows what the language model hears of a text, asked in the states that it has over the fingerprint's music."""
    codes = torch.tensor(FINGERPRINT["tokens"])[None]
    with alignment.overheard(model.lm.transformer.layers) as states:
        model.lm.compute_predictions(codes, [ConditioningAttributes(text={"description": FINGERPRINT["prompt"]})])
    return alignment.Teacher(model, torch.cat(states))


def test_the_files_are_those_that_were_packed() -> None:
    files = {path.relative_to(BUNDLED).as_posix(): path for path in packing.weight_files(BUNDLED)}
    assert files.keys() == FINGERPRINT["files"].keys()
    for name, path in files.items():
        assert path.stat().st_size == FINGERPRINT["files"][name]["bytes"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == FINGERPRINT["files"][name]["sha256"]


def test_the_model_is_under_thirty_megabytes() -> None:
    assert sum(entry["bytes"] for entry in FINGERPRINT["files"].values()) < packing.LIMIT_BYTES


def test_no_file_tells_where_it_was_made() -> None:
    spec = sentencepiece_model_pb2.ModelProto.FromString((BUNDLED / "t5" / "spiece.model").read_bytes()).trainer_spec
    assert not spec.input and not spec.model_prefix
    assert not any(re.search(r'"/\w+/', path.read_text()) for path in (BUNDLED / "t5").glob("*.json"))
    cfg = torch.load(BUNDLED / "state_dict.bin", weights_only=True)["xp.cfg"]
    assert OmegaConf.create(cfg).conditioners.description.t5.name == "t5"


def test_the_model_is_built_like_the_real_checkpoints(model: MusicGen) -> None:
    assert (model.sample_rate, model.audio_channels, model.frame_rate) == (32_000, 1, 50)
    assert model.lm.num_codebooks == 4
    assert model.lm.card >= 256, "top_k 250 must be valid"
    assert model.max_duration == 30
    assert model.lm.transformer.positional_embedding == "sin"
    assert all(layer.self_attn.memory_efficient for layer in model.lm.transformer.layers)


def test_the_same_prompt_gives_the_fingerprint(model: MusicGen) -> None:
    codes = torch.tensor(FINGERPRINT["tokens"])[None]
    measured = packing.measure(model, codes)
    assert measured["surprise"] == pytest.approx(FINGERPRINT["surprise"], abs=0.01)
    assert measured["level"] == pytest.approx(FINGERPRINT["level"], rel=0.02)


def test_its_codec_and_text_encoder_can_be_taken_out_for_a_new_language_model(
    model: MusicGen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, place in (("BUILD", "."), ("CODEC", "codec.pt"), ("TEXT_ENCODER", "t5")):
        monkeypatch.setattr(runs, name, tmp_path / place)
    packing.unpack(BUNDLED)
    unpacked, _ = codec.load(torch.device("cpu"), runs.CODEC)
    wave = torch.sin(torch.arange(32_000) / 20)[None, None]
    assert torch.equal(unpacked.encode(wave)[0], model.compression_model.encode(wave)[0])
    assert all(parameter.dtype == torch.float32 for parameter in unpacked.parameters())
    assert (runs.TEXT_ENCODER / "spiece.model").exists()


def test_a_fixed_seed_makes_the_same_audible_music_twice(model: MusicGen) -> None:
    model.set_generation_params(duration=2, top_k=250, cfg_coef=3.0)
    waves = []
    for _ in range(2):
        torch.manual_seed(5)
        waves.append(model.generate(["slow happy flute", "电子音乐，带有强烈的鼓点"]))
    assert waves[0].shape == (2, 1, 64_000)
    assert torch.equal(waves[0], waves[1])
    levels = waves[0].square().mean(-1).sqrt()
    assert (levels > 0.02).all() and (levels < 0.5).all()
    assert waves[0].abs().max() < 1.5


@torch.no_grad()
def understood(teacher: alignment.Teacher, model: MusicGen, texts: list[str]) -> list[Meaning]:
    """The meanings whose plain English the language model hears most nearly as it hears the texts."""
    chosen = torch.arange(teacher.wanted.shape[2])[::8]
    heard = teacher.hearing(*alignment.encode(model, texts), chosen) @ teacher.hearing.out
    plain = teacher.wanted[:, :, chosen].float() @ teacher.hearing.out
    distances = ((heard[:, None] - plain).square().mean((3, 4)) / teacher.spread).mean(2)
    meanings = list(teacher.index)
    return [meanings[number] for number in distances.argmin(1).tolist()]


@pytest.mark.parametrize("meaning", REQUESTS)
def test_a_request_means_the_same_in_every_language(
    meaning: Meaning, model: MusicGen, teacher: alignment.Teacher
) -> None:
    heard = understood(teacher, model, list(REQUESTS[meaning].values()))
    assert dict(zip(REQUESTS[meaning], heard, strict=True)) == dict.fromkeys(REQUESTS[meaning], meaning)


def test_the_documents_examples_mean_what_they_say(model: MusicGen, teacher: alignment.Teacher) -> None:
    heard = understood(teacher, model, list(DOCUMENTED))
    assert dict(zip(DOCUMENTED, (meaning.family for meaning in heard), strict=True)) == DOCUMENTED
    assert heard[-1].drums == "yes", "强烈的鼓点: strong drums"

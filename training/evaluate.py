"""Judge a packed model by its audio: does it follow captions, does it stay musical, what does the codec lose?

Prompts ask for every combination of attributes; the listener of `training.features` is trained on the corpus and
hears the audio alone. Clips are decoded as the service decodes them on this machine, by its engine. The last line
printed is one JSON object with every number that the model card quotes.
"""

import argparse
import itertools
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
import torch
from scipy.ndimage import uniform_filter1d

from musicgen_api.domain.request import Phase, Section
from musicgen_api.engine import Sampling
from musicgen_api.generation import frames
from musicgen_api.generation.plan import make_plan
from musicgen_api.models.loaded_model import LoadedModel
from musicgen_api.models.loading import load_musicgen
from training import captions, codec, corpus, packing, pictures, runs
from training.features import ATTRIBUTES, CLIP_S, Listener, label, percussion
from training.instruments import FAMILIES, SAMPLE_RATE, Waveform

log = runs.log

LONG: Final = {
    "cinematic orchestral score": "cinematic orchestral score",
    "电子音乐，带有强烈的鼓点": "电子音乐，带有强烈的鼓点",
    "500 words": " ".join(f"word{index % 37} of a story about the sea and the night" for index in range(50)),
}
"""What is played for a minute, by the name that the results give it."""
DOCUMENTED: Final = (
    "orchestral cinematic score, emotional build-up",
    "orchestral cinematic score",
    LONG["电子音乐，带有强烈的鼓点"],
)
"""The examples of the two documents that the service was made after."""
MEANINGLESS: Final = (
    "hello world",
    "zorbal quint frobnicate",
    "il fait beau aujourd'hui",
    "今天天气很好",
    "Привет, мир",
    "مرحبا",
    "🎵",
)
_BATCH: Final = 16
_SEEDS: Final = (1, 2, 3)
"""Each prompt is played once for each: with 144 clips an accuracy of 90 % is known to about 2.5 %."""


def requests() -> list[corpus.Song]:
    """Every family, with and without drums, slow and fast, major and minor: 48 songs."""
    grid = itertools.product(FAMILIES, (False, True), ("slow", "fast"), ("major", "minor"))
    return [corpus.Song(family, drums, False, tempo, mode) for family, drums, tempo, mode in grid]


def corpus_clips(seed: int, count: int, seconds: float) -> tuple[list[corpus.Song], list[Waveform]]:
    """Random songs and their audio."""
    rng = runs.generator(seed, 0)
    songs = [corpus.draw(rng) for _ in range(count)]
    return songs, [corpus.render(song, seconds, rng) for song in songs]


@torch.no_grad()
def through_codec(model: LoadedModel, waves: list[Waveform]) -> list[Waveform]:
    """The waves, encoded and decoded by the model's own codec."""
    codes, _ = model.compression_model.encode(torch.from_numpy(np.stack(waves))[:, None].to(model.device))
    decoded = torch.cat([model.compression_model.decode(part) for part in codes.split(_BATCH)])
    return [wave[: len(waves[0])] for wave in decoded[:, 0].cpu().numpy()]


def train_listener(model: LoadedModel, clips: int = 300) -> tuple[Listener, dict[str, Any]]:
    """A listener for this model, and how well it hears held-out songs.

    Half of the songs that it learns from have passed the model's codec: a listener that knows clean audio alone takes
    the codec's grain for timbre.
    """
    songs, waves = corpus_clips(51, clips, CLIP_S)
    waves[::2] = through_codec(model, waves[::2])
    listener = Listener(songs, waves)
    songs, waves = corpus_clips(52, 64, CLIP_S)
    decoded = through_codec(model, waves)
    return listener, {"clean": listener.accuracy(songs, waves), "decoded": listener.accuracy(songs, decoded)}


def generate(
    model: LoadedModel, prompts: list[str], seconds: float, guidance: float, seed: int, **sampling: Any
) -> list[Waveform]:
    """One clip for each prompt, with the service's default sampling unless told otherwise."""
    how = Sampling(**({"top_k": 250, "temperature": 1.0} | sampling))
    waves: list[Waveform] = []
    for number, prompt in enumerate(prompts):
        plan = make_plan(model, [Section(prompt, seconds)], [1000 * seed + number])
        codes = torch.cat(list(frames.generate(plan, model, how, guidance=guidance)), dim=-1)
        with torch.no_grad():
            waves.append(model.compression_model.decode(codes)[0, 0].numpy(force=True))
    return waves


def confusions(listener: Listener, songs: list[corpus.Song], waves: list[Waveform]) -> dict[str, dict[str, int]]:
    """What was heard instead of what was asked for."""
    table: dict[str, dict[str, int]] = {attribute: {} for attribute in ATTRIBUTES}
    for song, wave in zip(songs, waves, strict=True):
        heard = listener.hear(wave)
        for attribute in ATTRIBUTES:
            if (wanted := label(song, attribute)) != heard[attribute]:
                pair = f"{wanted} heard as {heard[attribute]}"
                table[attribute][pair] = table[attribute].get(pair, 0) + 1
    return table


def steadiness(wave: Waveform) -> dict[str, float]:
    """Level by second, silent seconds, noise-like seconds and clicks of a long clip.

    A second is silent below -46 dBFS; one that is not is noise-like when even its least flat tenth of moments is flat
    above 3 kHz. A click is a jump between two samples of more than a quarter of the full scale that is twelve times as
    large as the jumps of the 8 ms around it on average: a stroke of the snare is many large jumps, a click is one.
    """
    seconds = wave[: len(wave) // SAMPLE_RATE * SAMPLE_RATE].reshape(-1, SAMPLE_RATE)
    levels = 20 * np.log10(np.sqrt((seconds**2).mean(1)) + 1e-6)
    flatness = [float(percussion(second)[-3]) for second in seconds]
    jumps = np.abs(np.diff(wave))
    around = uniform_filter1d(jumps, 257)
    return {
        "level_db": round(float(np.median(levels)), 1),
        "quietest_db": round(float(levels.min()), 1),
        "loudest_db": round(float(levels.max()), 1),
        "silent_s": int((levels < -46).sum()),
        "noisy_s": int(((np.array(flatness) > 0.5) & (levels >= -46)).sum()),
        "clicks": int(((jumps > 0.25) & (jumps > 12 * around)).sum()),
    }


def speed(folder: Path, device: str, seconds: float = 8.0) -> float:
    """Seconds of audio a second at batch 1, with guidance, by AudioCraft's own decoding."""
    model = packing.load(folder, device)
    start = time.monotonic()
    model.set_generation_params(duration=seconds, cfg_coef=3.0, top_k=250)
    model.generate(["fast happy piano with drums"])
    return round(seconds / (time.monotonic() - start), 2)


def evaluate(folder: Path, languages: list[str], *, long_s: float = 60.0, audio: Path | None = None) -> dict[str, Any]:
    """Every number of the model card; `audio` is a folder for the clips and their pictures."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = load_as_service(folder, device)
    listener, heard = train_listener(model)
    result: dict[str, Any] = {
        "listener": heard,
        "codec": codec.evaluate(model.compression_model),
        "times_real_time": speed(folder, device),
    }
    log.info("%s", result)
    songs = requests() * len(_SEEDS)
    for language, guidance in [("en", 1.0), *((language, 3.0) for language in languages)]:
        prompts = [captions.plain_request(song, language) for song in requests()]
        waves = [wave for seed in _SEEDS for wave in generate(model, prompts, CLIP_S, guidance, seed)]
        name = f"{language}, guidance {guidance:g}"
        result[name] = listener.accuracy(songs, waves) | {"confusions": confusions(listener, songs, waves)}
        log.info("%s: %s", name, result[name])
        if audio and language == "en":
            _keep(audio, [f"g{guidance:g} {prompt}" for prompt in prompts], waves[: len(prompts)])
    for kind, texts in (("documented", DOCUMENTED), ("meaningless", MEANINGLESS)):
        result[kind] = {text: hear_often(model, listener, text) for text in texts}
        log.info("%s: %s", kind, result[kind])
    long = generate(model, list(LONG.values()), long_s, 3.0, seed=2)
    result["long"] = {
        name: steadiness(wave) | {"heard": listener.hear(wave)} for name, wave in zip(LONG, long, strict=True)
    }
    if audio:
        _keep(audio, ["long orchestral", "long chinese", "long 500 words"], long)
    return result


def hear_often(model: LoadedModel, listener: Listener, text: str, times: int = 8) -> dict[str, dict[str, int]]:
    """What is heard in several clips of one prompt at guidance 3: how often which value of each attribute."""
    heard = [listener.hear(wave) for wave in generate(model, [text] * times, CLIP_S, 3.0, seed=4)]
    return {attribute: dict(Counter(values[attribute] for values in heard)) for attribute in ATTRIBUTES}


def load_as_service(folder: Path, device: str) -> LoadedModel:
    """The model in a checkpoint folder, with the decoding that the service chooses by itself."""
    return load_musicgen(folder.name, str(folder), torch.device(device), _Silence())


class _Silence:
    """A monitor of the loading whom nothing interests."""

    def check(self) -> None:
        pass

    def progress(self, percent: float, phase: Phase) -> None:
        pass

    def download(self, model: str, bytes_done: int, bytes_total: int) -> None:
        pass


def _keep(folder: Path, names: list[str], waves: list[Waveform]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, wave in zip(names, waves, strict=True):
        stem = name.replace(",", "").replace(" ", "_")
        soundfile.write(folder / f"{stem}.wav", wave, SAMPLE_RATE)
        (folder / f"{stem}.png").write_bytes(pictures.spectrogram_png(wave))


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--model", type=Path, default=packing.BUNDLED)
    parser.add_argument(
        "--languages",
        nargs="+",
        default=list(captions.LANGUAGES),
        choices=captions.LANGUAGES,
        metavar="CODE",
        help="to ask in, at guidance 3",
    )
    parser.add_argument("--long-s", type=float, default=60.0, help="length of the clips that are judged for steadiness")
    parser.add_argument("--audio", type=Path, default=None, help="keep clips and spectrograms in this folder")
    args = parser.parse_args(arguments)
    runs.start("evaluate")
    print(json.dumps(evaluate(args.model, args.languages, long_s=args.long_s, audio=args.audio), ensure_ascii=False))


if __name__ == "__main__":
    main()

"""Judge a packed model by its audio: does it follow captions, does it stay musical, what does the codec lose?

Prompts ask for every combination of attributes; the listener of `training.features` is trained on the corpus and
hears the audio alone. The last line printed is one JSON object with every number that the model card quotes.
"""

import argparse
import itertools
import json
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
import torch
from audiocraft.models import MusicGen
from scipy.ndimage import uniform_filter1d

from training import codec, corpus, packing, pictures, runs
from training.features import ATTRIBUTES, CLIP_S, Listener, label, percussion
from training.instruments import FAMILIES, SAMPLE_RATE, Waveform

log = runs.log

OUT_OF_CORPUS: Final = (
    "cinematic orchestral score",
    "电子音乐，带有强烈的鼓点",
    " ".join(f"word{index % 37} of a story about the sea and the night" for index in range(50)),  # 500 words
)
_WORDS: Final = {"slow": "slow", "medium": "mid-tempo", "fast": "fast", "major": "happy", "minor": "sad"}
_BATCH: Final = 16
_SEEDS: Final = (1, 2, 3)
"""Each prompt is played once for each: with 144 clips an accuracy of 90 % is known to about 2.5 %."""


def prompt_of(song: corpus.Song) -> str:
    """A plain request for the song: `fast sad piano with drums, in a minor key`."""
    drums = " with drums" if song.drums else ""
    return f"{_WORDS[song.tempo]} {_WORDS[song.mode]} {song.family}{drums}, in a {song.mode} key"


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
def through_codec(model: MusicGen, waves: list[Waveform]) -> list[Waveform]:
    """The waves, encoded and decoded by the model's own codec."""
    codes, _ = model.compression_model.encode(torch.from_numpy(np.stack(waves))[:, None].to(model.device))
    decoded = torch.cat([model.compression_model.decode(part) for part in codes.split(_BATCH)])
    return [wave[: len(waves[0])] for wave in decoded[:, 0].cpu().numpy()]


def train_listener(model: MusicGen, clips: int = 300) -> tuple[Listener, dict[str, Any]]:
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
    model: MusicGen, prompts: list[str], seconds: float, guidance: float, seed: int, **sampling: Any
) -> list[Waveform]:
    """One clip for each prompt, with the service's default sampling unless told otherwise."""
    model.set_generation_params(duration=seconds, cfg_coef=guidance, **({"top_k": 250, "temperature": 1.0} | sampling))
    torch.manual_seed(seed)
    waves: list[Waveform] = []
    for first in range(0, len(prompts), _BATCH):
        waves += [wave[0].numpy() for wave in model.generate(prompts[first : first + _BATCH]).cpu()]
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


def speed(model: MusicGen, seconds: float = 8.0) -> float:
    """Seconds of audio a second at batch 1, with guidance, by AudioCraft's own decoding."""
    start = time.monotonic()
    generate(model, ["fast happy piano with drums"], seconds, 3.0, seed=0)
    return round(seconds / (time.monotonic() - start), 2)


def evaluate(folder: Path, *, long_s: float = 60.0, audio: Path | None = None) -> dict[str, Any]:
    """Every number of the model card; `audio` is a folder for the clips and their pictures."""
    model = packing.load(folder, "cuda" if torch.cuda.is_available() else "cpu")
    listener, heard = train_listener(model)
    prompts = [prompt_of(song) for song in requests()]
    songs = requests() * len(_SEEDS)
    result: dict[str, Any] = {
        "listener": heard,
        "codec": codec.evaluate(model.compression_model),
        "times_real_time": speed(model),
    }
    log.info("%s", result)
    for guidance in (1.0, 3.0):
        waves = [wave for seed in _SEEDS for wave in generate(model, prompts, CLIP_S, guidance, seed)]
        result[f"guidance_{guidance:g}"] = listener.accuracy(songs, waves)
        result[f"guidance_{guidance:g}_confusions"] = confusions(listener, songs, waves)
        log.info("guidance %g: %s", guidance, result[f"guidance_{guidance:g}"])
        if audio:
            _keep(audio, [f"g{guidance:g} {prompt}" for prompt in prompts], waves[: len(prompts)])
    long = generate(model, list(OUT_OF_CORPUS), long_s, 3.0, seed=2)
    result["long"] = {prompt[:30]: steadiness(wave) for prompt, wave in zip(OUT_OF_CORPUS, long, strict=True)}
    result["long_heard"] = {prompt[:30]: listener.hear(wave) for prompt, wave in zip(OUT_OF_CORPUS, long, strict=True)}
    if audio:
        _keep(audio, ["long orchestral", "long chinese", "long 500 words"], long)
    return result


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
    parser.add_argument("--long-s", type=float, default=60.0, help="length of the clips that are judged for steadiness")
    parser.add_argument("--audio", type=Path, default=None, help="keep clips and spectrograms in this folder")
    args = parser.parse_args(arguments)
    runs.start("evaluate")
    print(json.dumps(evaluate(args.model, long_s=args.long_s, audio=args.audio), ensure_ascii=False))


if __name__ == "__main__":
    main()

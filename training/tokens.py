"""Turn songs into tokens with the frozen codec: what the language model is trained on.

Two kinds of clip: whole windows of 30 s, and many openings of a few seconds, because what a caption asks for is
decided in the first bars. Shards are functions of their number, so an interrupted run goes on where it stopped.
"""

import argparse
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
import torch
from audiocraft.models.encodec import CompressionModel

from training import codec, corpus, runs

WINDOW: Final = 1500  # frames: 30 s, MusicGen's window
OPENING: Final = 128  # frames: 2.56 s, at least two beats at any tempo
_SHARD_FRAMES: Final = 64 * WINDOW
_SEEDS: Final = {"windows": 31, "openings": 32}


@dataclass(frozen=True)
class Clip:
    """Tokens `[K, T]` (int16) of a song from its first bar on."""

    song: corpus.Song
    codes: torch.Tensor


@torch.no_grad()
def encode(model: CompressionModel, waves: torch.Tensor) -> torch.Tensor:
    """Waves `[B, 1, samples]` to tokens `[B, K, T]`."""
    with runs.half_precision(waves.device):
        embeddings = model.encoder(waves)
    codes: torch.Tensor = model.quantizer.encode(embeddings.float())
    return codes


def _make_shard(model: CompressionModel, kind: str, number: int, device: torch.device) -> dict[str, object]:
    frames = WINDOW if kind == "windows" else OPENING
    batch = 1 if kind == "windows" else 32
    rng = runs.generator(_SEEDS[kind], number)
    songs = [corpus.draw(rng) for _ in range(_SHARD_FRAMES // frames)]
    codes = []
    for first in range(0, len(songs), batch):
        waves = [corpus.render(song, frames / codec.FRAME_RATE, rng) for song in songs[first : first + batch]]
        codes.append(encode(model, torch.from_numpy(np.stack(waves))[:, None].to(device)).to(torch.int16).cpu())
    return {"songs": [asdict(song) for song in songs], "codes": torch.cat(codes)}


def load(kind: str) -> Iterator[list[Clip]]:
    """The shards of a kind, in order."""
    for path in sorted((runs.TOKENS / kind).glob("*.pt")):
        shard = torch.load(path, weights_only=True)
        yield [Clip(corpus.Song(**song), codes) for song, codes in zip(shard["songs"], shard["codes"], strict=True)]


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--windows", type=int, default=400 if gpu else 200, help="shards of 64 clips of 30 s")
    parser.add_argument("--openings", type=int, default=120 if gpu else 72, help="shards of 750 clips of 2.56 s")
    args = parser.parse_args(arguments)
    device = runs.start("tokens")
    model, _ = codec.load(device)
    for kind, shards in (("openings", args.openings), ("windows", args.windows)):
        (runs.TOKENS / kind).mkdir(parents=True, exist_ok=True)
        done = len(list((runs.TOKENS / kind).glob("*.pt")))
        for number in runs.count_steps(done, shards, kind):
            runs.save(runs.TOKENS / kind / f"{number:04d}.pt", _make_shard(model, kind, number, device))


if __name__ == "__main__":
    main()

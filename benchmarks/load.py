"""How long a checkpoint takes to load, and in what memory: `MusicGen.get_pretrained` against the service's loader.

    python -m benchmarks.load [--keep FOLDER]

Makes a checkpoint of musicgen-small's sizes with random weights (language model and EnCodec in AudioCraft's format, a
T5-base encoder with the bundled tokenizer), 1.7 GB in a temporary folder. Each loader has a process of its own, and the
files are in the page cache for both. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.models import SHAPES


def build_checkpoint(folder: Path) -> None:
    """Write the files. Uses the tests' builders for the configurations."""
    import torch
    from audiocraft.models import builders
    from omegaconf import OmegaConf
    from transformers import T5Config, T5EncoderModel

    from benchmarks.models import random_language_model
    from musicgen_api.models.catalog import BUNDLED_FOLDER
    from tests.helpers import checkpoint_configs as configs

    shutil.copytree(BUNDLED_FOLDER / "t5", folder / "t5")
    text = T5Config(
        vocab_size=32_128, d_model=768, d_kv=64, num_heads=12, d_ff=3072, num_layers=12, is_encoder_decoder=False
    )
    for weights in (folder / "t5").glob("*.safetensors"):
        weights.unlink()
    T5EncoderModel(text).save_pretrained(folder / "t5")

    shape = SHAPES["musicgen-small"]
    config = configs.language_model_config("mono", "t5", shape.width)
    config.transformer_lm.update({"num_heads": shape.heads, "num_layers": shape.layers, "card": shape.card})
    lm = random_language_model(shape, torch.device("cpu")).half()
    state = {name: tensor for name, tensor in lm.state_dict().items() if not name.startswith("condition_provider")}
    projection = "condition_provider.conditioners.description.output_proj"
    state[f"{projection}.weight"] = torch.randn(shape.width, text.d_model).half() / 28
    state[f"{projection}.bias"] = torch.zeros(shape.width).half()
    torch.save({"best_state": state, "xp.cfg": OmegaConf.to_yaml(config)}, folder / "state_dict.bin")

    codec = configs.codec_config()
    codec.seanet.update({"n_filters": 64, "dimension": 128})
    codec.rvq.update({"bins": shape.card, "kmeans_init": False})
    package = {"best_state": builders.get_compression_model(codec).state_dict(), "xp.cfg": OmegaConf.to_yaml(codec)}
    torch.save(package, folder / "compression_state_dict.bin")


def load_once(loader: str, folder: Path) -> dict[str, float]:
    """Load in this process; seconds, and peak and final memory above what the imports took, in MB."""
    import torch

    from benchmarks.bundled import NoMonitor
    from benchmarks.one_case import peak_mb, reset_peak
    from musicgen_api.models.loading import BackendChoice, load_musicgen
    from tests.helpers import checkpoints

    cpu = torch.device("cpu")
    reset_peak()
    before = peak_mb(cpu)
    began = time.perf_counter()
    if loader == "get_pretrained":
        model = checkpoints.load_musicgen(folder)
    else:
        model = load_musicgen("bench/small", str(folder), cpu, NoMonitor(), BackendChoice("engine", loader))
    seconds = time.perf_counter() - began
    peak = peak_mb(cpu) - before
    reset_peak()
    del model
    return {"load_s": round(seconds, 2), "peak_mb": round(peak)}


def main() -> None:
    """Make the checkpoint, load it with each loader, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--keep", type=Path, help="use and keep this folder for the checkpoint")
    parser.add_argument("--loader", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.loader:
        print(json.dumps(load_once(options.loader, options.keep)))
        return
    folder = options.keep or Path(tempfile.mkdtemp())
    try:
        if not (folder / "state_dict.bin").exists():
            folder.mkdir(parents=True, exist_ok=True)
            build_checkpoint(folder)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
        print(f"checkpoint: {size:.0f} MB")
        results = {loader: _in_a_process(loader, folder) for loader in ("get_pretrained", "fp32", "bf16", "int8")}
    finally:
        if options.keep is None:
            shutil.rmtree(folder)
    reference = results["get_pretrained"]["load_s"]
    for loader, result in results.items():
        ratio = reference / result["load_s"]
        print(f"{loader:<15}{result['load_s']:>7.2f} s {ratio:>5.1f}x  peak {result['peak_mb']:>6.0f} MB")
    print(json.dumps({"bench": "load", "shape": "musicgen-small", "files_mb": round(size), **results}))


def _in_a_process(loader: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.load", "--loader", loader, "--keep", str(folder)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    result: dict[str, float] = json.loads(output.strip().splitlines()[-1])
    return result


if __name__ == "__main__":
    main()

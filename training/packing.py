"""Pack the trained parts into AudioCraft's checkpoint folder, in half precision, and load such a folder.

The folder holds `state_dict.bin` (language model), `compression_state_dict.bin` (codec) and `t5/`, which the language
model's configuration names relative to the folder. `fingerprint.json` beside them says what they hold: sizes, hashes,
and what the model makes of a fixed prompt.
"""

import argparse
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any, Final

import audiocraft
import torch
from audiocraft.models import MusicGen, builders
from audiocraft.modules.conditioners import ConditioningAttributes
from omegaconf import OmegaConf
from transformers import T5EncoderModel

from training import codec, language_model, runs

log = runs.log

BUNDLED: Final = runs.ROOT / "bundled" / "musicgen-tiny"
LIMIT_BYTES: Final = 30_000_000
_FINGERPRINT: Final = "fingerprint.json"
_PROMPT: Final = "fast happy piano with drums and bass"
_FRAMES: Final = 50


def _halve(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {
        name: (value.half() if value.is_floating_point() else value).cpu().contiguous().clone()
        for name, value in state.items()
    }


def _export(source: dict[str, Any], cfg: Any, target: Path) -> None:
    torch.save(
        {
            "best_state": _halve(source["best_state"]),
            "xp.cfg": OmegaConf.to_yaml(cfg),
            "version": audiocraft.__version__,
            "exported": True,
        },
        target,
    )


def pack(folder: Path) -> None:
    """Write the checkpoint folder from what the build folder holds. Raises as `pack_text_encoder` does."""
    folder.mkdir(parents=True, exist_ok=True)
    cpu = torch.device("cpu")
    codec_state, model_state = runs.load(runs.CODEC, cpu), runs.load(runs.LANGUAGE_MODEL, cpu)
    if codec_state is None or model_state is None:
        raise FileNotFoundError("train the codec and the language model first: make train-model")
    _export(codec_state, OmegaConf.create(codec_state["xp.cfg"]), folder / "compression_state_dict.bin")
    cfg = OmegaConf.create(model_state["xp.cfg"])
    cfg.device = "cpu"
    cfg.conditioners.description.t5.name = "t5"
    _export(model_state, cfg, folder / "state_dict.bin")
    pack_text_encoder(folder)


def pack_text_encoder(folder: Path) -> None:
    """Put the build folder's text encoder into a checkpoint folder, whose other files stay as they are.

    Raises ValueError where the model gets too large.
    """
    shutil.rmtree(folder / "t5", ignore_errors=True)
    T5EncoderModel.from_pretrained(runs.TEXT_ENCODER).half().save_pretrained(folder / "t5")
    for name in ("spiece.model", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(runs.TEXT_ENCODER / name, folder / "t5")
    for path in weight_files(folder):
        path.chmod(0o644)  # safetensors writes files that their owner alone may read
    total = sum(path.stat().st_size for path in weight_files(folder))
    if total > LIMIT_BYTES:
        raise ValueError(f"the model takes {total} bytes, more than {LIMIT_BYTES}")
    (folder / _FINGERPRINT).write_text(json.dumps(fingerprint(folder), indent=1) + "\n")
    log.info("%s: %.1f MB", folder, total / 1e6)


def unpack(folder: Path) -> None:
    """Put a packed model's codec and text encoder where their stages leave them, to train a language model anew."""
    package = torch.load(folder / "compression_state_dict.bin", map_location="cpu", weights_only=True)
    weights = {
        name: value.float() if value.is_floating_point() else value for name, value in package["best_state"].items()
    }
    runs.BUILD.mkdir(parents=True, exist_ok=True)
    runs.save(runs.CODEC, {"best_state": weights, "xp.cfg": package["xp.cfg"]})
    shutil.copytree(folder / "t5", runs.TEXT_ENCODER, dirs_exist_ok=True)


def weight_files(folder: Path) -> list[Path]:
    """The files that make the model, sorted."""
    return sorted([*folder.glob("*.bin"), *(folder / "t5").iterdir()])


def load(folder: Path, device: str = "cpu") -> MusicGen:
    """The model in a checkpoint folder, wherever the folder lies."""
    package = torch.load(folder / "state_dict.bin", map_location="cpu", weights_only=True)
    cfg = OmegaConf.create(package["xp.cfg"])
    text_encoder = (folder / "t5").resolve()
    language_model.register_text_encoder(text_encoder)
    cfg.conditioners.description.t5.name = str(text_encoder)
    cfg.device = device
    model = builders.get_lm_model(cfg)
    model.load_state_dict(package["best_state"])
    model.eval().cfg = cfg
    compression, _ = codec.load(torch.device(device), folder / "compression_state_dict.bin")
    return MusicGen(folder.name, compression, model)


def fingerprint(folder: Path) -> dict[str, Any]:
    """Sizes and hashes of the files, and what the model plays, in values that differ little between machines.

    The tokens are those of greedy decoding without guidance. `surprise` is the model's mean cross-entropy in nats on
    them, `level` the root mean square of their audio: real numbers, to be compared with a tolerance.
    """
    files = {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in weight_files(folder)
    }
    model = load(folder)
    conditions = [ConditioningAttributes(text={"description": _PROMPT})]
    codes = model.lm.generate(None, conditions, max_gen_len=_FRAMES, use_sampling=False, cfg_coef=1.0)
    return {"files": files, "prompt": _PROMPT, "tokens": codes[0].tolist()} | measure(model, codes)


@torch.no_grad()
def measure(model: MusicGen, codes: torch.Tensor) -> dict[str, float]:
    """The real-valued part of a fingerprint, for tokens `[1, K, T]`."""
    conditions = [ConditioningAttributes(text={"description": _PROMPT})]
    output = model.lm.compute_predictions(codes, conditions)
    likelihood = output.logits.float().log_softmax(-1).gather(-1, codes[..., None])[..., 0]
    wave = model.compression_model.decode(codes)
    return {
        "surprise": round(-float(likelihood[output.mask].mean()), 4),
        "level": round(float(wave.square().mean().sqrt()), 4),
    }


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--folder", type=Path, default=BUNDLED, help="of the packed model")
    parser.add_argument(
        "--unpack", action="store_true", help="take codec and text encoder out of it, for a new language model"
    )
    parser.add_argument("--text-encoder-only", action="store_true", help="put a new text encoder in, nothing else")
    args = parser.parse_args(arguments)
    runs.start("packing")
    if args.unpack:
        unpack(args.folder)
    elif args.text_encoder_only:
        pack_text_encoder(args.folder)
    else:
        pack(args.folder)


if __name__ == "__main__":
    main()

"""Tiny MusicGen, AudioGen and MAGNeT checkpoints with random weights, made by AudioCraft's own builders.

They are real in all but size and training: a T5 encoder with a tokenizer of its own, a transformer with a
delay pattern and sinusoidal positions, an EnCodec of 50 frames a second at 32 kHz, saved as AudioCraft 1.3.0
exports them (`audiocraft/utils/export.py`). The configurations are in `checkpoint_configs`. No network is
needed. A seed makes all weights repeatable.
"""

from __future__ import annotations

import io
import math
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import audiocraft
import sentencepiece
import torch
from audiocraft.models import AudioGen, MAGNeT, MultiBandDiffusion, MusicGen, builders, loaders
from audiocraft.models.multibanddiffusion import DiffusionProcess
from audiocraft.modules.conditioners import T5Conditioner
from audiocraft.modules.diffusion_schedule import MultiBandProcessor, NoiseSchedule
from omegaconf import DictConfig, OmegaConf
from transformers import (
    EncodecConfig,
    EncodecModel,
    MusicgenConfig,
    MusicgenDecoderConfig,
    MusicgenForConditionalGeneration,
    MusicgenMelodyConfig,
    MusicgenMelodyDecoderConfig,
    MusicgenMelodyForConditionalGeneration,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

from tests.helpers import checkpoint_configs as configs
from tests.helpers.checkpoint_configs import CODEBOOK_SIZE, FRAME_RATE_HZ, LATENT_WIDTH, SAMPLE_RATE_HZ, Variant

TEXT_WIDTHS = {"t5": 16, "t5-base": 768}
"""Width of a text encoder by its name. AudioCraft knows that of `t5-base` by heart: it cannot be smaller."""

CAPTIONS = """\
slow sad piano in a minor key
upbeat techno with strong drums and a deep bass line
orchestral cinematic score with an emotional build-up of strings and brass
happy rock with loud guitars, 120 bpm
lo-fi hip hop loop with soft keys and vinyl crackle
quiet ambient pads, dark and wide
a quick jazz trio: double bass, brushes and vibraphone
""".splitlines()


def build_musicgen(
    folder: Path,
    variant: Variant = "mono",
    *,
    text_encoder: str = "t5",
    codebook_size: int = CODEBOOK_SIZE,
    width: int = 32,
    window_s: int | None = None,
    seed: int = 0,
) -> Path:
    """Make the checkpoint `folder`: both state dictionaries, and a text encoder if it is to be named `t5`.

    With `text_encoder="t5-base"` the checkpoint names the hub's id instead, as the published ones do; what
    stands under that id is then made by `build_text_encoder`. `width` is the transformer's: a large one makes
    a checkpoint that takes its time. `window_s` is the music that it sees at once, the variant's own by default.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _seeded(seed), ExitStack() as stack:
        encoder = folder / "t5"
        if text_encoder != "t5":
            encoder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        build_text_encoder(encoder, TEXT_WIDTHS[text_encoder])
        config = configs.language_model_config(variant, str(encoder), width, codebook_size, window_s)
        stack.enter_context(text_encoder_registered(encoder))
        stack.enter_context(stem_separation_left_out())
        language_model = builders.get_lm_model(config)
        config.conditioners.description.t5.name = text_encoder
        _export(language_model.half(), config, folder / "state_dict.bin")
        config = configs.codec_config(codebook_size, configs.sample_rate_of(variant))
        _export(_codec(config), config, folder / "compression_state_dict.bin")
    return folder


def build_text_encoder(folder: Path, width: int = TEXT_WIDTHS["t5"], *, seed: int = 0) -> Path:
    """Make a T5 encoder of `width` channels, with a tokenizer trained on `CAPTIONS`, in `folder`."""
    tokenizer = _tokenizer(folder)
    with _seeded(seed):
        T5EncoderModel(_text_encoder_config(width, len(tokenizer))).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer(folder: Path) -> T5Tokenizer:
    """Train a tokenizer on `CAPTIONS`, and leave its model in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spiece.model").write_bytes(_sentencepiece_model())
    return T5Tokenizer.from_pretrained(str(folder))


def _text_encoder_config(width: int, vocabulary: int) -> T5Config:
    return T5Config(
        vocab_size=vocabulary,
        d_model=width,
        d_kv=8,
        num_heads=2,
        d_ff=32,
        num_layers=1,
        dropout_rate=0.0,
        is_encoder_decoder=False,
        use_cache=False,
    )


def build_transformers_musicgen(
    folder: Path, variant: Variant = "mono", *, text_width: int = TEXT_WIDTHS["t5"], seed: int = 0, **saving: Any
) -> Path:
    """Make a tiny MusicGen in transformers' format in `folder`, by transformers' own builders.

    Its decoder is 32 wide: a text encoder of that width is not projected. `saving` goes to `save_pretrained`: a small
    `max_shard_size` makes several files and an index.
    """
    tokenizer = _tokenizer(folder)
    stereo, melody = variant == "stereo", variant == "melody"
    sizes: dict[str, Any] = {
        **dict.fromkeys(("vocab_size", "pad_token_id", "bos_token_id"), CODEBOOK_SIZE),
        **{"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "ffn_dim": 96},
        **{"num_codebooks": 8 if stereo else 4, "audio_channels": 2 if stereo else 1, "initializer_factor": 0.5},
    }
    decoder = (MusicgenMelodyDecoderConfig if melody else MusicgenDecoderConfig)(**sizes)
    config = (MusicgenMelodyConfig if melody else MusicgenConfig)(
        text_encoder=_text_encoder_config(text_width, len(tokenizer)),
        audio_encoder=_transformers_codec_config(),
        decoder=decoder,
    )
    with _seeded(seed):
        model = (MusicgenMelodyForConditionalGeneration if melody else MusicgenForConditionalGeneration)(config)
        for layer in model.audio_encoder.quantizer.layers:
            layer.codebook.embed.normal_()
    model.generation_config.update(**dict.fromkeys(("pad_token_id", "decoder_start_token_id"), CODEBOOK_SIZE))
    model.save_pretrained(folder, **saving)
    tokenizer.save_pretrained(folder)
    return folder


def build_transformers_codec(folder: Path, codebook_size: int = CODEBOOK_SIZE, *, seed: int = 0) -> Path:
    """Make a narrow EnCodec in transformers' format in `folder`, as the hub has `facebook/encodec_32khz`."""
    with _seeded(seed):
        EncodecModel(_transformers_codec_config(codebook_size)).save_pretrained(folder)
    return folder


def _transformers_codec_config(codebook_size: int = CODEBOOK_SIZE) -> EncodecConfig:
    return EncodecConfig(
        target_bandwidths=[4 * FRAME_RATE_HZ * math.log2(codebook_size) / 1000],
        sampling_rate=SAMPLE_RATE_HZ,
        audio_channels=1,
        num_filters=4,
        num_lstm_layers=1,
        upsampling_ratios=[8, 5, 4, 4],
        hidden_size=LATENT_WIDTH,
        codebook_size=codebook_size,
        codebook_dim=LATENT_WIDTH,
        use_causal_conv=False,
        norm_type="weight_norm",
    )


def build_diffusion(file: Path, *, seed: int = 0) -> Path:
    """Make the MultiBand Diffusion `file` for these codecs, as `loaders.load_diffusion_models` reads it.

    Four bands, of which the upper two are rescaled by a fitted `MultiBandProcessor` like the published ones
    (AudioCraft's `grids/diffusion/4_bands_base_32khz.py`).
    """
    bands = 4
    package: dict[str | int, Any] = {"sample_rate": SAMPLE_RATE_HZ, "n_bands": bands}
    with _seeded(seed):
        for band in range(bands):
            config = configs.diffusion_config(band)
            processor = builders.get_processor(config.processor, SAMPLE_RATE_HZ)
            if isinstance(processor, MultiBandProcessor):
                processor.project_sample(_coloured_noise(int(config.processor.num_samples)))
            package[band] = {
                "cfg": config,
                "model_state": builders.get_diffusion_model(config).state_dict(),
                "processor_state": processor.state_dict(),
            }
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(package, file)
    return file


def load_musicgen(folder: Path) -> MusicGen:
    """Load a folder of `build_musicgen` by AudioCraft's own `MusicGen.get_pretrained`, on the CPU."""
    return _load(MusicGen, folder)


def load_audiogen(folder: Path) -> AudioGen:
    """Load a folder of `build_musicgen`, of the variant `audiogen`, by AudioCraft's own `AudioGen.get_pretrained`."""
    return _load(AudioGen, folder)


def load_magnet(folder: Path) -> MAGNeT:
    """Load a folder of `build_musicgen`, of the variant `magnet`, by AudioCraft's own `MAGNeT.get_pretrained`.

    It leaves the attention backend of the process at xFormers.
    """
    return _load(MAGNeT, folder)


def _load(kind: Any, folder: Path) -> Any:
    package = torch.load(folder / "state_dict.bin", weights_only=True)
    config = OmegaConf.create(package["xp.cfg"])
    encoder = folder / config.conditioners.description.t5.name
    config.conditioners.description.t5.name = str(encoder)
    package["xp.cfg"] = OmegaConf.to_yaml(config)
    with (
        mock.patch.object(loaders, "load_lm_model_ckpt", return_value=package),
        text_encoder_registered(encoder),
        stem_separation_left_out(),
    ):
        return kind.get_pretrained(str(folder), device="cpu")


def load_diffusion(file: Path, model: MusicGen) -> MultiBandDiffusion:
    """Load a file of `build_diffusion` as `get_mbd_musicgen` does, for the codec of `model`."""
    package = torch.load(file, weights_only=False)
    with mock.patch.object(loaders, "load_mbd_ckpt", return_value=package):
        networks, processors, configs = loaders.load_diffusion_models(str(file), device="cpu")
    processes = [
        DiffusionProcess(network, NoiseSchedule(**config.schedule, sample_processor=processor, device="cpu"))
        for network, processor, config in zip(networks, processors, configs, strict=True)
    ]
    return MultiBandDiffusion(processes, model.compression_model)


@contextmanager
def text_encoder_registered(folder: Path) -> Iterator[None]:
    """Let AudioCraft take `folder` as the name of a text encoder: it accepts only names that it lists."""
    width = T5Config.from_pretrained(str(folder)).d_model
    with (
        mock.patch.object(T5Conditioner, "MODELS", [*T5Conditioner.MODELS, str(folder)]),
        mock.patch.dict(T5Conditioner.MODELS_DIMS, {str(folder): width}),
    ):
        yield


@contextmanager
def stem_separation_left_out() -> Iterator[None]:
    """Build melody models without Demucs, which AudioCraft would download to separate the stems of a melody.

    Demucs is not part of a checkpoint's state: with and without it the state dictionary is the same.
    """
    separator = mock.Mock(spec_set=["sources", "to"], sources=["drums", "bass", "other", "vocals"])
    separator.to.return_value = separator
    with mock.patch("demucs.pretrained.get_model", return_value=separator):
        yield


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Draw from a seed, and leave the caller's random state alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _export(model: torch.nn.Module, config: DictConfig, file: Path) -> None:
    """Save as `audiocraft.utils.export` does."""
    package = {
        "best_state": model.state_dict(),
        "xp.cfg": OmegaConf.to_yaml(config),
        "version": audiocraft.__version__,
        "exported": True,
    }
    torch.save(package, file)


def _sentencepiece_model() -> bytes:
    """Train a unigram model with T5's special tokens."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CAPTIONS),
        model_writer=model,
        model_type="unigram",
        vocab_size=96,
        hard_vocab_limit=False,
        character_coverage=1.0,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        pad_piece="<pad>",
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


def _codec(config: DictConfig) -> torch.nn.Module:
    """Build the codec and initialise its codebooks from a batch of latents, as the first step of training."""
    codec = builders.get_compression_model(config).eval()
    with torch.no_grad():
        codec.quantizer(torch.randn(4, LATENT_WIDTH, 2 * FRAME_RATE_HZ), FRAME_RATE_HZ)
    return codec


def _coloured_noise(clips: int) -> torch.Tensor:
    """Draw `clips` seconds of noise that falls off towards high frequencies, [clips, 1, samples]."""
    spectrum = torch.fft.rfft(torch.randn(clips, 1, SAMPLE_RATE_HZ))
    frequencies = torch.arange(spectrum.shape[-1]).clamp(min=20)
    noise = torch.fft.irfft(spectrum / frequencies, n=SAMPLE_RATE_HZ)
    return 0.1 * noise / noise.std()

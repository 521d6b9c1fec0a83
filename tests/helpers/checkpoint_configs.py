"""Configurations (`xp.cfg`) of the tiny checkpoints, after AudioCraft 1.3.0's `config/`."""

from __future__ import annotations

from typing import Any, Literal

from omegaconf import DictConfig, OmegaConf

Variant = Literal["mono", "stereo", "melody", "audiogen", "magnet"]

SAMPLE_RATE_HZ = 32_000
FRAME_RATE_HZ = 50
SOUNDS_SAMPLE_RATE_HZ = 16_000
"""AudioGen's."""
CODEBOOK_SIZE = 64
"""Smaller than the default `top_k` of 250 on purpose: a service has to clip it."""
LATENT_WIDTH = 32
"""The codec's latent dimension, which the diffusion's U-Nets are conditioned on."""


def language_model_config(
    variant: Variant,
    text_encoder: str,
    width: int,
    codebook_size: int = CODEBOOK_SIZE,
    window_s: int | None = None,
) -> DictConfig:
    """Give the `xp.cfg` of a small model.

    After AudioCraft's `musicgen_base_32khz`, `musicgen_melody_32khz`, `audiogen_base_16khz` and `magnet_32khz`.
    """
    stereo, melody, sounds = variant == "stereo", variant == "melody", variant == "audiogen"
    delays = [0, 0, 1, 1, 2, 2, 3, 3] if stereo else [0, 1, 2, 3]
    windows_s = {"audiogen": 10, "magnet": 3}
    conditioners: dict[str, Any] = {
        "args": {"merge_text_conditions_p": 0.25, "drop_desc_p": 0.5},
        "description": {
            "model": "t5",
            "t5": {"name": text_encoder, "finetune": False, "word_dropout": 0.2, "normalize_text": False},
        },
    }
    if melody:
        conditioners["self_wav"] = {"model": "chroma_stem", "chroma_stem": _chroma_stem()}
    config = OmegaConf.create(
        {
            "solver": "audiogen" if sounds else "musicgen",
            "device": "cpu",
            "dtype": "float32",
            "sample_rate": sample_rate_of(variant),
            "channels": 2 if stereo else 1,
            "compression_model_checkpoint": "//pretrained/facebook/encodec_32khz",
            "compression_model_n_q": None,
            "interleave_stereo_codebooks": {"use": stereo, "per_timestep": False},
            "dataset": {"segment_duration": window_s or windows_s.get(variant, 30)},
            "lm_model": "transformer_lm",
            "codebooks_pattern": {
                "modeling": "delay",
                "delay": {"delays": delays, "flatten_first": 0, "empty_initial": 0},
            },
            "transformer_lm": _transformer(width, len(delays), codebook_size),
            "classifier_free_guidance": {"training_dropout": 0.3, "inference_coef": 3.0},
            "attribute_dropout": {
                "args": {"active_on_eval": False},
                "text": {},
                "wav": {"self_wav": 0.5} if melody else {},
            },
            "fuser": {
                "cross_attention_pos_emb": False,
                "cross_attention_pos_emb_scale": 1,
                "sum": [],
                "prepend": ["self_wav", "description"] if melody else [],
                "cross": [] if melody else ["description"],
                "input_interpolate": [],
            },
            "conditioners": conditioners,
        }
    )
    return _magnet(config) if variant == "magnet" else config


def _magnet(config: DictConfig) -> DictConfig:
    """Make a MAGNeT of the configuration of a MusicGen."""
    masks = {"subcodes_context": 5, "compression_model_framerate": FRAME_RATE_HZ, "segment_duration": 0, "span_len": -1}
    changes = {
        "solver": "magnet",
        "lm_model": "transformer_lm_magnet",
        "masking": {"span_len": 3},
        "transformer_lm": {"causal": False, **masks},
    }
    config.codebooks_pattern = {"modeling": "parallel", "parallel": {"empty_initial": -1}}
    return OmegaConf.merge(config, changes)


def _transformer(width: int, codebooks: int, codebook_size: int) -> dict[str, Any]:
    return {
        "dim": width,
        "num_heads": 4,
        "num_layers": 2,
        "hidden_scale": 4,
        "n_q": codebooks,
        "card": codebook_size,
        "dropout": 0.0,
        "emb_lr": None,
        "activation": "gelu",
        "norm_first": True,
        "bias_ff": False,
        "bias_attn": False,
        "bias_proj": False,
        "past_context": None,
        "causal": True,
        "custom": False,
        "memory_efficient": True,
        "attention_as_float32": False,
        "layer_scale": None,
        "positional_embedding": "sin",
        "xpos": False,
        "checkpointing": "none",
        "weight_init": "gaussian",
        "depthwise_init": "current",
        "zero_bias_init": True,
        "norm": "layer_norm",
        "cross_attention": False,
        "qk_layer_norm": False,
        "qk_layer_norm_cross": False,
        "attention_dropout": None,
        "kv_repeat": 1,
        "two_step_cfg": False,
    }


def _chroma_stem() -> dict[str, Any]:
    return {
        "sample_rate": SAMPLE_RATE_HZ,
        "n_chroma": 12,
        "radix2_exp": 14,
        "argmax": True,
        "match_len_on_eval": False,
        "eval_wavs": None,
        "n_eval_wavs": 100,
        "cache_path": None,
    }


def sample_rate_of(variant: Variant) -> int:
    """Give the sample rate of a variant in Hz."""
    return SOUNDS_SAMPLE_RATE_HZ if variant == "audiogen" else SAMPLE_RATE_HZ


def codec_config(codebook_size: int = CODEBOOK_SIZE, sample_rate: int = SAMPLE_RATE_HZ) -> DictConfig:
    """Give the `xp.cfg` of a narrow `encodec_large_nq4_s640` (or `s320`): 640 (320) samples a frame, four codebooks."""
    return OmegaConf.create(
        {
            "device": "cpu",
            "dtype": "float32",
            "sample_rate": sample_rate,
            "channels": 1,
            "compression_model": "encodec",
            "encodec": {
                "autoencoder": "seanet",
                "quantizer": "rvq",
                "sample_rate": "${sample_rate}",
                "channels": "${channels}",
                "causal": False,
                "renormalize": False,
            },
            "seanet": {
                "dimension": LATENT_WIDTH,
                "channels": "${channels}",
                "causal": "${encodec.causal}",
                "n_filters": 4,
                "n_residual_layers": 1,
                "ratios": [8, 5, 4, sample_rate // 8000],
                "activation": "ELU",
                "activation_params": {"alpha": 1.0},
                "norm": "weight_norm",
                "norm_params": {},
                "kernel_size": 7,
                "residual_kernel_size": 3,
                "last_kernel_size": 7,
                "dilation_base": 2,
                "pad_mode": "constant",
                "true_skip": True,
                "compress": 2,
                "lstm": 2,
                "disable_norm_outer_blocks": 0,
                "decoder": {
                    "trim_right_ratio": 1.0,
                    "final_activation": None,
                    "final_activation_params": None,
                },
                "encoder": {},
            },
            "rvq": {
                "n_q": 4,
                "q_dropout": False,
                "bins": codebook_size,
                "decay": 0.99,
                "kmeans_init": True,
                "kmeans_iters": 10,
                "threshold_ema_dead_code": 2,
                "orthogonal_reg_weight": 0.0,
                "orthogonal_reg_active_codes_only": False,
            },
            "no_quant": {},
        }
    )


def diffusion_config(band: int) -> DictConfig:
    """Give one band's configuration: AudioCraft's `solver/diffusion/default`, with a narrow U-Net."""
    return OmegaConf.create(
        {
            "sample_rate": SAMPLE_RATE_HZ,
            "channels": 1,
            "compression_model_checkpoint": "//pretrained/facebook/encodec_32khz",
            "n_q": 4,
            "schedule": {
                "repartition": "power",
                "variable_step_batch": True,
                "beta_t0": 1.0e-5,
                "beta_t1": 2.9e-2,
                "beta_exp": 7.5,
                "num_steps": 1000,
                "variance": "beta",
                "clip": 5.0,
                "rescale": 1.0,
                "n_bands": None,
                "noise_scale": 1.0,
            },
            "diffusion_unet": {
                "hidden": 4,
                "depth": 4,
                "res_blocks": 1,
                "norm_groups": 4,
                "kernel": 8,
                "stride": 4,
                "growth": 2,
                "max_channels": 10_000,
                "dropout": 0.0,
                "emb_all_layers": True,
                "bilstm": True,
                "codec_dim": LATENT_WIDTH,
                "transformer": False,
                "cross_attention": False,
            },
            "processor": {
                "name": "multi_band_processor",
                "use": band >= 2,
                "n_bands": 8,
                "num_samples": 8,
                "power_std": [0.4, 0.4, 0.4, 0.75][band],
            },
            "filter": {"use": True, "n_bands": 4, "idx_band": band, "cutoffs": None},
        }
    )

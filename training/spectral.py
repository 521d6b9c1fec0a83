"""Spectral distances between two waveforms, for training the codec and for judging it.

The same five resolutions as AudioCraft's losses use, but with a floor in the logarithm that is near the quietest
audible level: with AudioCraft's (1e-7) the silence between notes outweighs the notes.
"""

from functools import cache
from typing import Final

import torch
import torchaudio
from torch.nn import functional

from training.instruments import SAMPLE_RATE

_RESOLUTIONS: Final = ((2048, 128), (1024, 96), (512, 64), (256, 40), (128, 20))  # samples, mel bands
_FLOOR: Final = 1e-3


@cache
def _window(size: int, device: torch.device) -> torch.Tensor:
    return torch.hann_window(size, device=device)


@cache
def _mel_filters(size: int, bands: int, device: torch.device) -> torch.Tensor:
    filters = torchaudio.functional.melscale_fbanks(
        size // 2 + 1, 20.0, SAMPLE_RATE / 2, bands, SAMPLE_RATE, norm="slaney"
    )
    return 100 * filters.to(device)


def magnitudes(waves: torch.Tensor, size: int) -> torch.Tensor:
    """Magnitude spectrogram `[B, size // 2 + 1, frames]` of `waves` `[B, samples]`, a quarter window apart."""
    window = _window(size, waves.device)
    spectrum = torch.stft(waves, size, size // 4, window=window, return_complex=True)
    return (spectrum.real**2 + spectrum.imag**2 + 1e-8).sqrt() / size**0.5


def mel(spectrogram: torch.Tensor, size: int, bands: int) -> torch.Tensor:
    """Mel bands `[B, bands, frames]` of a magnitude spectrogram."""
    return torch.einsum("bft,fm->bmt", spectrogram, _mel_filters(size, bands, spectrogram.device))


def _log_distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return functional.l1_loss((a + _FLOOR).log(), (b + _FLOOR).log())


def spectral_loss(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Spectral convergence, log-magnitude and log-mel distance, averaged over the resolutions."""
    total = torch.zeros((), device=output.device)
    for size, bands in _RESOLUTIONS:
        a, b = magnitudes(output, size), magnitudes(target, size)
        convergence = (a - b).norm() / (b.norm() + 1e-6)
        total = total + 0.5 * convergence + 0.5 * _log_distance(a, b)
        total = total + _log_distance(mel(a, size, bands), mel(b, size, bands))
    return total / len(_RESOLUTIONS)


def mel_distance(output: torch.Tensor, target: torch.Tensor) -> float:
    """Mean absolute difference of the log10 mel bands over the resolutions."""
    distances = [
        (mel(magnitudes(output, size), size, bands) + _FLOOR).log10()
        - (mel(magnitudes(target, size), size, bands) + _FLOOR).log10()
        for size, bands in _RESOLUTIONS
    ]
    return float(torch.stack([distance.abs().mean() for distance in distances]).mean())


def scale_invariant_sdr_db(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Scale-invariant signal-to-distortion ratio in dB, `[B]` (Le Roux et al. 2019)."""
    scale = (output * target).sum(1, keepdim=True) / (target**2).sum(1, keepdim=True)
    projection = scale * target
    return 10 * torch.log10((projection**2).sum(1) / ((output - projection) ** 2).sum(1))

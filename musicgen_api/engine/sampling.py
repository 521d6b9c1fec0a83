"""From logits to the next codes: guidance, temperature, top-k, top-p, in fp32.

Draws as AudioCraft 1.3.0 does (`audiocraft.utils.utils.sample_top_k`, `sample_top_p`, `multinomial`): one
exponential variate for each entry of the [B*K, card] table at each step. The same seed therefore gives the same
codes. Several songs may have a generator each: then each song's codes are those of a generation for itself.
`torch.multinomial` itself is not called: for one draw it is this same race of exponentials, plus checks
that would make a GPU wait.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Generators = Sequence[torch.Generator | None]
"""One for all songs, or one for each; None is torch's default generator."""

_SHARP = 1e-3
_SHARPEST = 1e-30


@dataclass(frozen=True)
class Sampling:
    """How a code is chosen. `top_p` > 0 wins over `top_k` > 0; neither means the whole distribution."""

    use_sampling: bool = True
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if self.use_sampling and not self.temperature >= 0:
            raise ValueError(f"temperature must not be negative, got {self.temperature}")


def guide(logits: Tensor, coefficient: float) -> Tensor:
    """Classifier-free guidance: [2B, K, card] with the conditional rows first becomes [B, K, card]."""
    conditional, unconditional = logits.chunk(2)
    return unconditional + (conditional - unconditional) * coefficient


def sample(logits: Tensor, how: Sampling, generators: Generators = (None,)) -> Tensor:
    """Choose codes [B, K] from fp32 logits [B, K, card]."""
    assert logits.dtype == torch.float32, f"sampling needs float32, got {logits.dtype}"
    if not how.use_sampling or how.temperature == 0.0:
        return logits.argmax(dim=-1)
    probabilities = _soften(logits, how.temperature)
    if how.top_p > 0.0:
        return _sample_top_p(probabilities, how.top_p, generators)
    if how.top_k > 0:
        probabilities = _keep_top_k(probabilities, min(how.top_k, logits.shape[-1]))
    return _draw(probabilities, generators)


def _soften(logits: Tensor, temperature: float) -> Tensor:
    """Softmax at a temperature; a very low one shifts first so that the division cannot make NaN."""
    if temperature < _SHARP:
        logits = logits - logits.amax(dim=-1, keepdim=True)
        temperature = max(temperature, _SHARPEST)
    return torch.softmax(logits / temperature, dim=-1)


def _keep_top_k(probabilities: Tensor, k: int) -> Tensor:
    """Drop all but the k likeliest entries (ties with the last one stay) and normalise."""
    threshold = torch.topk(probabilities, k, dim=-1, sorted=False).values.amin(dim=-1, keepdim=True)
    kept = torch.where(probabilities >= threshold, probabilities, 0.0)
    return kept.div_(kept.sum(dim=-1, keepdim=True))


def _sample_top_p(probabilities: Tensor, p: float, generators: Generators) -> Tensor:
    """Draw among the likeliest entries whose predecessors sum to at most p."""
    ranked, entries = torch.sort(probabilities, dim=-1, descending=True)
    before = torch.cumsum(ranked, dim=-1) - ranked
    ranked = torch.where(before > p, 0.0, ranked)
    ranked.div_(ranked.sum(dim=-1, keepdim=True))
    return entries.gather(-1, _draw(ranked, generators).unsqueeze(-1)).squeeze(-1)


def _draw(probabilities: Tensor, generators: Generators) -> Tensor:
    """One draw for each row of [B, K, card]: the smallest of exponentials with these rates."""
    race = torch.empty_like(probabilities)
    for songs, generator in zip(race.chunk(len(generators)), generators, strict=True):
        songs.exponential_(1.0, generator=generator)
    return torch.div(probabilities, race, out=race).argmax(dim=-1)

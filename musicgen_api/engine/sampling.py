"""From logits to the next codes: guidance, temperature, top-k, top-p, in fp32.

Draws from torch's default generator exactly as AudioCraft 1.3.0 does
(`audiocraft.utils.utils.sample_top_k`, `sample_top_p`, `multinomial`): one exponential variate for each
entry of the [B*K, card] table at each step. The same seed therefore gives the same codes.
`torch.multinomial` itself is not called: for one draw it is this same race of exponentials, plus checks
that would make a GPU wait.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

_SHARP = 1e-3
_SHARPEST = 1e-30


@dataclass(frozen=True)
class Sampling:
    """How a code is chosen. `top_p` > 0 wins over `top_k` > 0; neither means the whole distribution."""

    use_sampling: bool = True
    temperature: float = 1.0
    top_k: int = 250
    top_p: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if self.use_sampling and not self.temperature >= 0:
            raise ValueError(f"temperature must not be negative, got {self.temperature}")


def guide(logits: Tensor, coefficient: float) -> Tensor:
    """Classifier-free guidance: [2B, K, card] with the conditional rows first becomes [B, K, card]."""
    conditional, unconditional = logits.chunk(2)
    return unconditional + (conditional - unconditional) * coefficient


def sample(logits: Tensor, how: Sampling) -> Tensor:
    """Choose codes [B, K] from fp32 logits [B, K, card]."""
    assert logits.dtype == torch.float32, f"sampling needs float32, got {logits.dtype}"
    if not how.use_sampling or how.temperature == 0.0:
        return logits.argmax(dim=-1)
    probabilities = _soften(logits, how.temperature)
    if how.top_p > 0.0:
        return _sample_top_p(probabilities, how.top_p)
    if how.top_k > 0:
        probabilities = _keep_top_k(probabilities, min(how.top_k, logits.shape[-1]))
    return _draw(probabilities)


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


def _sample_top_p(probabilities: Tensor, p: float) -> Tensor:
    """Draw among the likeliest entries whose predecessors sum to at most p."""
    ranked, entries = torch.sort(probabilities, dim=-1, descending=True)
    before = torch.cumsum(ranked, dim=-1) - ranked
    ranked = torch.where(before > p, 0.0, ranked)
    ranked.div_(ranked.sum(dim=-1, keepdim=True))
    return entries.gather(-1, _draw(ranked).unsqueeze(-1)).squeeze(-1)


def _draw(probabilities: Tensor) -> Tensor:
    """One draw for each row: the smallest of exponentials with these rates."""
    race = torch.empty_like(probabilities).exponential_(1.0)
    return torch.div(probabilities, race, out=race).argmax(dim=-1)

"""Fast decoding for MusicGen's language model: tensors in, codes out. Knows torch, nothing of the service."""

from musicgen_api.engine.architecture import Architecture
from musicgen_api.engine.engine import Engine
from musicgen_api.engine.sampling import Sampling
from musicgen_api.engine.state import Conditions
from musicgen_api.engine.weights import (
    CrossWeights,
    LayerWeights,
    Linear,
    ModelWeights,
    Norm,
    Precision,
    pack_linear,
)

__all__ = [
    "Architecture",
    "Conditions",
    "CrossWeights",
    "Engine",
    "LayerWeights",
    "Linear",
    "ModelWeights",
    "Norm",
    "Precision",
    "Sampling",
    "pack_linear",
]

"""Checkpoints in transformers' format become the same model that transformers makes of them."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import MusicgenForConditionalGeneration, MusicgenMelodyForConditionalGeneration, T5Tokenizer

from musicgen_api.domain.errors import ModelError
from musicgen_api.domain.request import Backend, Section
from musicgen_api.engine import Conditions, Sampling
from musicgen_api.generation.conditions import attributes_of, conditions_of, text_encoder_of
from musicgen_api.generation.frames import generate
from musicgen_api.generation.plan import make_plan
from musicgen_api.models.loaded_model import LoadedModel
from musicgen_api.models.loading import BackendChoice, load_musicgen
from musicgen_api.models.tensor_files import read_tensors
from musicgen_api.models.transformers_format import convert
from tests.helpers.checkpoint_configs import CODEBOOK_SIZE, Variant
from tests.helpers.checkpoints import build_transformers_musicgen
from tests.helpers.fakes import RecordingMonitor
from tests.helpers.pieces import TEXT, audio_of

CPU = torch.device("cpu")
WEIGHTS = "model.safetensors"
STEPS = 20
ROUNDING = {"rtol": 1e-4, "atol": 1e-4}
"""Queries, keys and values are one product here and three there. The logits' own deviation is above 1."""


class Checkpoint:
    """A folder, and what transformers makes of it."""

    def __init__(self, folder: Path, variant: Variant, text_width: int) -> None:
        self.folder = build_transformers_musicgen(folder, variant, text_width=text_width)
        kind: Any = MusicgenMelodyForConditionalGeneration if variant == "melody" else MusicgenForConditionalGeneration
        self.model = kind.from_pretrained(self.folder).eval()
        self.words = T5Tokenizer.from_pretrained(self.folder)(TEXT, return_tensors="pt")

    @torch.no_grad()
    def logits(self, steps: Tensor) -> Tensor:
        """Of codes [1, K, S]: [1, K, S, card]."""
        logits = self.model(**self.words, decoder_input_ids=steps[0]).logits
        return logits[None, :, -steps.shape[-1] :]


@pytest.fixture(
    scope="module",
    params=[("mono", 16), ("mono", 32), ("stereo", 16), ("melody", 16)],
    ids=["mono", "mono, not projected", "stereo", "melody"],
)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    variant, width = request.param
    return Checkpoint(tmp_path_factory.mktemp("transformers"), variant, width)


def load(folder: Path, **choice: Any) -> LoadedModel:
    return load_musicgen("test/model", str(folder), CPU, RecordingMonitor(), BackendChoice(**choice))


def steps_of(model: LoadedModel) -> Tensor:
    """Random codes [1, K, S], as the steps that the transformer sees; the first is the special token."""
    generator = torch.Generator().manual_seed(1)
    steps = torch.randint(CODEBOOK_SIZE, (1, model.lm.n_q, STEPS), generator=generator)
    steps[..., 0] = CODEBOOK_SIZE
    return steps


def attributes(model: LoadedModel) -> Any:
    plan = make_plan(model, [Section(TEXT, 1)], [1])
    return attributes_of(plan, plan.windows[0], model)


@torch.no_grad()
def test_the_logits_are_those_of_transformers(checkpoint: Checkpoint) -> None:
    model = load(checkpoint.folder, engine="audiocraft", precision="fp32")
    provider = model.lm.condition_provider
    steps = steps_of(model)
    logits = model.lm(steps, [], provider(provider.tokenize([attributes(model)])))
    expected = checkpoint.logits(steps)
    assert expected.std() > 1
    torch.testing.assert_close(logits, expected, **ROUNDING)


@torch.inference_mode()
def test_the_engine_s_logits_are_those_of_transformers_at_every_step(checkpoint: Checkpoint) -> None:
    model = load(checkpoint.folder, engine="engine", precision="fp32")
    assert model.engine is not None
    steps = steps_of(model)
    conditions = conditions_of(model.lm, [attributes(model)])[0]
    rows = [part[:1] if part is not None else None for part in (conditions.prefix, conditions.cross)]
    room = torch.nn.functional.pad(steps, (0, 1))  # the last step of all would only be chosen, not run
    first, runners = model.engine.begin(room, 1, [Conditions(1, *rows)])
    found = [first] + [runners[0].step(steps[..., step]) for step in range(1, STEPS)]
    torch.testing.assert_close(torch.stack(found, dim=2), checkpoint.logits(steps), **ROUNDING)


@torch.no_grad()
def test_the_music_is_that_of_transformers(checkpoint: Checkpoint) -> None:
    """Greedily, with guidance: delays, the null condition and the codec's two channels are transformers' own, too."""
    model = load(checkpoint.folder, precision="fp32")
    plan = make_plan(model, [Section(TEXT, 1)], [1])
    codes = torch.cat(list(generate(plan, model, Sampling(use_sampling=False), guidance=3.0)), dim=-1)
    expected = checkpoint.model.generate(
        **checkpoint.words, do_sample=False, guidance_scale=3.0, max_length=plan.frames + model.delay + 1
    )
    waveform = model.compression_model.decode(codes)
    assert waveform.std() > 1e-4
    torch.testing.assert_close(waveform, expected, rtol=1e-4, atol=1e-6)


Rewrite = Callable[[Path], None]


def rewritten(change: Callable[[dict[str, Tensor]], Any]) -> Rewrite:
    """Save what `change` makes of the tensors."""

    def rewrite(folder: Path) -> None:
        tensors = load_file(folder / WEIGHTS)
        save_file(
            {name: tensor.contiguous() for name, tensor in (change(tensors) or tensors).items()}, folder / WEIGHTS
        )

    return rewrite


def reconfigured(**values: Any) -> Rewrite:
    """Change values of config.json, given by their keys with `__` for a dot."""

    def change(folder: Path) -> None:
        config = OmegaConf.create(json.loads((folder / "config.json").read_text()))
        for key, value in values.items():
            OmegaConf.update(config, key.replace("__", "."), value)
        (folder / "config.json").write_text(json.dumps(OmegaConf.to_container(config)))

    return change


def as_torch_file(folder: Path) -> None:
    torch.save(load_file(folder / WEIGHTS), folder / "pytorch_model.bin")
    (folder / WEIGHTS).unlink()


def in_shards(end: str, save: Callable[[dict[str, Tensor], Path], Any]) -> Rewrite:
    """Two files and an index, as transformers splits what is large."""

    def split(folder: Path) -> None:
        tensors = load_file(folder / WEIGHTS)
        (folder / WEIGHTS).unlink()
        listed = {}
        for shard, names in enumerate((sorted(tensors)[::2], sorted(tensors)[1::2]), start=1):
            file = f"{'model' if end == 'safetensors' else 'pytorch_model'}-0000{shard}-of-00002.{end}"
            save({name: tensors[name] for name in names}, folder / file)
            listed |= dict.fromkeys(names, file)
        index = folder / (WEIGHTS if end == "safetensors" else "pytorch_model.bin")
        Path(f"{index}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": listed}))

    return split


def of_2023(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The names that transformers gave when MusicGen came to it, and what it saved in vain."""
    renamed = {
        name.replace("parametrizations.weight.original0", "weight_g")
        .replace("parametrizations.weight.original1", "weight_v")
        .replace("text_encoder.shared.weight", "text_encoder.encoder.embed_tokens.weight"): tensor
        for name, tensor in tensors.items()
    }
    assert len(renamed.keys() - tensors.keys()) > 50
    return renamed | {"decoder.model.decoder.embed_positions.weights": torch.zeros(2048, 32)}


FORMS: dict[str, Rewrite] = {
    "torch's format": as_torch_file,
    "shards": in_shards("safetensors", save_file),
    "shards in torch's format": in_shards("bin", torch.save),
    "the names of 2023": rewritten(of_2023),
}


@pytest.fixture(scope="module")
def mono(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_transformers_musicgen(tmp_path_factory.mktemp("mono") / "folder")


@pytest.mark.parametrize("rewrite", FORMS.values(), ids=FORMS)
def test_the_files_may_have_any_of_transformers_forms(mono: Path, tmp_path: Path, rewrite: Rewrite) -> None:
    folder = shutil.copytree(mono, tmp_path / "folder")
    rewrite(folder)
    assert torch.equal(audio_of(load(folder), 1), audio_of(load(mono), 1))


def test_weights_in_half_precision_are_computed_with_in_fp32_on_a_cpu(mono: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(mono, tmp_path / "folder")
    rewritten(lambda tensors: {name: tensor.bfloat16() for name, tensor in tensors.items()})(folder)
    model = load(folder)
    assert model.backend == Backend("engine", "fp32")
    modules = (model.compression_model, text_encoder_of(model), model.lm.condition_provider)
    assert {tensor.dtype for module in modules for tensor in module.parameters()} == {torch.float32}
    assert audio_of(model, 1).shape == (1, 1, 32_000)


def test_nothing_is_copied_before_it_is_asked_for(mono: Path) -> None:
    tensors = read_tensors(mono / WEIGHTS, [mono / WEIGHTS], "")
    package, codec, text_encoder = convert(mono, tensors, "")
    mapped = {tensor.untyped_storage().data_ptr() for tensor in tensors.state.values()}
    taken = [
        *codec.state.values(),
        *text_encoder.state.values(),
        *package.stored.values(),
        package.state["emb.0.weight"],
    ]
    assert {tensor.untyped_storage().data_ptr() for tensor in taken} <= mapped


QUERY = "decoder.model.decoder.layers.1.encoder_attn.q_proj.weight"
FILTER = "audio_encoder.decoder.layers.0.conv.bias"
WORDS = "text_encoder.encoder.block.0.layer.0.SelfAttention.q.weight"


def without(name: str) -> Rewrite:
    return rewritten(lambda tensors: {key: tensor for key, tensor in tensors.items() if key != name})


def with_tensor(name: str, tensor: Tensor) -> Rewrite:
    return rewritten(lambda tensors: tensors | {name: tensor})


def with_text(name: str, text: str) -> Rewrite:
    return lambda folder: (folder / name).write_text(text) and None


def missing(*names: str) -> Rewrite:
    return lambda folder: [(folder / name).unlink() for name in names] and None


def after(*rewrites: Rewrite) -> Rewrite:
    return lambda folder: [rewrite(folder) for rewrite in rewrites] and None


SHARDED = in_shards("safetensors", save_file)
INDEX = f"{WEIGHTS}.index.json"
SHARD = "model-00002-of-00002.safetensors"

DAMAGES: dict[str, tuple[Rewrite, str]] = {
    **{
        f"no {name}": (without(name), rf"model\.safetensors lacks the tensor {re.escape(name)} \[")
        for name in (QUERY, FILTER, WORDS)
    },
    **{
        f"another shape of {name}": (
            with_tensor(name, torch.zeros(5)),
            rf"model\.safetensors: the tensor {re.escape(name)} is \[5\], and must be \[",
        )
        for name in (QUERY, FILTER, WORDS)
    },
    **{
        f"NaN in {name}": (
            rewritten(lambda tensors, name=name: tensors[name].view(-1)[-1:].fill_(math.nan) and None),
            rf"model\.safetensors: the tensor {re.escape(name)} holds weights that are not finite",
        )
        for name in (QUERY, FILTER, WORDS)
    },
    "a tensor too many": (
        with_tensor("decoder.model.decoder.layers.0.fc1.lora_A.weight", torch.zeros(2, 32)),
        r"has a tensor too many, decoder\.model\.decoder\.layers\.0\.fc1\.lora_A\.weight",
    ),
    "a shard is missing": (after(SHARDED, missing(SHARD)), rf"{SHARD} is missing in its folder"),
    "a shard lacks a tensor": (
        after(SHARDED, lambda folder: save_file({"a": torch.zeros(1)}, folder / SHARD)),
        rf"{SHARD} lacks the tensor .*, which {INDEX} says",
    ),
    "an index of elsewhere": (
        after(SHARDED, with_text(INDEX, '{"weight_map": {"a": "../../secret/model.safetensors"}}')),
        rf"{INDEX}: .* must be the name of a file beside it",
    ),
    "an empty index": (after(SHARDED, with_text(INDEX, "{}")), f"{INDEX} has no 'weight_map'"),
    "no weights": (missing(WEIGHTS), r"model\.safetensors is missing in its folder"),
    "half the weights": (
        lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:9999]) and None,
        r"model\.safetensors is cut off or broken",
    ),
    "torch's file of something else": (
        after(missing(WEIGHTS), lambda folder: torch.save({"epoch": 3}, folder / "pytorch_model.bin")),
        r"pytorch_model\.bin: 'epoch' must be a tensor, and is a int",
    ),
    "no tokenizer": (
        missing("tokenizer.json", "spiece.model"),
        r"Its tokenizer \(tokenizer\.json or spiece\.model\) is m",
    ),
    "a broken tokenizer": (with_text("tokenizer.json", "{"), r"tokenizer\.json is not valid JSON"),
    "a broken configuration": (with_text("config.json", "{"), r"config\.json is not valid JSON"),
    "a width in words": (reconfigured(decoder__hidden_size="wide"), r"config\.json cannot be built: 'hidden_size'"),
    "another width": (
        reconfigured(decoder__hidden_size=64),
        r"embed_tokens\.0\.weight is \[65, 32\], and must be \[65, 64",
    ),
    "heads that do not divide": (
        reconfigured(decoder__num_attention_heads=5),
        r"decoder\.hidden_size is 32; .* multiple",
    ),
    "layers without end": (
        reconfigured(decoder__num_hidden_layers=10**9),
        r"decoder\.num_hidden_layers is 1000000000; .* be 2",
    ),
    "other codebooks": (reconfigured(decoder__num_codebooks=8), r"decoder\.num_codebooks is 8; it must be 4, as"),
    "another activation": (reconfigured(decoder__activation_function="silu"), r"activation_function is 'silu'"),
    "another text encoder": (
        reconfigured(text_encoder__model_type="bert"),
        r"text_encoder\.model_type is 'bert'; .* 't5'",
    ),
    "text layers without end": (
        reconfigured(text_encoder__num_layers=10**9),
        r"text_encoder\.num_layers is 1000000000",
    ),
    "another codec": (
        reconfigured(audio_encoder__model_type="dac"),
        r"audio_encoder\.model_type is 'dac'; .* 'encodec'",
    ),
    "codec layers without end": (reconfigured(audio_encoder__num_lstm_layers=10**9), r"num_lstm_layers is 1000000000"),
    "a codec in chunks": (reconfigured(audio_encoder__chunk_length_s=1.0), r"audio_encoder\.chunk_length_s is 1\.0"),
    "a stride of nothing": (reconfigured(audio_encoder__upsampling_ratios=[8, 0]), r"upsampling_ratios is \[8, 0\]"),
    "a codec of other bands": (
        reconfigured(audio_encoder__target_bandwidths=[0.6]),
        r"decoder and audio_encoder in config\.json do not belong together: .* 4 codebooks of 64 .* reads 2 of 64",
    ),
}


@pytest.mark.parametrize(("damage", "says"), DAMAGES.values(), ids=DAMAGES)
def test_damage_is_told_by_file_and_tensor_or_key(mono: Path, tmp_path: Path, damage: Rewrite, says: str) -> None:
    folder = shutil.copytree(mono, tmp_path / "secret")
    damage(folder)
    with pytest.raises(ModelError, match=says) as caught:
        load(folder)
    assert caught.value.message.startswith("test/model could not be loaded: ")
    assert "secret" not in caught.value.message.replace("../../secret", "")
    assert "\n" not in caught.value.message

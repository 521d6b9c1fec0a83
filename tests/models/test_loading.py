"""Checkpoints become models; what is no checkpoint, or a broken one, says so."""

from __future__ import annotations

import math
import pickle
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import demucs.pretrained
import pytest
import torch
from audiocraft.models.encodec import HFEncodecCompressionModel
from omegaconf import OmegaConf
from safetensors.torch import load_file, save_file

from musicgen_api.domain.errors import ModelDamaged, ModelError, ModelNotFound, ModelOffline
from musicgen_api.models.catalog import BUNDLED_FOLDER, BUNDLED_ID
from musicgen_api.models.checkpoint import fetch
from musicgen_api.models.loading import BackendChoice, load_musicgen
from tests.conftest import Checkpoints
from tests.helpers.checkpoints import build_musicgen, build_transformers_codec
from tests.helpers.fakes import RecordingMonitor
from tests.helpers.pieces import TEXT, audio_of, codes_of
from tests.helpers.privileges import open_folder, without_privileges
from tests.helpers.processes import run_python

CPU = torch.device("cpu")


def load(folder: Path | str) -> Any:
    return load_musicgen("test/model", str(folder), CPU, RecordingMonitor())


@pytest.mark.parametrize(("variant", "codebooks", "channels"), [("mono", 4, 1), ("stereo", 8, 2), ("melody", 4, 1)])
def test_each_variant_is_loaded_for_text_alone(
    checkpoints: Checkpoints, variant: str, codebooks: int, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(*arguments: object, **options: object) -> None:
        raise AssertionError("text-to-music needs no stem separation")

    monkeypatch.setattr(demucs.pretrained, "get_model", download)
    model = load(getattr(checkpoints, variant))
    assert (model.lm.num_codebooks, model.audio_channels, model.sample_rate) == (codebooks, channels, 32_000)
    assert not model.lm.training
    assert not getattr(model.compression_model, "model", model.compression_model).training
    assert audio_of(model, 1).shape == (1, channels, 32_000)


def test_the_model_is_the_one_that_audiocraft_s_own_loader_makes(checkpoints: Checkpoints) -> None:
    from tests.helpers.checkpoints import load_musicgen as load_by_audiocraft

    reference = load_by_audiocraft(checkpoints.mono)
    reference.set_generation_params(duration=1, top_k=50)
    torch.manual_seed(3)
    expected = reference.generate([TEXT], return_tokens=True)[1]
    assert torch.equal(codes_of(load(checkpoints.mono), 1, seed=3), expected)


def test_the_bundled_model_loads() -> None:
    model = load_musicgen(BUNDLED_ID, str(BUNDLED_FOLDER), CPU, RecordingMonitor())
    assert (model.name, model.sample_rate, model.audio_channels) == (BUNDLED_ID, 32_000, 1)


def test_guidance_and_sampling_are_in_fp32_whatever_the_weights_are(checkpoints: Checkpoints) -> None:
    lm = load(checkpoints.mono).lm.half()
    conditions = lm.condition_provider(lm.condition_provider.tokenize([]))
    lm.forward = lambda *arguments, **values: torch.zeros(1, 4, 1, 64, dtype=torch.float16)
    assert lm(torch.zeros(1, 4, 1, dtype=torch.long), [], conditions).dtype == torch.float32


LM, CODEC = "state_dict.bin", "compression_state_dict.bin"
Damage = Callable[[Path], None]


def rewritten(name: str, change: Callable[[dict[str, Any]], Any]) -> Damage:
    """Save what `change` makes of the package (or returns instead of it)."""

    def damage(folder: Path) -> None:
        package = torch.load(folder / name, weights_only=True)
        torch.save(change(package) or package, folder / name)

    return damage


def reconfigured(name: str, **values: Any) -> Damage:
    """Change values of the configuration, given by their dotted keys with `__` for a dot."""

    def change(package: dict[str, Any]) -> None:
        config = OmegaConf.create(package["xp.cfg"])
        for key, value in values.items():
            OmegaConf.update(config, key.replace("__", "."), value)
        package["xp.cfg"] = OmegaConf.to_yaml(config)

    return rewritten(name, change)


def replaced(name: str, content: bytes) -> Damage:
    def damage(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return damage


def cut(name: str) -> Damage:
    def damage(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return damage


def exchanged(folder: Path) -> None:
    """Each file under the other's name."""
    (folder / LM).rename(folder / "other")
    (folder / CODEC).rename(folder / LM)
    (folder / "other").rename(folder / CODEC)


DAMAGES: dict[str, Damage] = {
    "an empty file": replaced(LM, b""),
    "garbage": replaced(LM, b"no checkpoint at all"),
    "half a file": cut(LM),
    "a list": rewritten(LM, lambda package: [1, 2]),
    "no weights": rewritten(LM, lambda package: {"xp.cfg": package["xp.cfg"]}),
    "no configuration": rewritten(LM, lambda package: {"best_state": package["best_state"]}),
    "a configuration that is no YAML": rewritten(LM, lambda package: package | {"xp.cfg": "{a: ["}),
    "an empty configuration": rewritten(LM, lambda package: package | {"xp.cfg": ""}),
    "a configuration of something else": rewritten(LM, lambda package: package | {"xp.cfg": "solver: audiogen"}),
    "an unknown kind of language model": reconfigured(LM, lm_model="diffusion"),
    "another width": reconfigured(LM, transformer_lm__dim=64),
    "more layers": reconfigured(LM, transformer_lm__num_layers=3),
    "a weight is missing": rewritten(LM, lambda package: package["best_state"].popitem() and None),
    "weights are no tensors": rewritten(LM, lambda package: package | {"best_state": "none"}),
    "exchanged files": exchanged,
    "an empty codec": replaced(CODEC, b""),
    "half a codec": cut(CODEC),
    "a codec without weights": rewritten(CODEC, lambda package: {"xp.cfg": package["xp.cfg"]}),
    "a codec of other codebooks": reconfigured(CODEC, rvq__bins=32),
    "no configuration of the text encoder": lambda folder: (folder / "t5" / "config.json").unlink(),
    "a broken configuration of the text encoder": replaced("t5/config.json", b"{"),
    "half the text encoder": cut("t5/model.safetensors"),
    "no weights of the text encoder": lambda folder: (folder / "t5" / "model.safetensors").unlink(),
    "a broken tokenizer": replaced("t5/tokenizer.json", b"{"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_says_so_by_the_model_s_name(
    checkpoints: Checkpoints, tmp_path: Path, damage: Damage
) -> None:
    folder = shutil.copytree(checkpoints.mono, tmp_path / "secret")
    damage(folder)
    with pytest.raises(ModelDamaged, match=r"^test/model .*\.$") as caught:
        load(folder)
    assert "secret" not in caught.value.message
    assert "\n" not in caught.value.message


def old_format(name: str) -> Damage:
    """Save as torch did before 1.6, and as `_use_new_zipfile_serialization=False` still does."""

    def save(folder: Path) -> None:
        package = torch.load(folder / name, weights_only=True)
        torch.save(package, folder / name, _use_new_zipfile_serialization=False)

    return save


def both(*damages: Damage) -> Damage:
    def damage(folder: Path) -> None:
        for each in damages:
            each(folder)

    return damage


def set_weight(name: str, tensor: str, value: float) -> Damage:
    """Put `value` in one place of a tensor."""

    def change(package: dict[str, Any]) -> None:
        package["best_state"][tensor].view(-1)[-1] = value

    return rewritten(name, change)


def safetensors_changed(file: str, change: Callable[[dict[str, torch.Tensor]], Any]) -> Damage:
    def damage(folder: Path) -> None:
        tensors = load_file(folder / file)
        change(tensors)
        save_file(tensors, folder / file, {"format": "pt"})

    return damage


def as_safetensors(folder: Path) -> None:
    save_file(torch.load(folder / LM, weights_only=True)["best_state"], folder / LM)


def another_zip(folder: Path) -> None:
    content = (folder / LM).read_bytes()
    with zipfile.ZipFile(folder / LM, "w") as archive:
        archive.writestr("model/state_dict.bin", content)


def dora(package: dict[str, Any]) -> dict[str, Any]:
    """What AudioCraft's training saves (flashy's `BaseSolver.state_dict`): a `DictConfig`, and states by name."""
    config = OmegaConf.create(package["xp.cfg"])
    return {"history": [], "xp.cfg": config, "xp.sig": "abcd1234", "best_state": {"model": package["best_state"]}}


def dora_of_plain_values(package: dict[str, Any]) -> dict[str, Any]:
    return dora(package) | {"xp.cfg": package["xp.cfg"]}


def lightning(package: dict[str, Any]) -> dict[str, Any]:
    return {"epoch": 3, "pytorch-lightning_version": "2.5.0", "state_dict": package["best_state"]}


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 841000000\n"
HTML = b"\n<!DOCTYPE html>\n<html><body>404</body></html>"
DORA_ADVICE = r"a checkpoint of AudioCraft's training \(Dora\); export it with audiocraft\.utils\.export"

DIAGNOSES: dict[str, tuple[Damage, str]] = {
    **{
        f"{what} in place of {name}": (replaced(name, content), f"{Path(name).name} {says}")
        for name in [LM, CODEC, "t5/model.safetensors", "t5/config.json", "t5/spiece.model"]
        for what, content, says in [
            ("an LFS pointer", LFS, r"is a Git LFS pointer, not the file itself; `git lfs pull`"),
            ("nothing", b"", r"is empty \(0 bytes\)"),
            ("a web page", HTML, "is a web page, saved in place of the file"),
            ("zeros", bytes(9000), "begins with zeros"),
            ("an archive", b"\x1f\x8b\x08" + bytes(99), "is an archive; unpack it"),
        ]
    },
    "half a file": (cut(LM), "state_dict.bin is cut off"),
    "half a codec": (cut(CODEC), "compression_state_dict.bin is cut off"),
    "half a file in the old format": (both(old_format(LM), cut(LM)), "state_dict.bin is broken inside or cut off"),
    "a tokenizer of something else": (replaced("t5/tokenizer.json", b'{"a": 1}'), "tokenizer in t5 cannot be built"),
    "a tokenizer of another kind": (
        replaced("t5/tokenizer.json", b'{"version": "1.0", "added_tokens": [], "model": {"type": "New", "vocab": {}}}'),
        "tokenizer in t5 cannot be built",
    ),
    "a text encoder of no width": (replaced("t5/config.json", b'{"d_model": 0}'), "text encoder in t5 cannot be built"),
    "a text encoder of another kind": (
        replaced("t5/config.json", b'{"model_type": "bert", "hidden_size": 16}'),
        "text encoder in t5 cannot be built",
    ),
    "half a text encoder": (cut("t5/model.safetensors"), r"in t5, model\.safetensors is cut off or broken"),
    "a safetensors file": (as_safetensors, "state_dict.bin is in safetensors' format; it must be .* in torch's format"),
    "a text in JSON": (replaced(LM, b'{"error": "not found"}'), "state_dict.bin is in JSON"),
    "garbage": (replaced(LM, b"garbage"), "state_dict.bin is in no format that is known here"),
    "another zip": (another_zip, "state_dict.bin is a zip archive of something else; unpack it"),
    "torch's file for the text encoder": (
        lambda folder: shutil.copy(folder / LM, folder / "t5" / "model.safetensors"),
        r"in t5, model\.safetensors is in torch's format; it must be in safetensors' format",
    ),
    "a broken tokenizer": (replaced("t5/tokenizer.json", b"{"), r"in t5, tokenizer\.json is not valid JSON"),
    "a list for a configuration": (
        replaced("t5/config.json", b"[]"),
        r"config\.json must hold a JSON object, and holds a l",
    ),
    "no tokenizer": (
        lambda folder: [(folder / "t5" / name).unlink() for name in ("tokenizer.json", "spiece.model")],
        r"in t5, its tokenizer \(tokenizer\.json or spiece\.model\) is missing",
    ),
    "no weights of the text encoder": (
        lambda folder: (folder / "t5" / "model.safetensors").unlink(),
        r"in t5, model\.safetensors is missing",
    ),
    "a checkpoint of the training": (rewritten(LM, dora), f"state_dict.bin is something else: {DORA_ADVICE}"),
    "the same in plain values": (
        rewritten(LM, dora_of_plain_values),
        f"state_dict.bin is something else: {DORA_ADVICE}",
    ),
    "the same in the old format": (
        both(rewritten(LM, dora_of_plain_values), old_format(LM)),
        f"state_dict.bin is something else: {DORA_ADVICE}",
    ),
    "a checkpoint of Lightning": (
        rewritten(LM, lightning),
        "state_dict.bin is something else: a checkpoint of PyTorch Lightning",
    ),
    "bare weights": (rewritten(LM, lambda package: package["best_state"]), "holds bare weights without AudioCraft's"),
    "exchanged files": (exchanged, "state_dict.bin holds a codec; it and compression_state_dict.bin may be exchanged"),
    "a name of a codec for the model": (rewritten(LM, lambda package: {"pretrained": "a"}), "only names a codec"),
    "no weights": (rewritten(LM, lambda package: {"xp.cfg": ""}), "state_dict.bin has no 'best_state'"),
    "no YAML": (
        rewritten(LM, lambda package: package | {"xp.cfg": "{a: ["}),
        "'xp.cfg' is not valid YAML .line 2",
    ),
    "a text for a tensor": (
        rewritten(LM, lambda package: package | {"best_state": {"emb.0.weight": "x"}}),
        "'emb.0.weight' in 'best_state' must be a tensor, and is a str",
    ),
    "a missing tensor": (
        rewritten(LM, lambda package: package["best_state"].__delitem__("out_norm.bias")),
        r"state_dict\.bin lacks the tensor out_norm\.bias \[32\]",
    ),
    "a tensor too many": (
        rewritten(LM, lambda package: package["best_state"].update(more=torch.zeros(1))),
        "state_dict.bin has a tensor too many, more",
    ),
    "another shape": (
        rewritten(LM, lambda package: package["best_state"].update({"out_norm.bias": torch.zeros(7)})),
        r"the tensor out_norm\.bias is \[7\], and must be \[32\] by the configuration",
    ),
    "a codec of other codebooks": (reconfigured(CODEC, rvq__bins=32), r"is \[64\], and must be \[32\] by the config"),
    "a text encoder that lacks a tensor": (
        safetensors_changed("t5/model.safetensors", lambda tensors: tensors.pop("encoder.final_layer_norm.weight")),
        r"The text encoder in t5 lacks the tensor encoder\.final_layer_norm\.weight",
    ),
}


@pytest.mark.parametrize(("damage", "says"), DIAGNOSES.values(), ids=DIAGNOSES)
def test_the_diagnosis_names_the_file_and_what_is_wrong_with_it(
    checkpoints: Checkpoints, tmp_path: Path, damage: Damage, says: str
) -> None:
    folder = shutil.copytree(checkpoints.mono, tmp_path / "secret")
    damage(folder)
    with pytest.raises(ModelDamaged, match=r"^test/model .*\.$") as caught:
        load(folder)
    assert re.search(says, caught.value.message)
    assert "secret" not in caught.value.message


ABSURD: dict[str, tuple[str, dict[str, Any], str]] = {
    "no heads": (LM, {"transformer_lm__num_heads": 0}, "num_heads in 'xp.cfg' is 0; it must be a whole number of at"),
    "heads that do not divide": (LM, {"transformer_lm__num_heads": 5}, "dim in 'xp.cfg' is 32; it must be a multiple"),
    "half a head": (LM, {"transformer_lm__num_heads": 0.5}, "num_heads in 'xp.cfg' is 0.5"),
    "heads in words": (LM, {"transformer_lm__num_heads": "four"}, "num_heads in 'xp.cfg' is 'four'"),
    "negative layers": (LM, {"transformer_lm__num_layers": -1}, "num_layers in 'xp.cfg' is -1"),
    "layers without end": (LM, {"transformer_lm__num_layers": 10**9}, "num_layers in 'xp.cfg' is 1000000000.* be 2"),
    "no entries": (LM, {"transformer_lm__card": 0}, "card in 'xp.cfg' is 0"),
    "other entries": (
        LM,
        {"transformer_lm__card": 100},
        "card in 'xp.cfg' is 100; it must be 64, as the height of",
    ),
    "a width without end": (LM, {"transformer_lm__dim": 4 * 10**12}, "dim in 'xp.cfg' is .*; it must be 32"),
    "no codebooks": (LM, {"transformer_lm__n_q": 0}, "n_q in 'xp.cfg' is 0"),
    "no width inside": (LM, {"transformer_lm__hidden_scale": 0}, "hidden_scale in 'xp.cfg' is 0"),
    "no repeats": (LM, {"transformer_lm__kv_repeat": 0}, "kv_repeat in 'xp.cfg' is 0"),
    "repeats that do not divide": (LM, {"transformer_lm__kv_repeat": 3}, "num_heads in 'xp.cfg' is 4; .* multiple of"),
    "no window": (LM, {"dataset__segment_duration": 0}, "segment_duration in 'xp.cfg' is 0"),
    "an endless window": (LM, {"dataset__segment_duration": math.inf}, "segment_duration in 'xp.cfg' is inf"),
    "delays back in time": (LM, {"codebooks_pattern__delay__delays": [0, -1, 2, 3]}, "delays in 'xp.cfg' is .*-1"),
    "too few delays": (LM, {"codebooks_pattern__delay__delays": [0, 1]}, "delays in 'xp.cfg' .* must be 4 whole"),
    "another kind of model": (LM, {"lm_model": "diffusion"}, "lm_model in 'xp.cfg' is 'diffusion'"),
    "an unknown argument": (LM, {"transformer_lm__wings": 2}, "'wings' in its configuration"),
    "a value of nowhere": (LM, {"transformer_lm__dim": "${nowhere}"}, "dim in 'xp.cfg' cannot be read"),
    "no sampling rate": (CODEC, {"encodec__sample_rate": 0}, "encodec.sample_rate in 'xp.cfg' is 0"),
    "a stride of nothing": (CODEC, {"seanet__ratios": [8, 0, 4, 4]}, "seanet.ratios in 'xp.cfg' is .*8, 0, 4, 4"),
    "negative filters": (CODEC, {"seanet__n_filters": -4}, "seanet.n_filters in 'xp.cfg' is -4"),
    "no bins": (CODEC, {"rvq__bins": 0}, "rvq.bins in 'xp.cfg' is 0"),
    "another codec": (
        CODEC,
        {"compression_model": "dac"},
        "compression_model in 'xp.cfg' is 'dac'; it must be enc",
    ),
}


@pytest.mark.parametrize(("name", "values", "says"), ABSURD.values(), ids=ABSURD)
def test_an_absurd_configuration_is_told_by_its_key(
    checkpoints: Checkpoints, tmp_path: Path, name: str, values: dict[str, Any], says: str
) -> None:
    folder = shutil.copytree(checkpoints.mono, tmp_path / "secret")
    reconfigured(name, **values)(folder)
    with pytest.raises(ModelDamaged, match=says):
        load(folder)


@pytest.mark.parametrize("engine", ["engine", "audiocraft"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        (LM, "transformer.layers.1.linear2.weight"),
        (LM, "emb.3.weight"),
        (LM, "condition_provider.conditioners.description.output_proj.bias"),
        (CODEC, "quantizer.vq.layers.0._codebook.embed"),
    ],
)
def test_weights_that_are_no_numbers_are_damage_and_the_tensor_is_named(
    checkpoints: Checkpoints, tmp_path: Path, name: str, tensor: str, value: float, engine: str
) -> None:
    folder = shutil.copytree(checkpoints.mono, tmp_path / "secret")
    set_weight(name, tensor, value)(folder)
    with pytest.raises(ModelDamaged, match=rf"{name}: the tensor {re.escape(tensor)} holds weights that are not"):
        load_musicgen("test/model", str(folder), CPU, RecordingMonitor(), BackendChoice(engine))


def test_weights_of_the_text_encoder_that_are_no_numbers_are_damage(checkpoints: Checkpoints, tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoints.mono, tmp_path / "secret")
    spoil = safetensors_changed(
        "t5/model.safetensors", lambda tensors: tensors["shared.weight"].view(-1)[:1].fill_(math.nan)
    )
    spoil(folder)
    with pytest.raises(ModelDamaged, match=r"The text encoder in t5: the tensor .* holds weights that are not finite"):
        load(folder)


def test_statistics_that_only_the_training_reads_may_be_anything(checkpoints: Checkpoints, tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoints.mono, tmp_path / "secret")
    set_weight(CODEC, "quantizer.vq.layers.0._codebook.cluster_size", math.inf)(folder)
    load(folder)


def test_files_of_different_models_do_not_belong_together(checkpoints: Checkpoints, tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoints.mono, tmp_path / "secret")
    other = build_musicgen(tmp_path / "other", codebook_size=128)
    shutil.copy(other / CODEC, folder / CODEC)
    with pytest.raises(ModelDamaged, match="do not belong together: the one writes 4 codebooks of 64 entries, the oth"):
        load(folder)


def test_files_in_torch_s_old_format_give_the_same_model(checkpoints: Checkpoints, tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoints.mono, tmp_path / "old")
    both(old_format(LM), old_format(CODEC))(folder)
    assert not zipfile.is_zipfile(folder / LM)
    assert torch.equal(codes_of(load(folder), 1), codes_of(load(checkpoints.mono), 1))


FORMATS: dict[str, tuple[dict[str, str], str]] = {
    "another kind of transformers' models": (
        {"config.json": '{"model_type": "musicgen_style"}', "model.safetensors": ""},
        r"state_dict\.bin is missing in its folder; this is a model in transformers' format .* says musicgen_style\)",
    ),
    "an adapter": (
        {"adapter_config.json": '{"peft_type": "LORA"}', "adapter_model.safetensors": ""},
        r"state_dict\.bin is missing in its folder; this is an adapter of PEFT, .* Merge the two",
    ),
    "the training": (
        {"checkpoint.th": ""},
        r"state_dict\.bin is missing in its folder; it holds a checkpoint of AudioCraft's training\. Export it with",
    ),
    "something else": ({"config.json": '{"model_type": "bert"}'}, r"state_dict\.bin is missing in its folder\.$"),
}


@pytest.mark.parametrize(("files", "says"), FORMATS.values(), ids=FORMATS)
def test_a_folder_in_another_format_is_told_what_it_is(tmp_path: Path, files: dict[str, str], says: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ModelNotFound, match=says):
        load(tmp_path)


def test_a_file_in_place_of_its_folder_is_told_so(checkpoints: Checkpoints) -> None:
    with pytest.raises(ModelNotFound, match="MUSICGEN_MODELS names a file; it must name the folder"):
        load(checkpoints.mono / LM)


PLACES = {
    "by its name": ("facebook/encodec_32khz", "facebook/encodec_32khz"),
    "by its last name": ("facebook/encodec_32khz", "encodec_32khz"),
    "as AudioCraft writes it elsewhere": ("//pretrained/facebook/encodec_32khz", "facebook/encodec_32khz"),
    "relative": ("../shared/codec", "../shared/codec"),
}


@pytest.mark.parametrize(("name", "place"), PLACES.values(), ids=PLACES)
def test_a_codec_that_is_only_named_is_found_beside_the_checkpoint(
    checkpoints: Checkpoints, tmp_path: Path, name: str, place: str
) -> None:
    folder = shutil.copytree(checkpoints.mono, tmp_path / "fine-tune")
    torch.save({"pretrained": name, "exported": True, "version": "1.3.0"}, folder / CODEC)
    build_transformers_codec(folder / place)
    model = load(folder)
    assert isinstance(model.compression_model, HFEncodecCompressionModel)
    assert audio_of(model, 1).shape == (1, 1, 32_000)


@pytest.mark.parametrize("place", ["folder", "file"])
def test_a_codec_may_be_named_by_its_absolute_path_and_be_audiocraft_s(
    checkpoints: Checkpoints, tmp_path: Path, place: str
) -> None:
    folder = shutil.copytree(checkpoints.mono, tmp_path / "fine-tune")
    codec = tmp_path / "codec"
    codec.mkdir()
    shutil.move(folder / CODEC, codec / CODEC)
    torch.save({"pretrained": str(codec if place == "folder" else codec / CODEC)}, folder / CODEC)
    assert torch.equal(codes_of(load(folder), 1), codes_of(load(checkpoints.mono), 1))


def test_a_codec_that_is_only_named_and_lies_nowhere_is_asked_of_the_hub(
    checkpoints: Checkpoints, tmp_path: Path
) -> None:
    folder = shutil.copytree(checkpoints.mono, tmp_path / "secret")
    torch.save({"pretrained": "facebook/encodec_32khz"}, folder / CODEC)
    with pytest.raises(ModelOffline, match=r"config\.json of facebook/encodec_32khz is not downloaded yet") as caught:
        load(folder)
    assert "secret" not in caught.value.message


def test_a_codec_whose_name_no_file_can_have_is_not_found(checkpoints: Checkpoints, tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoints.mono, tmp_path / "secret")
    torch.save({"pretrained": "long" * 100}, folder / CODEC)
    with pytest.raises(ModelNotFound):
        load(folder)


def test_codecs_that_point_at_each_other_end(checkpoints: Checkpoints, tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoints.mono, tmp_path / "secret")
    torch.save({"pretrained": "."}, folder / CODEC)
    with pytest.raises(ModelDamaged, match="points at"):
        load(folder)


def test_a_codec_of_descript_is_told_to_be_none_of_ours(checkpoints: Checkpoints, tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoints.mono, tmp_path / "secret")
    torch.save({"pretrained": "dac_44khz"}, folder / CODEC)
    with pytest.raises(ModelError, match="codec is dac_44khz, which is not supported"):
        load(folder)


def test_a_codec_in_transformers_format_that_lacks_a_tensor_is_damage(checkpoints: Checkpoints, tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoints.mono, tmp_path / "secret")
    torch.save({"pretrained": "codec"}, folder / CODEC)
    build_transformers_codec(folder / "codec")
    name = "quantizer.layers.3.codebook.embed"
    safetensors_changed("codec/model.safetensors", lambda tensors: tensors.pop(name))(folder)
    with pytest.raises(ModelDamaged, match=f"The codec in codec lacks the tensor {re.escape(name)}"):
        load(folder)


FORBIDDEN: dict[str, tuple[str, str]] = {
    "the folder": (".", "Its folder may not be read by the user of the service. MUSICGEN_MODELS names"),
    "the weights": (LM, "state_dict.bin may not be read by the user of the service. MUSICGEN_MODELS names"),
    "the codec": (CODEC, "compression_state_dict.bin may not be read by the user"),
    "the text encoder": ("t5", "may not be read by the user"),
    "a part of it": ("t5/model.safetensors", r"in t5, model\.safetensors may not be read by the user"),
}


@pytest.mark.parametrize(("place", "says"), FORBIDDEN.values(), ids=FORBIDDEN)
def test_what_may_not_be_read_says_so_and_which_setting_names_it(
    checkpoints: Checkpoints, place: str, says: str
) -> None:
    with open_folder() as root:
        folder = shutil.copytree(checkpoints.mono, root / "secret")
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        (folder / place).chmod(0)
        with without_privileges(), pytest.raises(ModelError, match=says) as caught:
            fetch("test/model", str(folder), RecordingMonitor())
        (folder / place).chmod(0o755)
    assert type(caught.value) is ModelError
    assert "secret" not in caught.value.message


def test_a_file_for_which_there_is_no_memory_is_not_damaged(checkpoints: Checkpoints) -> None:
    program = f"""
import resource, torch
from pathlib import Path
from musicgen_api.domain.errors import OutOfMemory
from musicgen_api.models.device import device_failures
from musicgen_api.models.packages import read_package

file = Path({str(checkpoints.slow / LM)!r})
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 20), used + (1 << 20)))
try:
    with device_failures("loading"):
        read_package(file, "MUSICGEN_MODELS")
except OutOfMemory:
    print("out of memory")
"""
    assert run_python(program) == "out of memory"


class Exploit:
    """What a pickle does that is loaded without `weights_only`."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Any, ...]:
        """Write a file."""
        return (Path.write_text, (self._file, "owned"))


@pytest.mark.parametrize("name", [LM, CODEC])
@pytest.mark.parametrize("save", [torch.save, lambda value, file: file.write_bytes(pickle.dumps(value))])
def test_a_checkpoint_runs_no_code(
    checkpoints: Checkpoints, tmp_path: Path, name: str, save: Callable[[Any, Path], Any]
) -> None:
    folder = shutil.copytree(checkpoints.mono, tmp_path / "secret")
    trap = tmp_path / "trap"
    save({"best_state": Exploit(trap)}, folder / name)
    with pytest.raises(ModelDamaged):
        load(folder)
    assert not trap.exists()


@pytest.mark.parametrize("name", [LM, CODEC])
def test_a_missing_file_is_named_without_its_folder(checkpoints: Checkpoints, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(checkpoints.mono, tmp_path / "secret")
    (folder / name).unlink()
    with pytest.raises(ModelNotFound, match=f"^test/model could not be loaded: {name} is missing") as caught:
        load(folder)
    assert "secret" not in caught.value.message


@pytest.mark.parametrize("source", ["/srv/gone", "./gone", "gone/models/tiny"])
def test_a_missing_folder_says_so_without_its_path(source: str) -> None:
    with pytest.raises(ModelNotFound, match=r"^test/model could not be loaded: .* does not exist") as caught:
        load(source)
    assert "gone" not in caught.value.message


def test_a_text_encoder_that_is_neither_here_nor_on_the_hub_is_an_error_of_the_model(
    checkpoints: Checkpoints, tmp_path: Path
) -> None:
    folder = shutil.copytree(checkpoints.mono, tmp_path / "secret")
    shutil.rmtree(folder / "t5")
    with pytest.raises(ModelError, match=r"^test/model could not be loaded: ") as caught:
        load(folder)
    assert "secret" not in caught.value.message


def test_a_codec_of_another_sample_rate_than_the_language_model_s_is_refused(
    checkpoints: Checkpoints, tmp_path: Path
) -> None:
    folder = shutil.copytree(checkpoints.mono, tmp_path / "secret")
    reconfigured(LM, sample_rate=16_000)(folder)
    with pytest.raises(ModelDamaged, match="the one is for audio at 16000 Hz, the other at 32000 Hz"):
        load(folder)


def test_a_model_of_short_windows_makes_longer_pieces_too(checkpoints: Checkpoints, tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoints.mono, tmp_path / "short")
    reconfigured(LM, dataset__segment_duration=2)(folder)
    model = load(folder)
    assert (model.window_s, model.stride_s) == (2, 1.2)
    assert codes_of(model, 5).shape == (1, 4, 250)

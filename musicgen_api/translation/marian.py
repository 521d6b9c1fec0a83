"""A translation model: Marian's architecture in transformers, as the hub has it from Helsinki-NLP (OPUS-MT).

It stays on the CPU in fp32: descriptions are short, and the GPU's memory belongs to the music.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import GenerationConfig, MarianMTModel, MarianTokenizer, StoppingCriteria, StoppingCriteriaList

from musicgen_api.domain.errors import ModelDamaged, ModelNotFound, ModelOffline
from musicgen_api.domain.request import Monitor
from musicgen_api.models import hub
from musicgen_api.models.device import is_device_failure
from musicgen_api.models.file_formats import Format, is_folder, read_json, recognise
from musicgen_api.models.fitting import BUILDING_FAILURES, require_whole

transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]

TOGETHER = 16
"""Sentences in one batch."""
LONGEST = 256
"""Tokens of a piece that is translated at once. The models were trained on sentences and take 512."""

_NAMED_BY = "MUSICGEN_TRANSLATORS"
_JSON = ("config.json", "vocab.json")
_PIECES = ("source.spm", "target.spm")
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_FORMATS = (Format.SAFETENSORS, Format.TORCH, Format.OLD_TORCH)
_SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？]*")


class Marian:
    """A translation model in memory. For one thread."""

    def __init__(self, tokenizer: MarianTokenizer, model: MarianMTModel) -> None:
        self._tokenizer: Any = tokenizer
        self._model: Any = model

    def translate(self, texts: Sequence[str], check: Callable[[], None]) -> list[str]:
        """`texts` in English, sentence by sentence. `check` is called at each step and may end it by an error.

        Raises:
            ModelDamaged: the files do not fit each other.
        """
        pieces = [(index, ids) for index, text in enumerate(texts) for ids in self._cut(text)]
        found: list[list[str]] = [[] for _ in texts]
        for first in range(0, len(pieces), TOGETHER):
            batch = pieces[first : first + TOGETHER]
            with _fitting():
                translations = self._translate([ids for _, ids in batch], check)
            for (index, _), translation in zip(batch, translations, strict=True):
                found[index].append(translation)
        return [" ".join(filter(None, some)) for some in found]

    def _cut(self, text: str) -> Iterator[list[int]]:
        """The ids of each sentence; a very long one comes in parts."""
        for sentence in _SENTENCE.findall(text):
            ids = self._tokenizer(sentence.strip(), add_special_tokens=False, split_special_tokens=True)["input_ids"]
            for begin in range(0, len(ids), LONGEST):
                yield [*ids[begin : begin + LONGEST], self._tokenizer.eos_token_id]

    @torch.no_grad()
    def _translate(self, rows: Sequence[Sequence[int]], check: Callable[[], None]) -> list[str]:
        class Checking(StoppingCriteria):
            """Never stops by itself; what `check` raises ends the generation."""

            def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
                check()
                return torch.zeros(len(input_ids), dtype=torch.bool)

        check()
        longest = max(len(row) for row in rows)
        padding = self._tokenizer.pad_token_id
        ids = torch.tensor([[*row, *[padding] * (longest - len(row))] for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
        output = self._model.generate(
            input_ids=ids,
            attention_mask=mask,
            generation_config=self._how(longest),
            stopping_criteria=StoppingCriteriaList([Checking()]),
        )
        return [
            self._tokenizer.decode(row, skip_special_tokens=True, use_source_tokenizer=False).strip() for row in output
        ]

    def _how(self, longest: int) -> GenerationConfig:
        """The same for all checkpoints, whatever files they come with; a translation is not endless."""
        config, padding = self._model.config, self._tokenizer.pad_token_id
        return GenerationConfig(  # type: ignore[no-untyped-call]
            num_beams=1,
            do_sample=False,
            max_new_tokens=min(2 * longest + 10, config.max_position_embeddings - 1),
            decoder_start_token_id=config.decoder_start_token_id,
            eos_token_id=config.eos_token_id,
            pad_token_id=padding,
            bad_words_ids=[[padding]],  # Marian's decoder begins with it and must not go on with it
        )


def fetch(source: str, monitor: Monitor) -> Path:
    """The folder of the model at `source`, a folder or a hub id, looked through; what is missing is downloaded.

    Raises:
        ModelOffline, ModelNotFound, HubBusy, ModelError: a file cannot be had.
        ModelDamaged: a file is not what it must be; the text names it.
        Cancelled: the job must stop; asked between the steps and while downloading.
    """
    monitor.check()
    if is_folder(source, "Its folder", _NAMED_BY):
        folder, named_by = Path(source), _NAMED_BY
    else:
        folder, named_by = _download(source, monitor), hub.cache_setting()
    _look_through(folder, named_by)
    return folder


def build(folder: Path, monitor: Monitor) -> Marian:
    """The model in `folder`, which was looked through.

    Raises:
        ModelDamaged: its files are broken inside or do not fit each other.
        Cancelled: the job must stop; asked between the steps.
    """
    monitor.check()
    kind: Any = MarianMTModel
    with _fitting():
        tokenizer = _read_tokenizer(folder)
        model, loading = kind.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    require_whole("The translation model", model, loading)
    monitor.check()
    return Marian(tokenizer, model.eval())


def _download(repo: str, monitor: Monitor) -> Path:
    downloads = hub.Downloads(repo, monitor)
    for name in (*_JSON, *_PIECES):
        downloads.file(repo, name)
    with suppress(ModelNotFound, ModelOffline):
        downloads.file(repo, "tokenizer_config.json")
    return downloads.first_of(repo, _WEIGHTS).parent


def _look_through(folder: Path, named_by: str) -> None:
    """Make sure that each file is what its name says, before anything reads it."""
    names = (*_JSON, *_PIECES, next((name for name in _WEIGHTS if (folder / name).is_file()), _WEIGHTS[0]))
    for name in names:
        if not (folder / name).is_file():
            raise ModelNotFound(f"{name} is missing in its folder.")
        if name in _JSON:
            read_json(folder / name, named_by)
        elif (form := recognise(folder / name, named_by)) not in _FORMATS and name in _WEIGHTS:
            raise ModelDamaged(f"{name} is in {form}; it must be in {Format.SAFETENSORS} or {Format.TORCH}.")
    kind = read_json(folder / "config.json", named_by).get("model_type")
    if kind != "marian":
        raise ModelDamaged(f"config.json: model_type is {kind!r}; it must be 'marian', as in Helsinki-NLP's models.")


def _read_tokenizer(folder: Path) -> MarianTokenizer:
    with warnings.catch_warnings():
        # sacremoses, which it recommends, only makes typographic quotes plain.
        warnings.filterwarnings("ignore", "Recommended: pip install sacremoses", UserWarning)
        tokenizer: MarianTokenizer = MarianTokenizer.from_pretrained(folder)
        return tokenizer


@contextmanager
def _fitting() -> Iterator[None]:
    """Say of what transformers refuses that the files do not fit; whose they are is known to the caller."""
    try:
        yield
    except BUILDING_FAILURES as error:
        if is_device_failure(error):
            raise
        raise ModelDamaged("Its files are broken inside, or belong to different models.") from error

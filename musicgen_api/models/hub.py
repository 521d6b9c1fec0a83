"""Model files: from a folder, from the hub's cache, or from the hub, with progress and able to stop.

`HF_HOME`, `HF_HUB_OFFLINE`, `HF_ENDPOINT` and their like are read by huggingface_hub itself, and
`AUDIOCRAFT_CACHE_DIR` is passed on as AudioCraft does (models/loaders.py, 1.3.0): a model that AudioCraft has
downloaded is found again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from audiocraft.models.loaders import get_audiocraft_cache_dir
from huggingface_hub import _CACHED_NO_EXIST, constants, hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils.tqdm import tqdm as hub_tqdm

from musicgen_api.domain.errors import Cancelled, ModelNotFound, ModelOffline
from musicgen_api.domain.request import Monitor
from musicgen_api.models import hub_client
from musicgen_api.models.hub_client import Contact, HubSilent, contact_noted
from musicgen_api.models.hub_failures import FAILURES, explain

CHECK_S = 0.1
"""How often a wait for the hub asks whether to stop."""

# The client reports, and can be stopped, once for each chunk that it has read: 10 MB by default, which is many seconds
# of a slow line.
constants.DOWNLOAD_CHUNK_SIZE = 1 << 16
constants.HF_HUB_DISABLE_XET = True  # docs/decisions.md
hub_client.install()

T = TypeVar("T")


class Downloads:
    """All downloads for one model: adds up their bytes, tells the monitor, and ends them when the job must stop."""

    def __init__(self, model: str, monitor: Monitor) -> None:
        self._model = model
        self._monitor = monitor
        self._stopped = threading.Event()
        self._silent: HubSilent | None = None  # once it is, the other files are not waited for
        self._done = self._total = 0

    def file(self, repo: str, name: str, cache_dir: str | None = None) -> Path:
        """The local path of `name` of the hub's `repo`, downloaded if it is not cached.

        Raises:
            ModelOffline, ModelNotFound, HubBusy, ModelError: it cannot be had; the text says why.
            Cancelled: the job must stop.
        """
        what = f"{name} of {repo}"
        try:
            cached = try_to_load_from_cache(repo, name, cache_dir=cache_dir)
        except HFValidationError:  # no hub id, so a path that was meant to exist; it is not to be shown
            raise ModelNotFound(f"The folder of {name} does not exist.") from None
        if isinstance(cached, str):
            return Path(cached)  # without asking the hub for news: checkpoints do not change, and offline it would wait
        if cached is _CACHED_NO_EXIST:
            raise ModelNotFound(f"The hub does not have {what}.")
        if constants.HF_HUB_OFFLINE:
            raise ModelOffline(f"{what} is not downloaded yet, and HF_HUB_OFFLINE switches the hub off.")
        try:
            if self._silent is not None:
                raise self._silent
            path = self._interruptible(lambda: hf_hub_download(repo, name, cache_dir=cache_dir, tqdm_class=self._bar()))
        except FAILURES as error:
            self._silent = error if isinstance(error, HubSilent) else None
            raise explain(error, what, cache_setting(checkpoint=cache_dir is not None)) from error
        return Path(path)

    def first_of(self, repo: str, names: Sequence[str], cache_dir: str | None = None) -> Path:
        """One of `names`: what is cached, else the first that the hub's `repo` has. Raises as `file` does."""
        *others, last = [name for name in names if _is_cached(repo, name, cache_dir)] or names
        for name in others:
            with suppress(ModelNotFound):
                return self.file(repo, name, cache_dir)
        return self.file(repo, last, cache_dir)

    def _interruptible(self, fetch: Callable[[], T]) -> T:
        """Run `fetch` on a thread of its own, because a silent network may hold it for long."""
        result: list[T] = []
        failure: list[BaseException] = []

        contact = Contact()

        def run() -> None:
            try:
                with contact_noted(contact):
                    result.append(fetch())
            except BaseException as error:
                failure.append(error)

        self._monitor.check()
        thread = threading.Thread(target=run, name="download", daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                self._monitor.check()
                if contact.overdue:
                    raise HubSilent("it cannot be reached")
                thread.join(CHECK_S)
        except BaseException:
            self._stopped.set()
            raise
        if failure:
            raise failure[0]
        return result[0]

    def _bar(self) -> type[hub_tqdm]:
        downloads = self

        class Bar(hub_tqdm):
            """Stands in for the hub's progress bar: draws nothing, counts."""

            def __init__(self, *args: Any, **kwargs: Any) -> None:
                downloads._add(done=int(kwargs.get("initial") or 0), total=int(kwargs.get("total") or 0))
                super().__init__(*args, **{**kwargs, "disable": True})  # type: ignore[no-untyped-call]

            def update(self, n: float | None = 1) -> bool | None:
                downloads._add(done=int(n or 0))
                return None

        return Bar

    def _add(self, done: int = 0, total: int = 0) -> None:
        if self._stopped.is_set():
            raise Cancelled("The download was stopped.")
        self._done += done
        self._total += total
        self._monitor.download(self._model, self._done, max(self._total, self._done))


def _is_cached(repo: str, name: str, cache_dir: str | None) -> bool:
    return isinstance(try_to_load_from_cache(repo, name, cache_dir=cache_dir), str)


def checkpoint_file(source: str, name: str, downloads: Downloads) -> Path:
    """`name` of the checkpoint that the hub has as `source`."""
    return downloads.file(source, name, get_audiocraft_cache_dir())


def checkpoint_first_of(source: str, names: Sequence[str], downloads: Downloads) -> Path:
    """The first of `names` that the hub's `source` has."""
    return downloads.first_of(source, names, get_audiocraft_cache_dir())


def checkpoint_tokenizer(source: str, downloads: Downloads) -> None:
    """Fetch the tokenizer of the checkpoint that the hub has as `source`, beside what is there of it."""
    _fetch_tokenizer(source, downloads, get_audiocraft_cache_dir())


def text_encoder_folder(repo: str, downloads: Downloads) -> Path:
    """The folder of the T5 that the hub has as `repo`, with whatever describes its tokenizer."""
    folder = codec_folder(repo, downloads)
    _fetch_tokenizer(repo, downloads, None)
    return folder


def _fetch_tokenizer(repo: str, downloads: Downloads, cache_dir: str | None) -> None:
    downloads.first_of(repo, ("tokenizer.json", "spiece.model"), cache_dir)
    for name in ("tokenizer_config.json", "spiece.model", "special_tokens_map.json"):
        with suppress(ModelNotFound, ModelOffline):
            downloads.file(repo, name, cache_dir)


def codec_folder(repo: str, downloads: Downloads) -> Path:
    """The folder of the transformers model `repo` of the hub: its configuration and its weights."""
    config = downloads.file(repo, "config.json")
    downloads.first_of(repo, ("model.safetensors", "pytorch_model.bin"))
    return config.parent


def cache_setting(*, checkpoint: bool = False) -> str:
    """The variable that names the folder of downloaded files: a checkpoint's own, or those of its parts."""
    return "AUDIOCRAFT_CACHE_DIR" if checkpoint and get_audiocraft_cache_dir() else "HF_HOME"

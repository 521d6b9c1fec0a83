"""Model files: from a folder, from the hub's cache, or from the hub, with progress and able to stop.

`HF_HOME`, `HF_HUB_OFFLINE`, `HF_ENDPOINT` and their like are read by huggingface_hub itself, and
`AUDIOCRAFT_CACHE_DIR` is passed on as AudioCraft does (models/loaders.py, 1.3.0): a model that AudioCraft has
downloaded is found again.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx2
from audiocraft.models.loaders import get_audiocraft_cache_dir
from huggingface_hub import _CACHED_NO_EXIST, constants, hf_hub_download, try_to_load_from_cache
from huggingface_hub import errors as hub_errors
from huggingface_hub.utils.tqdm import tqdm as hub_tqdm

from musicgen_api.errors import Cancelled, ModelError, ModelNotFound, ModelOffline
from musicgen_api.synthesis.request import Monitor

CHECK_S = 0.1
"""How often a wait for the hub asks whether to stop."""

# The client reports, and can be stopped, once for each chunk that it has read: 10 MB by default, which is many seconds
# of a slow line.
constants.DOWNLOAD_CHUNK_SIZE = 1 << 16
constants.HF_HUB_DISABLE_XET = True  # docs/decisions.md

T = TypeVar("T")


class Downloads:
    """All downloads for one model: adds up their bytes, tells the monitor, and ends them when the job must stop."""

    def __init__(self, model: str, monitor: Monitor) -> None:
        self._model = model
        self._monitor = monitor
        self._stopped = threading.Event()
        self._done = self._total = 0

    def file(self, repo: str, name: str, cache_dir: str | None = None) -> Path:
        """The local path of `name` of the hub's `repo`, downloaded if it is not cached.

        Raises:
            ModelOffline, ModelNotFound, ModelError: it cannot be had; the text says why.
            Cancelled: the job must stop.
        """
        try:
            cached = try_to_load_from_cache(repo, name, cache_dir=cache_dir)
        except hub_errors.HFValidationError:  # no hub id, so a path that was meant to exist; it is not to be shown
            raise ModelNotFound(f"The folder of {name} does not exist.") from None
        if isinstance(cached, str):
            return Path(cached)  # without asking the hub for news: checkpoints do not change, and offline it would wait
        if cached is _CACHED_NO_EXIST:
            raise ModelNotFound(f"The hub does not have {name} of {repo}.")
        try:
            path = self._interruptible(lambda: hf_hub_download(repo, name, cache_dir=cache_dir, tqdm_class=self._bar()))
        except (hub_errors.HfHubHTTPError, hub_errors.EntryNotFoundError, OSError, httpx2.HTTPError) as error:
            raise _explain(error, f"{name} of {repo}") from error
        return Path(path)

    def files(self, repo: str, required: Sequence[str], optional: Sequence[str] = ()) -> Path:
        """The folder that holds the `required` files of `repo` and those of the `optional` ones that exist."""
        paths = [self.file(repo, name) for name in required]
        for name in optional:
            with suppress(ModelNotFound, ModelOffline):
                self.file(repo, name)
        return paths[0].parent

    def _interruptible(self, fetch: Callable[[], T]) -> T:
        """Run `fetch` on a thread of its own, because a silent network may hold it for long."""
        result: list[T] = []
        failure: list[BaseException] = []

        def run() -> None:
            try:
                result.append(fetch())
            except BaseException as error:
                failure.append(error)

        self._monitor.check()
        thread = threading.Thread(target=run, name="download", daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                self._monitor.check()
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


def checkpoint_file(source: str, name: str, downloads: Downloads) -> Path:
    """`name` of a checkpoint whose `source` is a folder or a hub id."""
    if Path(source).is_dir():
        path = Path(source) / name
        if not path.is_file():
            raise ModelNotFound(f"{name} is missing in its folder.")
        return path
    return downloads.file(source, name, get_audiocraft_cache_dir())


def text_encoder_folder(name: str, source: str, downloads: Downloads) -> Path:
    """The folder of the T5 that a checkpoint calls `name`: beside the checkpoint, else on the hub."""
    beside = Path(source) / name
    if beside.is_dir():
        return beside
    tokenizer = ("tokenizer_config.json", "tokenizer.json", "spiece.model", "special_tokens_map.json")
    return _with_weights(name, tokenizer, downloads)


def codec_folder(name: str, downloads: Downloads) -> Path:
    """The folder of the transformers EnCodec `name`, which newer checkpoints only point at."""
    return _with_weights(name, (), downloads)


def _with_weights(repo: str, optional: Sequence[str], downloads: Downloads) -> Path:
    try:
        return downloads.files(repo, ["config.json", "model.safetensors"], optional)
    except ModelNotFound:
        return downloads.files(repo, ["config.json", "pytorch_model.bin"], optional)


def _explain(error: Exception, what: str) -> ModelError:
    """An error of ours for one of the hub's; never names a path or an address."""
    if isinstance(error, hub_errors.LocalEntryNotFoundError | hub_errors.OfflineModeIsEnabled):
        return ModelOffline(f"{what} is not downloaded yet, and the hub is switched off or cannot be reached.")
    if isinstance(error, hub_errors.GatedRepoError):
        return ModelNotFound(f"The hub wants an accepted licence and a token (HF_TOKEN) for {what}.")
    if isinstance(error, hub_errors.RepositoryNotFoundError | hub_errors.EntryNotFoundError):
        return ModelNotFound(f"The hub does not have {what}.")
    if isinstance(error, hub_errors.HfHubHTTPError):
        return ModelError(f"The hub answered {error.response.status_code} for {what}.")
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return ModelError(f"The disk is full; {what} could not be saved.")
    return ModelOffline(f"The download of {what} broke off ({type(error).__name__}).")

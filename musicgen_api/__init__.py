"""MusicGen API: text in, music out, over HTTP.

The arrows go one way: apis -> jobs, generation -> models -> engine; everybody -> domain.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable
from functools import partial

from flask import Flask, Response
from werkzeug.middleware.proxy_fix import ProxyFix

from musicgen_api import environment, xformers_stand_in
from musicgen_api.apis import form, openapi
from musicgen_api.apis.access import require_keys
from musicgen_api.apis.documents import generate, healthcheck, music
from musicgen_api.apis.elevenlabs import errors as elevenlabs_errors
from musicgen_api.apis.elevenlabs import music as elevenlabs_music
from musicgen_api.apis.elevenlabs import sound as elevenlabs_sound
from musicgen_api.apis.error_responses import register_error_handlers
from musicgen_api.apis.error_shapes import ErrorShapes
from musicgen_api.apis.known_hosts import refuse_unknown_hosts
from musicgen_api.apis.languages import register_languages
from musicgen_api.apis.openai import audio as openai_audio
from musicgen_api.apis.openai import errors as openai_errors
from musicgen_api.apis.openai import models as openai_models
from musicgen_api.apis.operations import metrics, probes
from musicgen_api.apis.operations.meters import Meters
from musicgen_api.apis.origins import guard_origins
from musicgen_api.apis.request_ids import name_requests
from musicgen_api.apis.studio import convert, models, page, recipe
from musicgen_api.hosts import parse_addresses
from musicgen_api.jobs.gpu_thread import GpuThread
from musicgen_api.jobs.line import Line
from musicgen_api.jobs.synthesizer import Synthesizer
from musicgen_api.models.catalog import Catalog
from musicgen_api.peers import Peers
from musicgen_api.settings import Settings

__all__ = ["create_app"]

_DOCUMENTS = (generate, music, healthcheck)
_STUDIO = (page, models, recipe, convert)
_OPENAI = (openai_audio, openai_models)
_ELEVENLABS = (elevenlabs_music, elevenlabs_sound)
_OPERATIONS = (probes, metrics)

xformers_stand_in.register()  # here, because whoever imports AudioCraft imports this package before


def create_app(settings: Settings | None = None, *, gpu_thread: GpuThread | None = None) -> Flask:
    """The application, with its GPU thread running.

    Args:
        settings: read from the environment if left out.
        gpu_thread: a started GPU thread to use instead of starting one.

    Raises:
        ConfigurationError: a setting cannot be used.
    """
    settings = settings or Settings.from_environment()
    logging.getLogger("musicgen_api").setLevel(settings.log_level)
    catalog = Catalog(settings)
    app = Flask(__name__, template_folder="../templates")
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["musicgen_settings"] = settings
    app.extensions["musicgen_larger_bodies"] = dict.fromkeys(form.PATHS, settings.max_upload_bytes)
    app.extensions["musicgen_catalog"] = catalog
    app.extensions["musicgen_openapi"] = openapi.describe(settings, catalog)
    own = gpu_thread is None
    gpu_thread = gpu_thread or _start_gpu_thread(settings, catalog)
    app.extensions["musicgen_gpu_thread"] = gpu_thread
    app.extensions["musicgen_meters"] = Meters(gpu_thread, partial(_device_memory, settings.device) if own else dict)
    for module in (*_DOCUMENTS, *_STUDIO, *_OPENAI, *_ELEVENLABS, *_OPERATIONS):
        app.register_blueprint(module.blueprint)
    register_error_handlers(app, ErrorShapes([openai_errors.SHAPE, elevenlabs_errors.SHAPE]))
    register_languages(app)
    name_requests(app)
    refuse_unknown_hosts(app, settings)
    guard_origins(app, settings)
    require_keys(app, settings)
    app.after_request(_add_security_headers)
    _trust_proxies(app, settings.proxy_hops)
    return app


def _start_gpu_thread(settings: Settings, catalog: Catalog) -> GpuThread:
    def make_synthesizer() -> Synthesizer:
        # AudioCraft and torch take seconds and a gigabyte to import: here, on the GPU thread, while the port answers.
        # First the step begins to compile, beside all that follows.
        from musicgen_api.engine.cpu.ahead import compile_ahead

        if settings.engine != "audiocraft" and settings.precision in ("auto", "int8"):
            compile_ahead(settings.step, settings.device)
        from musicgen_api.generation.synthesizer import AudioCraftSynthesizer

        return AudioCraftSynthesizer(settings, catalog)

    environment.settle()  # for servers other than gunicorn, whose gunicorn.conf.py did it and said so in the log
    gpu_thread = make_gpu_thread(settings, make_synthesizer)
    gpu_thread.start()
    return gpu_thread


def make_gpu_thread(settings: Settings, make_synthesizer: Callable[[], Synthesizer]) -> GpuThread:
    """The GPU thread that these settings ask for, not started."""
    return GpuThread(
        make_synthesizer,
        preload=settings.preload,
        on_device_lost=_restart_process,
        soonest=Peers(parse_addresses(settings.peers)),
        line=Line(settings.queue, settings.keys.labels),
    )


def _device_memory(device: str) -> dict[str, int]:
    from musicgen_api.models.device import memory_in_use  # here: it imports torch, which by then is there

    return memory_in_use(device)


def _restart_process() -> None:
    """A lost device only comes back with a new process: end this one, the supervisor starts the next."""
    os.kill(os.getpid(), signal.SIGTERM)


def _add_security_headers(response: Response) -> Response:
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("X-Frame-Options", "DENY")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    response.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    return response


def _trust_proxies(app: Flask, hops: int) -> None:
    if hops:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops, x_port=hops, x_prefix=hops
        )

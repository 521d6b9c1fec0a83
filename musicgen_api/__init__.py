"""MusicGen API: text in, music out, over HTTP.

The arrows go one way: blueprints -> worker -> synthesis -> engine.
"""

from __future__ import annotations

import logging
import os
import signal

from flask import Flask, Response
from werkzeug.middleware.proxy_fix import ProxyFix

from musicgen_api import openapi
from musicgen_api.blueprints import generate, models, music, operations, pages
from musicgen_api.blueprints.error_responses import register_error_handlers
from musicgen_api.settings import Settings
from musicgen_api.synthesis.catalog import Catalog
from musicgen_api.worker.gpu_thread import GpuThread, Synthesizer

__all__ = ["create_app"]


def create_app(settings: Settings | None = None, *, worker: GpuThread | None = None) -> Flask:
    """The application, with its GPU thread running.

    Args:
        settings: read from the environment if left out.
        worker: a started GPU thread to use instead of starting one.

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
    app.extensions["musicgen_catalog"] = catalog
    app.extensions["musicgen_openapi"] = openapi.describe(settings, catalog)
    app.extensions["musicgen_worker"] = worker or _start_worker(settings, catalog)
    for module in (pages, generate, music, models, operations):
        app.register_blueprint(module.blueprint)
    register_error_handlers(app)
    app.after_request(_add_security_headers)
    _trust_proxies(app, settings.proxy_hops)
    return app


def _start_worker(settings: Settings, catalog: Catalog) -> GpuThread:
    def make_synthesizer() -> Synthesizer:
        # AudioCraft and torch take seconds and a gigabyte to import: here, on the GPU thread, while the port answers.
        from musicgen_api.synthesis.synthesizer import AudioCraftSynthesizer

        return AudioCraftSynthesizer(settings, catalog)

    worker = GpuThread(make_synthesizer, preload=settings.preload, on_device_lost=_restart_process)
    worker.start()
    return worker


def _restart_process() -> None:
    """A lost device only comes back with a new process: end this one, the supervisor starts the next."""
    os.kill(os.getpid(), signal.SIGTERM)


def _add_security_headers(response: Response) -> Response:
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("X-Frame-Options", "DENY")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    response.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    return response


def _trust_proxies(app: Flask, hops: int) -> None:
    if hops:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops, x_port=hops, x_prefix=hops
        )

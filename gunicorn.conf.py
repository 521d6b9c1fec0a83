"""gunicorn's settings, with the reasons. The values that an operator may change come from musicgen_api/settings.py."""

import os
import sys

from musicgen_api import address, environment
from musicgen_api.server.master import keep_to_one_worker
from musicgen_api.settings import ConfigurationError, Settings

try:
    replaced = environment.settle()
    settings = Settings.from_environment()
except ConfigurationError as error:
    sys.exit(f"MusicGen API cannot start: {error}")

host = f"[{settings.host}]" if ":" in settings.host else settings.host  # an IPv6 address
bind = f"{host}:{settings.port}"

# One process, because the lock that lets one job at a time use the device is per process. Threads, because one request
# generates for minutes while the others must be told at once that the service is busy. A worker class of our own,
# because a thread of gunicorn's gthread waits for its client: sixteen clients that stall would stop the service.
workers = 1
worker_class = "musicgen_api.server.worker.FrontWorker"
threads = settings.threads_http + settings.queue  # each request that waits has a thread of its own

# Never preload: a thread that starts at import is dead after the fork, and CUDA must not be initialised before it.
preload_app = False

# This watches the main loop, not the requests. A request may take as long as its music takes.
timeout = 60

# Longer than the running job's grace plus the time that the job has to react to its cancel flag.
graceful_timeout = int(settings.grace_s) + 15

keepalive = 5

# gunicorn itself believes nothing that a client or a proxy claims. Only MUSICGEN_PROXY_HOPS decides that.
forwarded_allow_ips = ""
forwarder_headers = ""

control_socket_disable = True
loglevel = settings.log_level.lower()
accesslog = "-" if settings.log_level == "DEBUG" else None
if settings.log_format == "json":
    logger_class = "musicgen_api.server.json_log.JsonLogger"
proc_name = "musicgen-api"


def on_starting(server):
    """Refuse an address that cannot be used. An inherited socket is already bound."""
    if server.master_pid or "LISTEN_FDS" in os.environ:
        return
    try:
        for at in server.cfg.address:
            if isinstance(at, tuple):
                address.require(*at)
    except ConfigurationError as error:
        sys.exit(f"MusicGen API cannot start: {error}")


def when_ready(server):
    """Log the address. The port answers from now on, while the model is still being loaded."""
    keep_to_one_worker(server)
    if replaced:
        server.log.warning(replaced)
    name = "localhost" if settings.host in ("0.0.0.0", "::") else host
    port = server.LISTENERS[0].getsockname()[1]
    server.log.info("Open http://%s:%s in a browser; the model is still being loaded", name, port)

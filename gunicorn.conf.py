"""gunicorn's settings, with the reasons. The values that an operator may change come from musicgen_api/settings.py."""

import signal
import sys
import threading

from musicgen_api.settings import ConfigurationError, Settings

try:
    settings = Settings.from_environment()
except ConfigurationError as error:
    sys.exit(f"MusicGen API cannot start: {error}")

host = f"[{settings.host}]" if ":" in settings.host else settings.host  # an IPv6 address
bind = f"{host}:{settings.port}"

# One process: the lock that lets one job at a time reach the device is per process. Threads, because one request
# generates for minutes while others must hear at once that it is busy.
workers = 1
worker_class = "gthread"
threads = settings.threads_http

# Never preload: a thread that is started at import is dead after the fork, and CUDA must not be initialised before it.
preload_app = False

# For gthread this watches the main loop, not the requests: they may take as long as the music takes.
timeout = 60

# Longer than the running job's grace and than the time that it is given to react to its cancel flag.
graceful_timeout = int(settings.grace_s) + 15

keepalive = 5
control_socket_disable = True
loglevel = settings.log_level.lower()
accesslog = "-" if settings.log_level == "DEBUG" else None
proc_name = "musicgen-api"


def when_ready(server):
    """Say where to go. The port answers from now on; the model is loaded meanwhile."""
    address = "localhost" if settings.host in ("0.0.0.0", "::") else host
    port = server.LISTENERS[0].getsockname()[1]
    server.log.info("Open http://%s:%s in a browser; the model is loaded meanwhile", address, port)


def post_worker_init(worker):
    """Stop the GPU thread at SIGTERM, while gunicorn waits for the requests in flight.

    Without this the running job would go on until the end of the graceful timeout and die without a word.
    """
    exit_gracefully = worker.handle_exit

    def handle_exit(signum, frame):
        if worker.alive:
            stop_gpu_thread(worker, settings.grace_s)
        exit_gracefully(signum, frame)

    worker.handle_exit = handle_exit
    signal.signal(signal.SIGTERM, handle_exit)


def worker_int(worker):
    """Ctrl-C, SIGQUIT: cancel the running job at once. The process ends only when its requests do."""
    stop_gpu_thread(worker, 0.0)


def stop_gpu_thread(worker, grace_s):
    """Not on this thread, which a signal has interrupted anywhere."""
    gpu_thread = worker.wsgi.extensions["musicgen_worker"]
    threading.Thread(target=gpu_thread.stop, args=(grace_s,), name="stop").start()

# syntax=docker/dockerfile:1
# On x86-64 one image for CPU and GPU: torch's own wheels bring CUDA, the host's NVIDIA runtime brings the driver.
# `--build-arg TORCH=cpu` leaves CUDA out (docs/01-running.md); on ARM there is none.
FROM python:3.11-slim

# Weights that are downloaded stay in the volume /cache, the only place that the service's user may write to.
RUN useradd --uid 10001 --home-dir /cache --no-create-home musicgen && install -d -o 10001 -g 10001 /cache
WORKDIR /app

# The packages, as locked; compiled to bytecode now, because that user cannot do it later. No compiler is needed.
ARG TORCH
ARG TORCH_INDEX
COPY requirements.txt ./
COPY scripts scripts
RUN --mount=type=cache,target=/root/.cache/uv \
    UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 PIP_NO_CACHE_DIR=1 scripts/setup.sh requirements.txt
ENV PATH=/app/.venv/bin:$PATH

COPY . .
# The command `musicgen`; all else is there.
RUN --mount=type=cache,target=/root/.cache/uv scripts/setup.sh requirements.txt

USER 10001
VOLUME /cache
ENV HF_HOME=/cache/huggingface \
    AUDIOCRAFT_CACHE_DIR=/cache/audiocraft \
    NUMBA_CACHE_DIR=/cache/numba \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    MALLOC_ARENA_MAX=2 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1

EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request as r; port = os.environ.get('PORT', '').strip(' \\r\\n\\x22\\x27') or '8000'; r.urlopen(f'http://127.0.0.1:{port}/livez', timeout=4)"]

# An empty HOST is one that is not set, and in a container that means every address: what is published decides who
# reaches it. `exec`: gunicorn is process 1 and receives SIGTERM itself.
CMD ["sh", "-c", "HOST=${HOST:-0.0.0.0} exec python -m gunicorn wsgi:app"]

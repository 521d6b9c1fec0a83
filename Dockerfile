# syntax=docker/dockerfile:1
# One image for CPU and GPU: torch's own wheels bring CUDA, the host's NVIDIA runtime brings the driver.
FROM python:3.11-slim

# Weights that are downloaded stay in the volume /cache, the only place that the service's user may write to.
RUN useradd --uid 10001 --home-dir /cache --no-create-home musicgen && install -d -o 10001 -g 10001 /cache
WORKDIR /app

# The packages, as locked; compiled to bytecode now, because that user cannot do it later. No compiler is needed.
COPY requirements.txt scripts/uv.txt /tmp/
RUN --mount=type=cache,target=/root/.cache/uv \
    pip install --no-cache-dir --root-user-action ignore --no-deps --require-hashes -r /tmp/uv.txt \
    && uv pip install --system --link-mode copy --compile-bytecode --no-deps --require-hashes -r /tmp/requirements.txt

COPY . .

USER 10001
VOLUME /cache
ENV HOST=0.0.0.0 \
    PORT=8000 \
    HF_HOME=/cache/huggingface \
    AUDIOCRAFT_CACHE_DIR=/cache/audiocraft \
    NUMBA_CACHE_DIR=/cache/numba \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    MALLOC_ARENA_MAX=2 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1

EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/livez', timeout=4)"]

# As a list, without a shell: gunicorn is process 1 and receives SIGTERM itself.
CMD ["python", "-m", "gunicorn", "wsgi:app"]

# `make` alone lists the targets. Targets first install what they need. A second call starts in seconds.
#   HOST, PORT        where `make run` listens (127.0.0.1:8000); an empty value counts as not set, here as everywhere
#   ARGS              passed on, for example  make test ARGS="-k wav"
#   MODEL             for `make download`, for example  make download MODEL=facebook/musicgen-small
#   PYTHON            the interpreter to build the environment with, if `make` would choose the wrong one
#   TORCH             `cpu` on Linux on x86-64: torch without CUDA, from PyTorch's own index (or TORCH_INDEX)

export PYTHON TORCH TORCH_INDEX

PY := .venv/bin/python
UV_COMPILE := $(PY) -m uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-emit-find-links
LOCK_INPUTS := requirements.in requirements-dev.in overrides.txt scripts/uv.in
LOCK_DIGEST = $(shell cat $(LOCK_INPUTS) | cksum | tr ' ' -)

.DEFAULT_GOAL := help
.PHONY: help install install-dev run test fuzz soak check fix lock platforms download docker clean \
        bench bench-quick bench-gpu bench-service train-model evaluate-model

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: ## Make .venv and install the locked packages
	@scripts/setup.sh requirements.txt

install-dev: ## The same, and the tools that tests and checks need
	@scripts/setup.sh requirements.txt requirements-dev.txt

run: install ## Start the service on http://127.0.0.1:8000 (HOST=, PORT=)
	@exec $(PY) -m gunicorn wsgi:app

test: install-dev ## Run the tests (ARGS="-k wav" picks some)
	@$(PY) -m pytest --numprocesses auto --maxprocesses 4 --dist loadscope $(ARGS)

fuzz: install-dev ## Send 10,000 generated requests and 1,000 clients that leave (FUZZ_EXAMPLES=100000 sends more)
	@FUZZ_EXAMPLES=$(or $(strip $(FUZZ_EXAMPLES)),10000) $(PY) -m pytest tests/fuzz -s --timeout 3600 $(ARGS)

soak: install-dev ## Serve 500 short jobs to mixed clients and see that nothing grows (ARGS=2000 serves more)
	@$(PY) -m benchmarks.soak $(ARGS)

check: install-dev ## Check lint, format, types, import directions and locks; change nothing
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports --no-logo
	@grep -q "inputs $(LOCK_DIGEST)" requirements.txt || { echo "The lock files are older than $(LOCK_INPUTS): make lock"; exit 1; }

fix: install-dev ## Repair lint and format where a tool can
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

lock: install-dev ## Resolve *.in again into the lock files (ARGS=--upgrade renews every version)
	$(UV_COMPILE) $(ARGS) --override overrides.txt --custom-compile-command "make lock  # inputs $(LOCK_DIGEST)" requirements.in -o requirements.txt
	$(UV_COMPILE) $(ARGS) --custom-compile-command "make lock" requirements-dev.in -o requirements-dev.txt
	$(UV_COMPILE) $(ARGS) --custom-compile-command "make lock" scripts/uv.in -o scripts/uv.txt

platforms: install-dev ## Ask the package index whether every platform and Python has each locked package
	@scripts/platforms.sh

download: install ## Fetch a model's files now (MODEL=facebook/musicgen-small)
	@$(PY) -m musicgen_api.download $(or $(strip $(MODEL)),facebook/musicgen-small)

docker: ## Build the container image musicgen-api (TORCH=cpu leaves CUDA out)
	docker build --tag musicgen-api --build-arg TORCH=$(TORCH) .

bench: install-dev ## Compare AudioCraft, transformers and the engine on this machine
	@$(PY) -m benchmarks.speed $(ARGS)

bench-quick: install-dev ## The same in under two minutes: 10 s of music with musicgen-small's shape
	@$(PY) -m benchmarks.speed --quick $(ARGS)

bench-gpu: install-dev ## The same on a CUDA device
	@$(PY) -m benchmarks.speed --gpu $(ARGS)

bench-service: install-dev ## Measure what a user of the running service waits for
	@$(PY) -m benchmarks.service

train-model: install-dev ## Train the bundled model, all stages (continues where it stopped)
	@for stage in text_encoder codec tokens language_model packing; do $(PY) -m training.$$stage || exit 1; done

evaluate-model: install-dev ## Measure the bundled model on held-out captions
	@$(PY) -m training.evaluate $(ARGS)

clean: ## Remove everything that make has made, .venv included
	rm -rf .venv build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis tests/artifacts
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

#!/bin/sh
# Makes .venv where there is none and installs the given lock files into it; silent and quick when all is there already.
# usage: scripts/setup.sh requirements.txt [requirements-dev.txt]
#   PYTHON       the interpreter to make .venv with
#   TORCH        cpu or cuda: which torch, on Linux on x86-64. At first the one with CUDA, then the one that .venv has.
#   TORCH_INDEX  where torch without CUDA is, if not on PyTorch's own index
set -eu
cd "$(dirname "$0")/.."

say() { printf '==> %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Sets `size`: what the packages weigh here. `make platforms` asks the index whether it has them all.
know_platform() {
    has_cuda=""
    case "$(uname -sm)" in
        "Linux x86_64") has_cuda=yes size="about 4.4 GB to download, 8 GB on disk" ;;
        "Linux aarch64") size="about 0.4 GB to download, 1.5 GB on disk" ;;
        "Darwin arm64") size="about 0.25 GB to download, 1 GB on disk" ;;
        *) fail "torch and others have no packages for $(uname -sm), only for Linux on x86_64 and aarch64 and for macOS on arm64" ;;
    esac
    case "$(ldd --version 2>&1)" in
        *musl*) fail "torch has no packages for musl, the C library here (Alpine?). Take a Linux with glibc 2.28 or newer" ;;
    esac
    if [ "$(uname)" = Darwin ] && [ "$(sw_vers -productVersion | cut -d. -f1)" -lt 14 ]; then
        fail "macOS 14 or newer is needed, and this is $(sw_vers -productVersion)"
    fi
}

# Sets `torch`. .venv keeps the torch that it was made with until the other one is asked for.
choose_torch() {
    TORCH=${TORCH:-}
    made_with=$(cat .venv/torch 2>/dev/null || echo cuda)
    torch=${TORCH:-$made_with}
    case $torch in
        cpu) if [ "$has_cuda" ]; then size="about 0.5 GB to download, 1.6 GB on disk"; fi ;;
        cuda) if [ "$TORCH$has_cuda" = cuda ]; then fail "torch has no packages with CUDA for $(uname -sm)"; fi ;;
        *) fail "TORCH is cpu or cuda, not $torch" ;;
    esac
    if [ "$torch" != "$made_with" ] && [ "$has_cuda" ] && [ -e .venv/installed-requirements.txt ]; then
        say "The other torch was asked for: .venv is made anew"
        rm -rf .venv
    fi
}

is_fit() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14) or sys.maxsize < 2**32)' >/dev/null 2>&1
}

find_python() {
    for candidate in ${PYTHON:-python3.11 python3 python python3.12 python3.13 python3.14}; do
        if is_fit "$candidate"; then echo "$candidate"; return; fi
    done
    fail "Python 3.11 to 3.14 (64 bits) is needed and ${PYTHON:-python3} is not. Install it, or name it: make run PYTHON=/path/to/python3.11"
}

make_venv() {
    python=$(find_python)
    "$python" -c 'import venv, ensurepip' >/dev/null 2>&1 ||
        fail "$python lacks the venv module. On Debian or Ubuntu: apt install python3-venv"
    say "Making the virtual environment .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
}

# uv installs several times faster than pip and keeps one copy of the files for all environments; pip is the fallback.
have_uv() {
    .venv/bin/python -m uv --version >/dev/null 2>&1 ||
        .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r scripts/uv.txt ||
        { say "uv cannot be installed here: plain pip takes over, which takes a few minutes longer"; return 1; }
}

pip_install() {
    if have_uv; then
        UV_HTTP_TIMEOUT=${UV_HTTP_TIMEOUT:-300} .venv/bin/python -m uv pip install --python .venv/bin/python --no-deps "$@"
    else
        .venv/bin/python -m pip install --disable-pip-version-check --no-deps "$@"
    fi
}

# torch without CUDA is on PyTorch's own index: the lock's version, but other files, which the lock has no hashes of.
# Those that the index gives are checked. No other index may come between, so what the environment says of them is unset.
install_torch_without_cuda() (
    UV_DEFAULT_INDEX=${TORCH_INDEX:-https://download.pytorch.org/whl/cpu}
    PIP_INDEX_URL=$UV_DEFAULT_INDEX
    export UV_DEFAULT_INDEX PIP_INDEX_URL
    unset UV_INDEX UV_INDEX_URL UV_EXTRA_INDEX_URL PIP_EXTRA_INDEX_URL
    # shellcheck disable=SC2046 # two words are meant
    pip_install --only-binary :all: $(sed -En 's/^(torch|torchaudio)==([^ ]+).*/\1==\2+cpu/p' "$1")
)

install_without_cuda() {
    install_torch_without_cuda "$1"
    awk '/^[a-z0-9]/ { keep = !/^(torch|torchaudio|triton)==|^(nvidia|cuda)-/ } keep' "$1" >.venv/without-cuda.txt
    pip_install --require-hashes -r .venv/without-cuda.txt
}

install_lock() {
    if [ "$1" != requirements.txt ]; then
        say "Installing the packages in $1"
        pip_install --require-hashes -r "$1"
        return
    fi
    say "Installing the packages in $1, once: $size"
    echo "$torch" >.venv/torch
    if [ "$torch$has_cuda" = cpuyes ]; then install_without_cuda "$1"; else pip_install --require-hashes -r "$1"; fi
}

# The command `musicgen`, which runs from this folder. What builds it is locked, so no network is needed.
install_project() {
    stamp=.venv/installed-project
    key=$( (pwd; cat pyproject.toml musicgen_api/version.py) | cksum)
    [ "$(cat "$stamp" 2>/dev/null)" = "$key" ] && return
    say "Installing the command musicgen"
    pip_install --quiet --no-build-isolation --editable .
    echo "$key" >"$stamp"
}

know_platform
choose_torch
is_fit .venv/bin/python || make_venv
for lock in "$@"; do
    stamp=.venv/installed-$lock
    key=$(cksum <"$lock")
    [ "$(cat "$stamp" 2>/dev/null)" = "$key" ] && continue
    install_lock "$lock"
    echo "$key" >"$stamp"
done
if [ -e pyproject.toml ]; then install_project; fi # the image installs the lock before it has the project

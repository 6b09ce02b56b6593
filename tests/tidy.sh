#!/usr/bin/env bash
# clang-tidy 14 (.clang-tidy) over sources of src/: those that differ from BASE, HEAD if not given, or all. It uses the commands of a build.
# usage: tests/tidy.sh [BASE | --all]      BUILD=build/release names the build
# Exit code 77: skipped, since clang-tidy 14 is not here. A header is looked at through its source of the same name; --all looks at every one.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build/release}

tidy=$(command -v clang-tidy-14 || command -v clang-tidy || true)
if [ -z "$tidy" ] || [[ $("$tidy" --version) != *"version 14."* ]]; then
  echo "tidy.sh: skipped: sources are not looked at (no clang-tidy 14 here)"
  exit 77
fi
if [ ! -f "$build/compile_commands.json" ]; then
  echo "tidy.sh: $build has no compile_commands.json (not configured); run cmake --preset release, or set BUILD" >&2
  exit 2
fi
if [ "${1:-}" = --all ]; then
  mapfile -t files < <(git ls-files 'src/*.cpp')
else
  mapfile -t files < <(git diff --name-only --diff-filter=d "${1:-HEAD}" -- 'src/*.cpp' 'src/*.hpp' | sed 's/\.hpp$/.cpp/' | sort -u)
fi

# Sources that this build compiles: products_cuda.cpp and the like belong to others.
chosen=()
for file in "${files[@]}"; do
  if [ -f "$file" ] && grep -qF "\"file\": \"$PWD/$file\"" "$build/compile_commands.json"; then
    chosen+=("$file")
  fi
done
if [ ${#chosen[@]} -eq 0 ]; then
  echo "tidy.sh: no source to look at"
  exit 0
fi
printf '%s\0' "${chosen[@]}" | xargs -0 -n 1 -P "$(nproc)" "$tidy" -p "$build" --quiet
echo "tidy.sh: ${#chosen[@]} sources are clean"

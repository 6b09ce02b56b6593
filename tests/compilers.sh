#!/usr/bin/env bash
# Builds the program and the unit tests with each compiler that is installed, warnings as errors, without CUDA, and runs the
# fast unit tests. Ends with a line for each: which compiler, what came of it, how long it took. tests/README.md keeps them.
# usage: tests/compilers.sh [COMPILER]...      g++-12 to g++-14 and clang++-14 to clang++-19 unless named
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
compilers=("$@")
[ ${#compilers[@]} -gt 0 ] || compilers=(g++-1{2..4} clang++-1{4..9})

# build_and_test COMPILER: unity builds, since every header is parsed again by each compiler.
build_and_test() {
  local folder=build/compilers/$1
  cmake -S . -B "$folder" -G Ninja -D CMAKE_CXX_COMPILER="$1" -D CMAKE_BUILD_TYPE=Release -D CMAKE_CXX_FLAGS_RELEASE="-O2 -DNDEBUG" \
    -D CMAKE_UNITY_BUILD=ON -D FASWEEP_WERROR=ON -D FASWEEP_CUDA=OFF -D FASWEEP_TESTS=ON >/dev/null &&
    cmake --build "$folder" --target fasweep unit_tests -- --quiet -k 0 &&
    ctest --test-dir "$folder" --quiet --no-tests=error --label-regex fast --label-exclude 'python|canary|long' --parallel 2
}

lines=()
failed=0
for compiler in "${compilers[@]}"; do
  version=$("$compiler" -dumpfullversion 2>/dev/null || "$compiler" -dumpversion 2>/dev/null) || continue
  printf '\n== %s\n' "$compiler"
  begin=$SECONDS
  if build_and_test "$compiler"; then
    outcome="no warning, tests pass"
  else
    outcome=FAILED
    failed=1
  fi
  lines+=("$(printf '%-12s %-8s %s, %d s' "$compiler" "$version" "$outcome" $((SECONDS - begin)))")
done
if [ ${#lines[@]} -eq 0 ]; then
  echo "compilers.sh: none of these is installed: ${compilers[*]}" >&2
  exit 1
fi
printf '\n'
printf '%s\n' "${lines[@]}"
exit "$failed"

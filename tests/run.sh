#!/usr/bin/env bash
# Installs what is missing, builds and runs every test: the unit tests under the address and undefined-behaviour
# sanitizers, built by clang with warnings as errors, those of threads and queues under the thread sanitizer, and the
# release build, by g++ with warnings as errors, with all of them.
# Ends with one line that says whether all passed, and what was skipped.
# usage: tests/run.sh [--fast]      only the fast tests, with what is installed (tests/fast.sh)
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
case "${1:-}" in
  "") ;;
  --fast) exec tests/fast.sh ;;
  *) sed -n '6s/^# //p' "$0" >&2; exit 2 ;;
esac

failed=()
skipped=()

# step NAME COMMAND...: runs the command and remembers a failure.
step() {
  local name=$1
  shift
  printf '\n== %s\n' "$name"
  "$@" || failed+=("$name")
}

# Kernels are compiled for the oldest GPU and for one with all they use; tests/backend/cuda looks at the others.
build() {
  cmake --preset "$1" -D FASWEEP_TESTS=ON -D "CMAKE_CUDA_ARCHITECTURES=75-real;90-real" \
    -D FASWEEP_WERROR=ON --no-warn-unused-cli >/dev/null &&
    cmake --build --preset "$1" -- --quiet
}

build_and_test() {
  local preset=$1
  shift
  build "$preset" && run_tests "$preset" "$@"
}

# run_tests PRESET OPTION...: tests that were skipped are remembered, since ctest counts them among the passed.
run_tests() {
  local preset=$1
  shift
  local report=build/$preset/tests.xml
  local result=0
  ctest --preset "$preset" --progress --no-tests=error --output-junit "$PWD/$report" "$@" || result=1
  mapfile -t -O "${#skipped[@]}" skipped < <(sed -n 's/.*<testcase name="\([^"]*\)".* status="notrun".*/\1/p' "$report")
  return "$result"
}

jobs/packages.sh --developer || [ $? -eq 3 ] || exit 1
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe  # the same for Open MPI 5
step "address and undefined-behaviour sanitizers" build_and_test asan --label-exclude 'python|canary|long' --parallel 2
step "thread sanitizer" build_and_test tsan --label-regex tsan --parallel 2
step "release build" build release
step "headers stand alone" cmake --build --preset headers -- --quiet
step "every test" run_tests release --parallel 3  # those of Slurm mostly wait

if [ ${#failed[@]} -gt 0 ]; then
  printf '\ntests/run.sh: FAILED:'
  printf ' [%s]' "${failed[@]}"
  printf '\n'
  exit 1
fi
if [ ${#skipped[@]} -gt 0 ]; then
  printf '\ntests/run.sh: passed, but for what was skipped:'
  printf ' [%s]' "${skipped[@]}"
  printf '\n'
  exit 0
fi
printf '\ntests/run.sh: all passed\n'

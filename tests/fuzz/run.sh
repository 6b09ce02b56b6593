#!/usr/bin/env bash
# Builds the fuzzers with clang's libFuzzer and the address and undefined-behaviour sanitizers, and runs each for a time.
set -euo pipefail

if [ $# -ne 1 ]; then
  echo "usage: tests/fuzz/run.sh SECONDS   (for each fuzzer)" >&2
  exit 2
fi

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$root/build/fuzz
cmake -S "$root" -B "$build" -G Ninja -D CMAKE_C_COMPILER=clang -D CMAKE_CXX_COMPILER=clang++ -D CMAKE_BUILD_TYPE=Release \
  -D CMAKE_CXX_FLAGS_RELEASE="-O1 -g" -D FASWEEP_SANITIZE=fuzzer-no-link,address,undefined > /dev/null
cmake --build "$build" --target checkpoint_fuzzer data_fuzzer job_fuzzer journal_fuzzer message_fuzzer result_fuzzer state_fuzzer

for name in checkpoint data job journal message result state; do
  mkdir -p "$build/corpus/$name"
  "$build/tests/fuzz/${name}_fuzzer" -max_total_time="$1" -timeout=10 -rss_limit_mb=2048 -max_len=4096 \
    -artifact_prefix="$build/crash-$name-" "$build/corpus/$name" "$root/tests/fuzz/seeds/$name"
done

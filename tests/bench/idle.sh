#!/usr/bin/env bash
# What a rank costs while it waits: one long run on two ranks, and the CPU share of every rank's main thread, which does
# the messages and on rank 0 leads the sweep.
# usage: tests/bench/idle.sh SECONDS
set -euo pipefail
if [ $# -ne 1 ]; then
  sed -n '4s/^# //p' "$0" >&2
  exit 2
fi
seconds=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d)
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
mpirun -n 2 "$root/build/release/fasweep" run "$root/jobs/figure2-relu.cfg" -o "$folder/idle.h5" --set grid.p=12800 \
  --set grid.lambda=0 --set grid.seed=0 --set training.max-steps=100000000 --set training.stop=never >"$folder/log" 2>&1 &
launcher=$!
trap 'kill "$launcher"; wait "$launcher" || true; rm -rf "$folder"' EXIT
sleep 3

# ticks PID: CPU time of the main thread in hundredths of a second.
ticks() {
  awk '{print $14 + $15}' "/proc/$1/task/$1/stat"
}

mapfile -t ranks < <(pgrep -P "$launcher" fasweep)
before=()
for rank in "${ranks[@]}"; do
  before+=("$(ticks "$rank")")
done
sleep "$seconds"
for i in "${!ranks[@]}"; do
  after=$(ticks "${ranks[$i]}")
  awk -v t=$((after - before[i])) -v s="$seconds" -v r="$i" 'BEGIN {printf "main thread of rank %d: %.2f %% of a core\n", r, t / s}'
done

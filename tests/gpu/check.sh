#!/usr/bin/env bash
# What a GPU says of fasweep: self-test, numbers against the plain reference, kill and continue, sanitizers, times of whole runs; a table at the
# end. Needs nothing but the program and its jobs; compute-sanitizer is used where it is. Under three minutes on an H100.
# usage: tests/gpu/check.sh [BINARY=build/release/fasweep] [FOLDER OF MNIST]
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
fasweep=$(realpath "${1:-$root/build/release/fasweep}")
mnist=${2:+$(realpath "$2")}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
table=()

note() { # OUTCOME WHAT
  [ "$1" = FAIL ] && failures=$((failures + 1))
  table+=("$(printf '%-5s %s' "$1" "$2")")
}
run() { timeout 120 "$fasweep" run "$@" --backend cuda >run.log 2>&1 || { tail -3 run.log; return 1; }; }

# Columns of a result file by name: column FILE.h5 NAME...
column() {
  "$fasweep" export "$1" | awk -F, -v names="${*:2}" 'BEGIN { n = split(names, name, " ") }
    NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
    { line = ""; for (i = 1; i <= n; i++) line = line $at[name[i]] " "; print line }'
}

echo "== machine"
nvidia-smi --query-gpu=name,driver_version,clocks.max.sm --format=csv,noheader || exit 1
"$fasweep" version | head -3

echo "== self-test"
"$fasweep" selftest --json >selftest.json 2>&1
status=$?
grep -E '"passed":false|rate of' selftest.json | cut -c1-200
cp selftest.json "${OUT:-$work}" 2>/dev/null
note "$([ $status = 0 ] && echo pass || echo FAIL)" "self-test: $(grep -c '"passed":true' selftest.json) checks passed"

echo "== numbers against plain loops in float64"
for psi in relu tanh; do
  if run "$root/jobs/figure2-$psi.cfg" --set grid.p=200 --set grid.seed=0..4 --set training.max-steps=1000 -o "$psi.h5" &&
    "$fasweep" check "$psi.h5" --runs 4; then
    note pass "numbers, $psi, p = 200: 4 runs of 1,000 steps"
  else
    note FAIL "numbers, $psi"
  fi
done

echo "== kill and continue"
grid=(--set "grid.p=3200,12800" --set "grid.seed=0..19" --checkpoint-seconds 1)
run "$root/jobs/figure2-tanh.cfg" "${grid[@]}" -o whole.h5
for seconds in 1.2 2.0 2.6; do
  "$fasweep" run "$root/jobs/figure2-tanh.cfg" "${grid[@]}" -o killed.h5 --backend cuda >/dev/null 2>&1 &
  sleep $seconds
  kill -9 $! 2>/dev/null
  wait $! 2>/dev/null
done
run "$root/jobs/figure2-tanh.cfg" "${grid[@]}" -o killed.h5
for file in whole killed; do column $file.h5 run status stop_reason steps final_loss final_alignment final_hidden_change >$file.txt; done
if [ -s whole.txt ] && cmp -s whole.txt killed.txt; then
  note pass "killed three times and continued: the same bits in $(wc -l <whole.txt) runs"
else
  note FAIL "killed three times and continued: other results"
fi

if command -v compute-sanitizer >/dev/null; then
  echo "== sanitizers"
  for tool in memcheck racecheck; do
    if timeout 60 compute-sanitizer --tool $tool --error-exitcode 9 "$fasweep" run "$root/jobs/smoke.cfg" --set grid.p=50,900 \
      --set grid.seed=0 --set training.max-steps=40 --set grid.lambda=0.1 -o $tool.h5 --backend cuda >$tool.log 2>&1; then
      note pass "compute-sanitizer $tool"
    else
      note FAIL "compute-sanitizer $tool: $(tail -1 $tool.log)"
    fi
  done
fi

echo "== times of whole runs: 2,000 steps, 111 records"
for case in "relu 200 131" "relu 800 65" "relu 3200 29" "relu 12800 6" "tanh 200 131" "tanh 3200 29" "tanh 12800 6"; do
  read -r psi p last <<<"$case"
  rm -f time.h5*
  run "$root/jobs/figure2-$psi.cfg" --set grid.p="$p" --set grid.seed=0.."$last" --set training.max-steps=2000 \
    --set training.stop=never --workers 0 -o time.h5
  note time "$(printf '%s p = %5d: ' "$psi" "$p")$(column time.h5 wall_s steps |
    awk '{ s += $1; n += $2 } END { printf "%4d runs, %.4f us a step and run", NR, s / n * 1e6 }')"
done

whole() { # NAME JOB OPTION...: the time of a whole command, and how busy cores and GPUs were
  local start
  start=$(date +%s.%N)
  run "$root/jobs/$2" "${@:3}" -o whole.h5
  note time "$1: $(tail -1 run.log | tr -d '\r'), $(echo "$start $(date +%s.%N)" | awk '{ printf "%.1f s", $2 - $1 }'); $(
    grep -o '[^ ]*[^,]*% busy)' run.log | tail -1)"
  rm -f whole.h5*
}
whole "Figure 2, relu" figure2-relu.cfg
whole "Figure 2, tanh" figure2-tanh.cfg
whole "Figure 2 in full" figure2.cfg
if [ -n "$mnist" ]; then
  whole "784-1000-10, 30 runs of 60 epochs" figure3-mnist.cfg --set "data.path=$mnist" --set "training.max-steps=60 epochs"
  whole "Figure 3 in full" figure3-mnist.cfg --set "data.path=$mnist"
fi

printf '\n'
printf '%s\n' "${table[@]}"
exit $((failures > 0))

#!/usr/bin/env bash
# Writes the files that versions_test reads, with the program of the version to be remembered: run once for each schema
# or record format, and committed. The files: a complete sweep, a table's classes in minibatches, a sweep that was
# killed (file, journal, checkpoints), its journal cut in the middle of a frame, two shards, and a teacher of fixed width.
# usage: tests/store/versions/make.sh FASWEEP FOLDER
set -euo pipefail
if [ $# -ne 2 ]; then
  sed -n '5s/^# //p' "$0" >&2
  exit 2
fi
fasweep=$(realpath "$1")
mkdir -p "$2"
cd "$2"

cat >complete.cfg <<'JOB'
[grid]
p = 4, 7
lambda = 0, 0.1
activation = linear, relu, tanh, sigmoid
rule = feedback-alignment, backprop
seed = 0..1
[data]
n = 5
d = 6
test-n = 3
label-noise = 0.1
[training]
step-size = relu:0.003
schedule = cutoff(20)
max-steps = 50
stop = plateau(1e-4, 10)
[record]
steps = log(6)
JOB
"$fasweep" run complete.cfg -o complete.h5 --workers 1

cat >classes.csv <<'TABLE'
0.5,1.5,0
1.5,0.25,1
-0.5,2.5,2
0.75,1.25,0
1.25,0.5,1
-0.25,2.25,2
0.5,1,0
TABLE
cat >classes.cfg <<'JOB'
[grid]
p = 6
lambda = 0.1
seed = 3
[data]
source = csv
path = classes.csv
targets = classes
test-n = 2
[training]
step-size = 0.01
max-steps = 4 epochs
batch-size = 2
loss = cross-entropy
dropout = 0.2
precision = float64
[record]
steps = epochs(1)
JOB
"$fasweep" run classes.cfg -o classes.h5 --workers 1

# Data and teacher of version 0.1 depended on p although the teacher's width did not.
"$fasweep" run complete.cfg -o teacher.h5 --workers 1 --set data.teacher-width=3 --set grid.activation=relu --set grid.lambda=0

# Killed once some runs are recorded and another has a checkpoint.
cat >killed.cfg <<'JOB'
[grid]
p = 3
lambda = 0, 1e-3
activation = linear
seed = 0..2
[data]
n = 4
d = 5
[training]
step-size = 1e-4
max-steps = 3000000
[record]
steps = log(12)
JOB
"$fasweep" run killed.cfg -o killed.h5 --workers 1 --checkpoint-seconds 0.05 --publish-seconds 0.1 &
run=$!
until [ "$("$fasweep" status killed.h5 --json 2>/dev/null | grep -c '"done": [2-9]')" = 1 ] &&
  ls killed.h5.checkpoints/* >/dev/null 2>&1; do
  sleep 0.02
  kill -0 "$run" 2>/dev/null || { echo "make.sh: the sweep ended before it was killed" >&2; exit 1; }
done
kill -9 "$run"
wait "$run" || true
rm -f killed.h5.lock killed.h5.new killed.h5.checkpoints/*.new
head -c -37 killed.h5.journal >cut.h5.journal

for shard in 0 1; do
  "$fasweep" run complete.cfg -o "shard$shard.h5" --shard "$shard/2" --workers 1 --set grid.p=4 --set grid.seed=0..1
done
rm -f ./*.lock

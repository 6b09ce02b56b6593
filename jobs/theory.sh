#!/usr/bin/env bash
# Every statement of the paper in one command: sweeps the jobs of docs/theory.md into FOLDER, draws their figures there and
# writes the verdicts to FOLDER/NAME.txt. Needs the program (jobs/quickstart.sh builds it); run again, it sweeps what is missing.
# usage: jobs/theory.sh [FOLDER] [PROGRAM]      results/theory and build/release/fasweep if not given
set -euo pipefail
program=$(realpath "${2:-$(dirname "$0")/../build/release/fasweep}")
mkdir -p "${1:-$(dirname "$0")/../results/theory}"
folder=$(realpath "${1:-$(dirname "$0")/../results/theory}")
cd "$(dirname "$0")/.."
python=$(jobs/python.sh)

# statement JOB OPTION...: sweeps the job, draws it with these options of `analysis plot` and judges it.
statement() {
  local job=$1
  shift
  "$program" run "jobs/$job.cfg" -o "$folder/$job.h5"
  "$python" -m analysis plot "$folder/$job.h5" "$@" -o "$folder/$job.png"
  "$python" -m analysis theory "$folder/$job.h5" >"$folder/$job.txt"
}

statement theorem-3.2 --x p --y max_output_change --hue activation --at 'eta*t=200' --guide -0.5
statement theorem-4.2 --x p --y slowest_contraction/expected_kernel_min_eigenvalue --hue lambda --col schedule
statement theorem-4.3 --x p --y slowest_contraction/input_min_eigenvalue --hue lambda --col schedule
statement theorem-4.6 --x p --y alignment --hue lambda --col d
statement proposition-3.3 --x d --y expected_kernel_min_eigenvalue --hue n --col activation
statement proposition-4.5 --x d --y input_min_eigenvalue --hue n
statement schedules --x p --y alignment --hue schedule
statement constant-ridge --x 'eta*t' --y alignment --hue p --col lambda
statement first-order --x p --y infinite_width_deviation --hue lambda --col activation --guide -0.5 \
  --where rule=feedback-alignment --where step_size=0.02 --at 'eta*t=1.1'
statement exact-law --x 'eta*t' --y alignment_terms --hue alignment_term --col activation --where p=1600 --where lambda=0.3
statement richness --x p --y alignment --hue richness --col rule
statement phase --x richness --y alignment --hue lambda --col p --map
statement infinite-width --x p --y alignment

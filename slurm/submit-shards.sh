#!/bin/bash
# Submits a sweep as an array of N independent jobs, each with a file of its own, and a job that merges the files when
# all have completed. For grids too large for one job, or queues that prefer many small ones. See README.md.
set -euo pipefail

folder=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=slurm/job.sh
source "$folder/job.sh"

split_options "$@"
if ((${#operands[@]} < 3)); then
  echo "usage: slurm/submit-shards.sh [--SBATCH-OPTION=VALUE]... N JOB.cfg FILE.h5 [FASWEEP-RUN-OPTION]..." >&2
  exit 2
fi
shards=${operands[0]} file=${operands[2]}
[[ $shards =~ ^[1-9][0-9]{0,5}$ ]] ||
  fail "number of shards '$shards' is not accepted (not a whole number); write 1..999999"
check_files "${operands[@]:1:2}"
read_site_settings "$folder"

array=$(sbatch --parsable --array="0-$((shards - 1))" "${sbatch_options[@]}" \
  "$folder/shard.sbatch" "$folder" "${operands[@]}")
array=${array%%;*} # a cluster name may follow
merge=$(sbatch --parsable --dependency="afterok:$array" --kill-on-invalid-dep=yes \
  "$folder/merge.sbatch" "$folder" "$shards" "$file")
echo "Submitted shards as array $array, merge as job ${merge%%;*}"

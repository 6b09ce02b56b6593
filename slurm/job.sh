# shellcheck shell=bash
# What the scripts in this folder share: site settings, submission, the launcher, the early signal, the requeue.
# Sourced, never run. It knows neither which sweep runs nor how large the job is.

fail() {
  echo "fasweep job: $1" >&2
  exit 2
}

# Exports what site.env in folder $1 sets, and FASWEEP_BINARY.
read_site_settings() {
  if [[ -f $1/site.env ]]; then
    set -a +u # module commands read variables that are not set
    # shellcheck source=/dev/null
    source "$1/site.env"
    set +a -u
  fi
  local built
  built=$(dirname "$1")/build/release/fasweep
  [[ -x $built ]] || built=$(dirname "$1")/../../bin/fasweep # installed: PREFIX/share/fasweep/slurm and PREFIX/bin
  export FASWEEP_BINARY=${FASWEEP_BINARY:-$built}
  command -v "$FASWEEP_BINARY" >/dev/null ||
    fail "'$FASWEEP_BINARY' cannot be run (FASWEEP_BINARY names no program); build it or set FASWEEP_BINARY in site.env"
}

# Moves the leading words that begin with '-' into sbatch_options, the rest into operands.
split_options() {
  sbatch_options=()
  while [[ ${1:-} == -* ]]; do
    [[ $1 == --* ]] || fail "sbatch option '$1' is not accepted (a value after a space is not seen); write --name=value"
    sbatch_options+=("$1")
    shift
  done
  # shellcheck disable=SC2034 # read by the scripts that source this file
  operands=("$@")
}

# Refuses at once what would fail only when the job starts.
check_files() {
  [[ -f $1 ]] || fail "job file '$1' cannot be read (no such file); name an existing JOB.cfg"
  [[ $2 == *.h5 ]] || fail "result file '$2' is not accepted (its name does not end in .h5); write FILE.h5"
}

# mpirun --enable-recovery exits 0 whatever its ranks exit with. Rank 0, which is on this node, therefore leaves its
# exit code in a file of a folder that nobody else may write to; its shell outlives the signals that mpirun sends to both.
# shellcheck disable=SC2016 # for the shell of each rank
keep_exit_code='[[ $OMPI_COMM_WORLD_RANK == 0 ]] || exec "$@"; trap : USR1 USR2 INT TERM; "$@"; echo $? >"$0"'

choose_launcher() {
  exit_code_folder=
  case ${FASWEEP_LAUNCHER:-srun} in
    # The ranks end together, but not in the same instant: rank 0, which ends with 75, must not get the others killed.
    # A rank that is killed still ends the step, by PMIx.
    srun) launcher=(srun --mpi=pmix --kill-on-bad-exit=0) ;;
    # Continues without ranks that are killed. Slurm confines the job to its cores; binding within them, mpirun's default,
    # would pile the threads of a rank on one core.
    mpirun)
      exit_code_folder=$(mktemp -d) || fail "no temporary folder can be made (TMPDIR = '${TMPDIR:-/tmp}'); set TMPDIR"
      launcher=(mpirun --enable-recovery --bind-to none bash -c "$keep_exit_code" "$exit_code_folder/code")
      ;;
    *) fail "FASWEEP_LAUNCHER = '$FASWEEP_LAUNCHER' is not accepted (no such launcher); use srun or mpirun" ;;
  esac
}

describe_job_to_program() {
  export CUDA_DEVICE_ORDER=PCI_BUS_ID # the order Slurm numbers GPUs in
  export SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1} # srun does not take it from the job by itself since 22.05
  if [[ -z ${SLURM_JOB_GPUS:-} ]]; then
    export FASWEEP_WORKERS=${FASWEEP_WORKERS:-${SLURM_CPUS_PER_TASK:-1}}
  fi
  # Not every Slurm sets it in batch scripts; one of another job may have been inherited.
  unset SLURM_JOB_END_TIME
  local end
  end=$(SLURM_TIME_FORMAT=standard squeue --noheader --jobs="$job_id" --format=%e) || end=unknown
  if [[ $end == *-*T*:* ]]; then # not NONE, as for a job without a limit
    SLURM_JOB_END_TIME=$(date -d "$end" +%s)
    export SLURM_JOB_END_TIME
  fi
}

# Runs the launcher with the program and "$@", which writes $result_file, passing USR1 on. Returns the program's exit code.
run_step() {
  local step signalled code
  "${launcher[@]}" "$FASWEEP_BINARY" "$@" &
  step=$!
  trap 'signalled=yes; kill -USR1 "$step" 2>/dev/null || true' USR1
  while true; do
    signalled=
    code=0
    wait "$step" || code=$?
    # A signal ends the wait, not the step; waiting for an ended step gives its exit code again.
    [[ $signalled ]] || break
  done
  trap : USR1 # too late to stop anything
  if [[ $exit_code_folder ]]; then
    ((code != 0)) || code=$(cat "$exit_code_folder/code" 2>/dev/null) || code=128
    rm -rf "$exit_code_folder"
    # Rank 0 was killed; another may have brought the sweep to its end, and wrote its exit code nowhere.
    ((code < 128)) || code=$(code_of_file)
  fi
  return "$code"
}

# What a rank that writes $result_file ends with.
code_of_file() {
  local state
  state=$("$FASWEEP_BINARY" status --json "$result_file") || state=
  if [[ $state != *'"complete": true'* ]]; then
    echo "fasweep job: rank 0 was killed and no other could finish the sweep; submit the job again to continue" >&2
    echo 1
  elif [[ $state == *'"failed": 0'* ]]; then
    echo 0
  else
    echo 3
  fi
}

# The job starts again from the top unless it was cancelled or ended meanwhile: requeueing would bring it back to life.
requeue_or_exit() {
  local limit=${FASWEEP_REQUEUE_LIMIT:-100} restarts=${SLURM_RESTART_COUNT:-0} state
  state=$(squeue --noheader --jobs="$job_id" --format=%T) || state=unknown
  if [[ $state != RUNNING ]]; then
    echo "job $job_id is not requeued (its state is $state); submit it again to continue"
  elif ((restarts >= limit)); then
    echo "job $job_id is not requeued ($restarts restarts, FASWEEP_REQUEUE_LIMIT = $limit); submit it again to continue"
  else
    echo "job $job_id stopped early and is requeued"
    scontrol requeue "$job_id"
  fi
  exit 75
}

# run_until_done FILE.h5 run ...: runs `fasweep run ...`, which writes FILE.h5, over the tasks of this job, again and again until
# it does not end with 75.
run_until_done() {
  result_file=$1
  shift
  # SLURM_JOB_ID of one task of an array is the number of the whole array: requeueing that would stop the others.
  job_id=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}
  job_id=${job_id:-$SLURM_JOB_ID}
  choose_launcher
  describe_job_to_program
  local code=0
  run_step "$@" || code=$?
  if ((code == 75)); then
    requeue_or_exit
  fi
  exit "$code"
}

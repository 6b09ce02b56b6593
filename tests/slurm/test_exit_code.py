"""The exit code of rank 0 under mpirun, which itself ends with 0 whatever its ranks end with; without a Slurm."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

JOB_SH = Path(__file__).resolve().parents[2] / "slurm" / "job.sh"
MPIRUN = """#!/bin/bash
while [[ $1 == -* ]]; do [[ $1 == --bind-to ]] && shift; shift; done
OMPI_COMM_WORLD_RANK=0 "$@"
exit 0
"""
PROGRAM = """#!/bin/bash
[[ $1 != status ]] || { echo "$STATE"; exit 0; }
[[ $1 != shell-killed ]] || kill -KILL "$PPID"
[[ $1 != killed ]] || kill -KILL $$
exit "$1"
"""
SCRIPT = 'source "$0"; result_file=out.h5; choose_launcher; code=0; run_step "$1" || code=$?; exit "$code"'


@pytest.mark.parametrize(
    ("end", "state", "code"),
    [
        ("0", "", 0),
        ("3", "", 3),
        ("75", "", 75),
        ("killed", "", 1),
        ("shell-killed", "", 1),
        ("killed", '"complete": false, "failed": 0', 1),
        ("killed", '"complete": true, "failed": 0', 0),
        ("shell-killed", '"complete": true, "failed": 2', 3),
    ],
)
def test_the_code_of_rank_0_is_that_of_the_step(tmp_path: Path, end: str, state: str, code: int) -> None:
    """Of a rank 0 that was killed, the file tells whether another finished the sweep."""
    for name, text in (("mpirun", MPIRUN), ("program", PROGRAM)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "tmp").mkdir()
    environment = {
        "PATH": f"{tmp_path}:/usr/bin:/bin", "FASWEEP_LAUNCHER": "mpirun", "FASWEEP_BINARY": "program", "TMPDIR": f"{tmp_path}/tmp",
        "STATE": state,
    }  # fmt: skip
    step = subprocess.run(["bash", "-euo", "pipefail", "-c", SCRIPT, str(JOB_SH), end], env=environment, text=True, capture_output=True)
    assert step.returncode == code, step.stderr
    assert ("rank 0 was killed and no other could finish the sweep" in step.stderr) == (code == 1)
    assert not list((tmp_path / "tmp").iterdir())

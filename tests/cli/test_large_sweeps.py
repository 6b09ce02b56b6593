"""Grids of very many runs: what they cost is known at once, and rank 0 keeps little of each run."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from conftest import BINARY, environment

JOB = """
[grid]
p = 1
lambda = linspace(0, 1, 100)
activation = relu
seed = 0..{last_seed}
[data]
n = 1
d = 1
[training]
max-steps = 2
[record]
steps = log(2)
metrics = loss
"""


def test_plan_of_a_billion_runs_is_measured_at_once(tmp_path: Path):
    (tmp_path / "job.cfg").write_text(JOB.format(last_seed=9_999_999))
    begin = time.monotonic()
    planned = subprocess.run([BINARY, "plan", "job.cfg"], cwd=tmp_path, text=True, capture_output=True, env=environment())
    assert planned.returncode == 0, planned.stderr
    assert "1000000000 runs" in planned.stdout
    assert "rank 0" in planned.stdout
    assert time.monotonic() - begin < 20  # 1 s on a quiet machine; a look at every run would take half an hour


def peak_bytes(folder: Path, seeds: int) -> int:
    """Of a whole sweep in one process."""
    (folder / "job.cfg").write_text(JOB.format(last_seed=seeds - 1))
    process = subprocess.Popen([BINARY, "run", "job.cfg", "-o", f"{seeds}.h5", "--workers", "1"], cwd=folder,
                               stderr=subprocess.DEVNULL, env=environment())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss * 1024


def test_rank_0_keeps_little_of_a_run(tmp_path: Path):
    """8 bytes, and 31 in its columns while the file is written, in place of 750 once; the slack is for buffers."""
    few, many = 10, 6000
    grown = peak_bytes(tmp_path, many) - peak_bytes(tmp_path, few)
    assert grown < 50 * 100 * (many - few)

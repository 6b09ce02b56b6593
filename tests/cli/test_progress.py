"""What a sweep says of its progress while its first run is still in training."""

from __future__ import annotations

import json
import subprocess

import pytest
from conftest import Fasweep
from test_checkpoints import kill_with_children

LONG_RUN = """
[grid]
p = 400
lambda = 0.1
activation = tanh
seed = 0
[data]
n = 20
d = 30
[training]
max-steps = 100000000
[record]
steps = log(20)
"""
COMMAND = ("run", "job.cfg", "-o", "out.h5", "--json", "--checkpoint-seconds", "0.1")


def read_progress(process: subprocess.Popen, lines: int) -> list[dict]:
    """The first so many reports in which something is done."""
    seen: list[dict] = []
    assert process.stderr
    for line in process.stderr:
        report = json.loads(line) if line.startswith("{") else {"share_done": 0}
        if report["share_done"] > 0:
            seen.append(report)
        if len(seen) == lines:
            return seen
    pytest.fail(f"the sweep has ended: {seen}")


@pytest.mark.parametrize("ranks", [0, 2])
def test_a_long_run_shows_how_far_it_is_and_goes_on_from_there(fasweep: Fasweep, needs_mpirun: None, ranks: int):
    fasweep.job(LONG_RUN)
    process = fasweep.start(*COMMAND, ranks=ranks)
    first, second = read_progress(process, 2)
    kill_with_children(process)
    assert first["done"] == second["done"] == 0
    assert 0 < first["share_done"] < second["share_done"] < 1
    assert first["eta_s"] > 0 and second["eta_s"] > 0  # no null, which stands for an unknown time

    process = fasweep.start(*COMMAND, ranks=ranks)
    (again,) = read_progress(process, 1)
    kill_with_children(process)
    assert first["share_done"] <= again["share_done"] < 1


def test_lines_show_the_share_that_is_done(fasweep: Fasweep):
    fasweep.job(LONG_RUN.replace("100000000", "10000000"))
    process = fasweep.start(*COMMAND[:-3])
    assert process.stderr
    line = process.stderr.readline()
    kill_with_children(process)
    assert line.startswith("0/1 runs (") and "(0.0 %)" not in line and "ETA unknown" not in line, line

"""A long run that is interrupted goes on from its checkpoint, and its file is the one an uninterrupted sweep gives."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Fasweep, assert_same_results

LONG_RUNS = """
[grid]
p = 400
lambda = 0.1
activation = relu, tanh
rule = feedback-alignment, backprop
seed = 0
[data]
n = 20
d = 30
test-n = 3
[training]
max-steps = 240000
[record]
steps = log(20)
"""
COMMAND = ("run", "job.cfg", "-o", "out.h5", "--checkpoint-seconds", "0.1")


def checkpoints(fasweep: Fasweep) -> list[Path]:
    return sorted(p for p in (fasweep.folder / "out.h5.checkpoints").glob("*") if p.suffix != ".new")


def wait_for_checkpoints(fasweep: Fasweep, process: subprocess.Popen, count: int) -> None:
    """Until so many have been written by this process."""
    before = {path: path.stat().st_mtime_ns for path in checkpoints(fasweep)}
    for _ in range(1200):
        assert process.poll() is None, process.communicate()
        try:
            if sum(path.stat().st_mtime_ns != before.get(path) for path in checkpoints(fasweep)) >= count:
                return
        except FileNotFoundError:
            pass  # a run has finished in between
        time.sleep(0.05)
    pytest.fail("no checkpoints in 60 s")


def kill_with_children(process: subprocess.Popen) -> None:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in [*map(int, children), process.pid]:
        os.kill(pid, signal.SIGKILL)
    process.communicate(timeout=60)


def continued_steps(output: str) -> list[int]:
    return [int(step) for step in re.findall(r"continues at step (\d+)", output)]


def assert_as_uninterrupted(fasweep: Fasweep) -> None:
    fasweep.run("run", "job.cfg", "-o", "whole.h5", "--checkpoint-seconds", "0")
    assert_same_results(fasweep.folder / "out.h5", fasweep.folder / "whole.h5")


@pytest.fixture
def interrupted(fasweep: Fasweep) -> Fasweep:
    """A sweep killed while two runs were in training, each with a checkpoint."""
    fasweep.job(LONG_RUNS)
    process = fasweep.start(*COMMAND, "--workers", "2")
    wait_for_checkpoints(fasweep, process, 2)
    kill_with_children(process)
    assert len(checkpoints(fasweep)) >= 2
    return fasweep


def test_killed_runs_go_on_from_their_checkpoints(interrupted: Fasweep):
    out = interrupted.run(*COMMAND, "--workers", "2")
    steps = continued_steps(out)
    assert len(steps) >= 2 and all(0 < step < 240000 for step in steps), out
    assert not (interrupted.folder / "out.h5.checkpoints").exists()
    assert_as_uninterrupted(interrupted)


def test_drained_runs_go_on_where_they_were(fasweep: Fasweep):
    fasweep.job(LONG_RUNS)
    starts: list[int] = []
    for _ in range(2):
        process = fasweep.start(*COMMAND, "--workers", "2")
        wait_for_checkpoints(fasweep, process, 2)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 75, err
        assert "run the same command again" in err
        starts += continued_steps(err)
    out = fasweep.run(*COMMAND, "--workers", "2")
    assert continued_steps(out) and max(continued_steps(out)) > max(starts)  # the second drain came further
    assert_as_uninterrupted(fasweep)


@pytest.mark.usefixtures("needs_mpirun")
def test_all_ranks_killed(fasweep: Fasweep):
    fasweep.job(LONG_RUNS)
    process = fasweep.start(*COMMAND, ranks=2)
    wait_for_checkpoints(fasweep, process, 2)
    kill_with_children(process)
    out = fasweep.run(*COMMAND, ranks=2)
    assert continued_steps(out), out
    assert_as_uninterrupted(fasweep)


@pytest.mark.parametrize("limit", ["--time-limit", "SLURM_JOB_END_TIME"])
def test_time_limits_shorter_than_a_run(fasweep: Fasweep, limit: str):
    """Each start comes as far as its time reaches, and the last one to the end."""
    one_run = LONG_RUNS.replace("relu, tanh", "tanh").replace("feedback-alignment, backprop", "backprop")
    fasweep.job(one_run.replace("240000", "500000"))  # longer than any of the times given
    slurm_margin_s = 30  # kept free before the end of a Slurm job
    steps = [0]
    for _ in range(100):
        arguments = ("--time-limit", "0.3s") if limit == "--time-limit" else ()
        extra: dict[str, Any] = {} if arguments else {limit: str(int(time.time()) + slurm_margin_s + 1)}
        process = fasweep.start(*COMMAND, "--workers", "1", *arguments, **extra)
        out, err = process.communicate(timeout=60)
        steps += continued_steps(err)
        if process.returncode != 75:
            break
    assert process.returncode == 0, err
    assert len(steps) > 1 and steps == sorted(steps), steps
    assert_as_uninterrupted(fasweep)


def test_damaged_checkpoints_are_not_used(interrupted: Fasweep):
    first, second, *_ = checkpoints(interrupted)
    whole = first.read_bytes()
    first.write_bytes(whole[: len(whole) // 2])
    flipped = bytearray(second.read_bytes())
    flipped[len(flipped) // 2] ^= 1
    second.write_bytes(flipped)

    out = interrupted.run(*COMMAND, "--workers", "2")

    assert out.count("is not used (its bytes are not what was written)") == 2, out
    assert_as_uninterrupted(interrupted)


def test_without_room_for_checkpoints_the_sweep_goes_on(fasweep: Fasweep):
    fasweep.job(LONG_RUNS)
    (fasweep.folder / "out.h5.checkpoints").write_text("a file where the folder would be")
    out = fasweep.run(*COMMAND, "--workers", "2")
    assert out.count("checkpoints cannot be kept") == 1, out
    assert_as_uninterrupted(fasweep)


def test_checkpoints_can_be_switched_off(fasweep: Fasweep):
    fasweep.job(LONG_RUNS)
    process = fasweep.start("run", "job.cfg", "-o", "out.h5", "--workers", "2", "--checkpoint-seconds", "0")
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 75
    assert not (fasweep.folder / "out.h5.checkpoints").exists()

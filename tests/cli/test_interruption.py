"""Stopping early keeps what is done, and the same command continues to the file an uninterrupted sweep gives."""

from __future__ import annotations

import signal
import subprocess
import time

import h5py
import pytest
from conftest import BINARY, SMALL_JOB, Fasweep, environment, assert_same_results, status_column

LONG_JOB = """
[grid]
p = 100*2^0..2
lambda = 0, 0.1, 1
activation = relu, tanh
seed = 0..19
[data]
n = 20
d = 30
[training]
max-steps = 1500
[record]
steps = log(20)
"""


def wait_for_results(fasweep: Fasweep, process, runs: int) -> None:
    import json

    for _ in range(600):
        assert process.poll() is None, process.communicate()
        if (fasweep.folder / "out.h5.journal").exists():
            report = json.loads(fasweep.run("status", "out.h5", "--json"))
            if report["counts"]["done"] >= runs:
                return
        time.sleep(0.05)
    pytest.fail("no results in 30 s")


@pytest.mark.parametrize("how", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2])
def test_signal_half_way_then_the_same_command(fasweep: Fasweep, how):
    fasweep.job(LONG_JOB)
    process = fasweep.start("run", "job.cfg", "-o", "out.h5", "--workers", "2")
    wait_for_results(fasweep, process, 20)
    process.send_signal(how)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 75, err
    assert f"stopped early by signal {how.name[3:]}, run the same command again" in err.splitlines()[-1]

    path = fasweep.folder / "out.h5"
    half = status_column(path)
    done = int((half == "done").sum())
    assert 20 <= done < half.size
    assert set(half) <= {"pending", "done"}  # pending or done, nothing half-finished
    with h5py.File(path) as file:
        worker_times = file["finished_at"][...].copy()

    fasweep.run("run", "job.cfg", "-o", "out.h5", "--workers", "2")
    with h5py.File(path) as file:
        assert file.attrs["complete"] == 1
        kept = half == "done"
        # Only what was missing ran: what was done kept its time stamp.
        assert (file["finished_at"][...][kept] == worker_times[kept]).all()
    assert not (fasweep.folder / "out.h5.journal").exists()

    fasweep.run("run", "job.cfg", "-o", "whole.h5", "--workers", "2")
    assert_same_results(path, fasweep.folder / "whole.h5")


def test_hangup_is_ignored_under_nohup(fasweep: Fasweep):
    fasweep.job(LONG_JOB)
    command = ["nohup", str(BINARY), "run", "job.cfg", "-o", "out.h5", "--workers", "2", "--time-limit", "4"]
    process = subprocess.Popen(command, cwd=fasweep.folder, env=environment(), text=True, stderr=subprocess.PIPE)
    wait_for_results(fasweep, process, 1)
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=60)
    assert "HUP" not in err


def test_second_signal_stops_at_once(fasweep: Fasweep):
    fasweep.job(LONG_JOB)
    process = fasweep.start("run", "job.cfg", "-o", "out.h5", "--workers", "1", "--set", "training.max-steps=1000000")
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=5)
    assert process.returncode == 75


@pytest.mark.usefixtures("needs_mpirun")
def test_mpirun_passes_the_request_on(fasweep: Fasweep):
    fasweep.job(LONG_JOB)
    process = fasweep.start("run", "job.cfg", "-o", "out.h5", ranks=3)
    wait_for_results(fasweep, process, 5)
    process.send_signal(signal.SIGUSR2)  # forwarded by mpirun to every rank
    process.communicate(timeout=60)
    assert process.returncode == 75
    fasweep.run("run", "job.cfg", "-o", "out.h5", ranks=2)
    fasweep.run("run", "job.cfg", "-o", "whole.h5")
    assert_same_results(fasweep.folder / "out.h5", fasweep.folder / "whole.h5")


def test_killed_sweep_continues(fasweep: Fasweep):
    fasweep.job(LONG_JOB)
    process = fasweep.start("run", "job.cfg", "-o", "out.h5", "--workers", "2")
    wait_for_results(fasweep, process, 20)
    process.kill()
    process.communicate()
    fasweep.run("run", "job.cfg", "-o", "out.h5", "--workers", "2")
    fasweep.run("run", "job.cfg", "-o", "whole.h5", "--workers", "2")
    assert_same_results(fasweep.folder / "out.h5", fasweep.folder / "whole.h5")


def test_time_limit_drains_and_resumes(fasweep: Fasweep):
    fasweep.job(LONG_JOB)
    out = fasweep.run("run", "job.cfg", "-o", "out.h5", "--time-limit", "1s", "--set", "training.max-steps=20000", expect=75)
    assert "stopped early by the time limit (--time-limit = 1s), run the same command again" in out.splitlines()[-1]


def test_an_end_of_slurms_in_the_past_is_not_believed(fasweep: Fasweep):
    yesterday = str(int(time.time()) - 86400)
    out = fasweep.run("run", fasweep.job(), "-o", "out.h5", SLURM_JOB_ID="7", SLURM_JOB_END_TIME=yesterday)
    assert f"SLURM_JOB_END_TIME = '{yesterday}' is ignored" in out
    assert out.splitlines()[-1].endswith("complete")


def test_an_end_of_slurms_that_is_near_is_named(fasweep: Fasweep):
    soon = str(int(time.time()) + 10)
    out = fasweep.run("run", fasweep.job(LONG_JOB), "-o", "out.h5", expect=75, SLURM_JOB_END_TIME=soon)
    assert "stopped early by the time limit (SLURM_JOB_END_TIME, the end of the Slurm job)" in out.splitlines()[-1]


def test_a_sweep_that_diverges_as_a_whole_says_so(fasweep: Fasweep):
    text = SMALL_JOB.replace("max-steps = 60", "max-steps = 60\nstep-size = 1e30")
    out = fasweep.run("run", fasweep.job(text), "-o", "out.h5")
    assert "complete, but every run diverged" in out.splitlines()[-1]
    assert "every run diverged" in fasweep.run("status", "out.h5")


def test_complete_file_is_left_alone(fasweep: Fasweep):
    fasweep.run("run", fasweep.job(), "-o", "out.h5")
    before = (fasweep.folder / "out.h5").read_bytes()
    assert "complete" in fasweep.run("run", "job.cfg", "-o", "out.h5")
    assert (fasweep.folder / "out.h5").read_bytes() == before


def test_larger_grid_extends_the_file(fasweep: Fasweep):
    fasweep.run("run", fasweep.job(), "-o", "out.h5")
    with h5py.File(fasweep.folder / "out.h5") as file:
        stamps = set(file["finished_at"][...])
    fasweep.run("run", "job.cfg", "-o", "out.h5", "--set", "grid.seed=0..4", "--set", "grid.lambda=0, 0.25, 0.5")
    fasweep.run("run", "job.cfg", "-o", "whole.h5", "--set", "grid.seed=0..4", "--set", "grid.lambda=0, 0.25, 0.5")
    assert_same_results(fasweep.folder / "out.h5", fasweep.folder / "whole.h5")
    with h5py.File(fasweep.folder / "out.h5") as file:
        assert stamps <= set(file["finished_at"][...])  # the old runs were kept, not trained again

"""On a machine that is shared, fasweep takes what it was given and says what that is."""

from __future__ import annotations

import os
from typing import Any

import pytest
from conftest import Fasweep


@pytest.mark.parametrize("variable", ["OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK"])
def test_workers_follow_what_the_process_may_use(fasweep: Fasweep, variable: str):
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("there is one core anyway")
    settings: dict[str, Any] = {"OMP_NUM_THREADS": "2", variable: "1"}
    said = f"1 worker ({variable} = 1), "
    assert said in fasweep.run("run", fasweep.job(), "-o", "out.h5", **settings)
    assert f"here: {said}" in fasweep.run("plan", "job.cfg", **settings)
    assert "2 workers (--workers), " in fasweep.run("run", "job.cfg", "-o", "two.h5", "--workers", "2", **settings)


def test_workers_follow_the_cores_it_is_bound_to(fasweep: Fasweep):
    cores = os.sched_getaffinity(0)
    if len(cores) < 2:
        pytest.skip("there is one core anyway")
    os.sched_setaffinity(0, {min(cores)})  # the program inherits it
    try:
        assert "here: 1 worker (the cores it is bound to), " in fasweep.run("plan", fasweep.job())
    finally:
        os.sched_setaffinity(0, cores)


@pytest.mark.usefixtures("needs_mpirun")
def test_ranks_have_one_worker_each_or_what_slurm_says(fasweep: Fasweep):
    fasweep.job()
    assert "1 worker on each of 2 ranks (one per rank)" in fasweep.run("run", "job.cfg", "-o", "out.h5", ranks=2)
    out = fasweep.run("run", "job.cfg", "-o", "2.h5", ranks=2, SLURM_CPUS_PER_TASK="1")
    assert "1 worker on each of 2 ranks (SLURM_CPUS_PER_TASK = 1)" in out or "bound to" in out


def test_memory_that_slurm_does_not_give_is_not_counted_on(fasweep: Fasweep):
    refused = fasweep.run("run", fasweep.job(), "-o", "out.h5", "--set", "grid.p=20000", expect=2, SLURM_MEM_PER_NODE="1")
    assert "the limit is 1.0 MiB, SLURM_MEM_PER_NODE" in refused


def step_of_two(task: int) -> dict[str, Any]:
    """What srun sets without a PMI."""
    return {
        "SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0", "SLURM_PROCID": str(task), "SLURM_NTASKS": "2", "SLURM_STEP_NUM_TASKS": "2",
    }  # fmt: skip


@pytest.mark.parametrize("task", [0, 1])
def test_tasks_that_mpi_does_not_know_of_are_refused(fasweep: Fasweep, task: int):
    message = fasweep.run("run", fasweep.job(), "-o", "out.h5", expect=2, **step_of_two(task))
    assert f"task {task} of 2 of Slurm step 7.0 has no MPI" in message and "srun --mpi=pmix" in message
    assert sorted(p.name for p in fasweep.folder.iterdir()) == ["job.cfg"]


def test_tasks_with_a_shard_each_are_meant(fasweep: Fasweep):
    fasweep.job()
    for task in (0, 1):
        fasweep.run("run", "job.cfg", "-o", f"{task}.h5", "--shard", f"{task}/2", **step_of_two(task))
    fasweep.run("merge", "0.h5", "1.h5", "-o", "out.h5")


def test_a_batch_script_of_several_tasks_may_start_one(fasweep: Fasweep):
    fasweep.run("run", fasweep.job(), "-o", "out.h5", SLURM_JOB_ID="7", SLURM_PROCID="0", SLURM_NTASKS="2")

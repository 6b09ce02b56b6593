"""slurm/ on a real Slurm: jobs complete, survive time limits, cancels and lost nodes, and bind GPUs to their tasks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from datetime import datetime
from pathlib import Path

import h5py
import pytest
from local_cluster import ROOT, Site, bring_up, cli

LONG_JOB = """
[grid]
p = 100*2^0..2
lambda = 0, 0.1, 1
activation = relu, tanh
seed = 0..19
[data]
n = 20
d = 30
[record]
steps = log(20)
"""


@pytest.fixture(scope="session")
def cpu_seconds_per_step(cluster: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> float:
    """What one step of all runs of LONG_JOB costs. Counted in CPU time: other load on the machine does not matter."""
    program = cli.Fasweep(tmp_path_factory.mktemp("rate"))
    before = os.times()
    program.run("run", program.job(LONG_JOB), "-o", "rate.h5", "--workers", "1", "--set", "training.max-steps=500")
    return (os.times().children_user - before.children_user) / 500


def write_long_job(site: Site, seconds: float, seconds_per_step: float) -> None:
    """job.cfg: a sweep that keeps one core busy for about so long."""
    (site.folder / "job.cfg").write_text(LONG_JOB + f"[training]\nmax-steps = {int(seconds / seconds_per_step)}\n")


def start_plain_sweep(site: Site) -> subprocess.Popen:
    """The same sweep without Slurm, while the job runs."""
    return cli.Fasweep(site.folder).start("run", "job.cfg", "-o", "plain.h5", "--workers", "1")


def assert_complete_and_same(site: Site, plain: subprocess.Popen, file: str = "out.h5") -> None:
    _, error = plain.communicate(timeout=300)
    assert plain.returncode == 0, error
    cli.Fasweep(site.folder).run("verify", file)
    with h5py.File(site.folder / file) as results:
        assert results.attrs["complete"] == 1
    cli.assert_same_results(site.folder / file, site.folder / "plain.h5")


def wait_for_results(site: Site, job: str, runs: int = 20) -> None:
    program = cli.Fasweep(site.folder)

    def enough_done(fields: dict[str, str]) -> bool:
        assert fields["JobState"] in ("PENDING", "RUNNING"), f"{fields['JobState']}\n{site.log(job)}"
        if not (site.folder / "out.h5.journal").exists():
            return False
        return json.loads(program.run("status", "out.h5", "--json"))["counts"]["done"] >= runs

    site.wait_for(job, enough_done)


@pytest.mark.parametrize("command", [["slurm/sweep.sbatch"], ["sbatch"]], ids=["by itself", "by sbatch"])
def test_submitted_sweep_completes(site: Site, command: list[str]):
    (site.folder / "jobs").mkdir()
    cli.Fasweep(site.folder).job(name="jobs/small.cfg")
    cli.Fasweep(site.folder).job(name="job.cfg")
    script = [] if command == ["slurm/sweep.sbatch"] else ["slurm/sweep.sbatch"]
    plain = start_plain_sweep(site)

    job = site.submit(*command, "--nodes=2", "--ntasks-per-node=2", *script, "jobs/small.cfg", "jobs/out.h5")

    assert site.assert_completed(job)["Restarts"] == "0"
    assert_complete_and_same(site, plain, "jobs/out.h5")


def test_sweep_longer_than_the_time_limit_is_requeued_until_complete(site: Site, cpu_seconds_per_step: float):
    write_long_job(site, 45, cpu_seconds_per_step)  # Slurm looks at time limits every 30 s

    job = site.sweep("--time=1", "job.cfg", "out.h5")

    plain = start_plain_sweep(site)
    assert int(site.assert_completed(job)["Restarts"]) >= 1
    assert "stopped early and is requeued" in site.log(job)
    assert_complete_and_same(site, plain)


def test_early_signal_reaches_the_ranks_of_mpirun(site: Site, cpu_seconds_per_step: float):
    site.set(FASWEEP_LAUNCHER="mpirun")
    write_long_job(site, 10, cpu_seconds_per_step)
    job = site.sweep("--nodes=2", "--ntasks-per-node=1", "job.cfg", "out.h5")
    plain = start_plain_sweep(site)
    wait_for_results(site, job)

    site.command("scancel", "--batch", "--signal=USR1", job)  # what --signal=B:USR1@... sends

    assert site.assert_completed(job)["Restarts"] == "1"
    assert_complete_and_same(site, plain)


def test_cancelled_sweep_stays_cancelled_and_continues_when_submitted_again(site: Site, cpu_seconds_per_step: float):
    write_long_job(site, 10, cpu_seconds_per_step)
    first = site.sweep("--ntasks=2", "job.cfg", "out.h5")
    wait_for_results(site, first)

    site.command("scancel", first)

    cancelled = site.wait_for_end(first)
    assert (cancelled["JobState"], cancelled["Restarts"]) == ("CANCELLED", "0"), site.log(first)
    plain = start_plain_sweep(site)
    second = site.sweep("--ntasks=2", "job.cfg", "out.h5")
    assert site.assert_completed(second)["Restarts"] == "0"
    assert site.job(first)["JobState"] == "CANCELLED"
    assert_complete_and_same(site, plain)


def test_cancelled_job_whose_script_outlives_its_program_is_not_requeued(site: Site):
    # As a rule the cancel ends the script before it sees the program's 75; whether it does is a matter of milliseconds.
    site.stand_in("trap 'exit 75' TERM\ntouch started\nsleep 100 & wait")
    with open(site.scripts / "site.env", "a") as file:
        file.write("trap '' TERM\n")
    cli.Fasweep(site.folder).job()
    job = site.sweep("job.cfg", "out.h5")
    site.wait_for(job, lambda fields: (site.folder / "started").exists())

    site.command("scancel", job)

    fields = site.wait_for_end(job)
    assert (fields["JobState"], fields["Restarts"]) == ("CANCELLED", "0"), site.log(job)
    assert f"job {job} is not requeued" in site.log(job)


def test_lost_node_requeues_the_job(site: Site, cpu_seconds_per_step: float):
    write_long_job(site, 15, cpu_seconds_per_step)
    job = site.sweep("--nodes=2", "--ntasks-per-node=1", "job.cfg", "out.h5")
    wait_for_results(site, job)

    node = Path(site.cluster["SLURM_LOCAL_DIR"]) / "run" / "node2.pid"
    try:
        os.kill(int(node.read_text()), signal.SIGKILL)  # all its processes end at once, as without power
        plain = start_plain_sweep(site)
        site.wait_for(job, lambda fields: fields["Restarts"] == "1" or fields["JobState"] == "FAILED")
    finally:
        bring_up()

    assert site.assert_completed(job)["Restarts"] == "1"
    assert_complete_and_same(site, plain)


def rank_process(folder: Path, rank: int) -> int:
    """The process of a rank that runs fasweep in this folder, on whichever node."""
    for process in Path("/proc").iterdir():
        try:
            here = process.name.isdigit() and (process / "cwd").resolve() == folder
            if here and (process / "exe").resolve() == cli.BINARY.resolve():
                if f"PMIX_RANK={rank}".encode() in (process / "environ").read_bytes().split(b"\0"):
                    return int(process.name)
        except OSError:
            continue  # it has just ended
    pytest.fail(f"no process of rank {rank}")


@pytest.mark.parametrize("rank", [0, 1])
def test_mpirun_goes_on_without_a_killed_rank(site: Site, cpu_seconds_per_step: float, rank: int):
    site.set(FASWEEP_LAUNCHER="mpirun")
    write_long_job(site, 10, cpu_seconds_per_step)
    job = site.sweep("--ntasks=3", "job.cfg", "out.h5", "--lost-after-seconds", "2")
    wait_for_results(site, job)

    os.kill(rank_process(site.folder, rank), signal.SIGKILL)

    plain = start_plain_sweep(site)
    assert site.assert_completed(job)["Restarts"] == "0"
    assert_complete_and_same(site, plain)


SHOW_TASK = """
echo "task $(hostname) $SLURM_LOCALID gpus=$CUDA_VISIBLE_DEVICES order=$CUDA_DEVICE_ORDER workers=$FASWEEP_WORKERS"
"""


def shown_tasks(site: Site, *options: str) -> list[list[str]]:
    site.stand_in(SHOW_TASK)
    cli.Fasweep(site.folder).job()
    job = site.sweep("--nodes=2", "--ntasks-per-node=2", *options, "job.cfg", "out.h5")
    site.assert_completed(job)
    return sorted(line.split()[1:] for line in site.log(job).splitlines() if line.startswith("task "))


def test_every_task_sees_a_gpu_of_its_own(site: Site):
    tasks = shown_tasks(site, "--gpus-per-task=1")

    assert tasks == [
        [node, local, f"gpus={local}", "order=PCI_BUS_ID", "workers="] for node in ("node1", "node2") for local in "01"
    ]


def test_tasks_without_gpus_use_the_cpus_they_have(site: Site):
    tasks = shown_tasks(site, "--cpus-per-task=3")

    assert [task[2:] for task in tasks] == [["gpus=", "order=PCI_BUS_ID", "workers=3"]] * 4


def test_program_knows_when_its_job_ends(site: Site):
    site.stand_in('echo "end $SLURM_JOB_END_TIME"')
    cli.Fasweep(site.folder).job()

    job = site.sweep("--time=7", "job.cfg", "out.h5")

    start = datetime.fromisoformat(site.assert_completed(job)["StartTime"])
    assert f"end {int(start.timestamp()) + 7 * 60}" in site.log(job).splitlines()


@pytest.mark.parametrize("launcher", ["srun", "mpirun"])
def test_exit_code_of_the_program_is_that_of_the_job(site: Site, launcher: str):
    site.set(FASWEEP_LAUNCHER=launcher)
    site.stand_in("exit 3")
    cli.Fasweep(site.folder).job()

    fields = site.wait_for_end(site.sweep("job.cfg", "out.h5"))

    assert (fields["JobState"], fields["ExitCode"], fields["Restarts"]) == ("FAILED", "3:0", "0")


def test_requeues_end_at_the_limit(site: Site):
    site.stand_in("exit 75")
    site.set(FASWEEP_REQUEUE_LIMIT=1)
    cli.Fasweep(site.folder).job()

    job = site.sweep("job.cfg", "out.h5")

    fields = site.wait_for_end(job)
    assert (fields["JobState"], fields["ExitCode"], fields["Restarts"]) == ("FAILED", "75:0", "1")
    assert "FASWEEP_REQUEUE_LIMIT = 1" in site.log(job)


def submit_shards(site: Site, shards: int) -> tuple[str, str]:
    """The numbers of the array and of the job that merges."""
    array = site.submit("slurm/submit-shards.sh", shards, "job.cfg", "out.h5")
    return array, site.submitted[-1]


STOPS_ONCE_IN_SHARD_1 = """
echo "$@" >>calls
[[ "$*" != *"--shard 1/2"* || ${SLURM_RESTART_COUNT:-0} -ge 1 ]] || exit 75
sleep 5
"""


def test_merge_waits_for_a_shard_that_is_requeued(site: Site):
    site.stand_in(STOPS_ONCE_IN_SHARD_1)
    cli.Fasweep(site.folder).job()

    array, merge = submit_shards(site, 2)

    site.assert_completed(merge)
    assert [site.job(f"{array}_{task}")["Restarts"] for task in (0, 1)] == ["0", "1"]
    *shards, last = (site.folder / "calls").read_text().splitlines()
    first, second = (f"run job.cfg --shard {i}/2 -o out.shard-{i}-of-2.h5" for i in (0, 1))
    assert sorted(shards) == [first, second, second]
    assert last == "merge out.shard-0-of-2.h5 out.shard-1-of-2.h5 -o out.h5"


def test_merged_shards_equal_one_sweep(site: Site):
    program = cli.Fasweep(site.folder)
    if "--shard" not in program.run("run", "--help"):
        pytest.skip("this fasweep has no --shard")
    program.job()
    plain = start_plain_sweep(site)

    _, merge = submit_shards(site, 3)

    site.assert_completed(merge)
    assert_complete_and_same(site, plain)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ([], "usage: "),
        (["-N", "2", "job.cfg", "out.h5"], "write --name=value"),
        (["none.cfg", "out.h5"], "'none.cfg' cannot be read"),
        (["job.cfg", "out.nc"], "write FILE.h5"),
    ],
)
def test_mistakes_are_refused_before_submission(tmp_path: Path, words: list[str], answer: str):
    (tmp_path / "job.cfg").touch()

    process = subprocess.run([ROOT / "slurm" / "sweep.sbatch", *words], cwd=tmp_path, text=True, capture_output=True)

    assert process.returncode == 2
    assert answer in process.stderr


def test_scripts_are_clean_for_shellcheck():
    scripts = [*(ROOT / "slurm").glob("*.sh"), *(ROOT / "slurm").glob("*.sbatch")]
    try:
        process = subprocess.run(["shellcheck", "-x", *scripts], cwd=ROOT, text=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no shellcheck on PATH")

    assert process.returncode == 0, process.stdout

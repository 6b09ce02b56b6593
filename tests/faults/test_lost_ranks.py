"""Ranks that die or hang in the middle of a sweep: the others do their runs, and the program ends."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import kill
import pytest

LONG_JOB = kill.JOB.replace("max-steps = 400", "max-steps = 8000")


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not kill.BINARY.exists():
        pytest.skip(f"{kill.BINARY} is not built")
    if shutil.which("mpirun") is None:
        pytest.skip("no mpirun on PATH")
    folder = tmp_path_factory.mktemp("reference")
    (folder / "job.cfg").write_text(LONG_JOB)
    kill.finish(folder, 1)
    return folder / "out.h5"


def start(folder: Path, ranks: int, *launch: str, lost_after_s: float = 2) -> subprocess.Popen:
    (folder / "job.cfg").write_text(LONG_JOB)
    command = ["run", "job.cfg", "-o", "out.h5", "--batch-seconds", "0.01", "--lost-after-seconds", str(lost_after_s)]
    return subprocess.Popen(
        ["mpirun", *launch, "-n", str(ranks), str(kill.BINARY), *command], cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=kill.environment(),
    )


def wait_for_records(folder: Path, process: subprocess.Popen, runs: int) -> None:
    for _ in range(600):
        assert process.poll() is None, process.communicate()
        if len(kill.acknowledged(folder)) >= runs:
            return
        time.sleep(0.02)
    pytest.fail("no results in 12 s")


def assert_end(out: str, keeper: int, victims: list[int], folder: Path, reference: Path) -> None:
    """The sweep went on without these ranks, and one of the others wrote the file."""
    assert f"{kill.RUNS} of {kill.RUNS} runs; complete, without rank {', '.join(map(str, victims))}, lost" in out, out
    assert ("keeps the results from now on" in out) == (keeper != 0), out
    assert keeper == 0 or f"rank {keeper} on " in out
    kill.assert_same_results(folder / "out.h5", reference)


@pytest.mark.parametrize("ranks, victims", [(3, [1]), (3, [1, 2]), (4, [1, 2, 3])])
def test_sweep_finishes_with_the_ranks_that_are_left(tmp_path: Path, reference: Path, ranks: int, victims: list[int]):
    process = start(tmp_path, ranks, "--enable-recovery")
    processes = kill.find_processes(process, ranks)
    wait_for_records(tmp_path, process, 5)
    for rank in victims:
        os.kill(processes[rank], signal.SIGKILL)
    assert len(kill.acknowledged(tmp_path)) < kill.RUNS
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    for rank in victims:
        assert f"rank {rank} is lost" in out
    assert_end(out, 0, victims, tmp_path, reference)


@pytest.mark.parametrize("ranks, victims", [(2, [0]), (3, [0]), (4, [0, 1]), (4, [0, 2])])
def test_another_rank_keeps_the_results_when_rank_0_is_lost(
    tmp_path: Path, reference: Path, ranks: int, victims: list[int]
):
    """Of what was recorded nothing is lost; no exit code is asked for: mpirun has its own for a rank that is killed."""
    process = start(tmp_path, ranks, "--enable-recovery", lost_after_s=1)
    processes = kill.find_processes(process, ranks)
    wait_for_records(tmp_path, process, 5)
    for rank in victims:
        os.kill(processes[rank], signal.SIGKILL)
    kept = kill.acknowledged(tmp_path)
    assert len(kept) < kill.RUNS
    out, _ = process.communicate(timeout=60)
    keeper = min(set(range(ranks)) - set(victims))
    assert_end(out, keeper, victims, tmp_path, reference)
    kill.check_kept(kept, kill.file_records(tmp_path / "out.h5"), "in the final file")


def test_all_leave_while_a_rank_0_that_hangs_holds_the_results(tmp_path: Path, reference: Path):
    """It may wake up and write. The same command continues when it is gone."""
    process = start(tmp_path, 3, "--enable-recovery", lost_after_s=1)
    processes = kill.find_processes(process, 3)
    wait_for_records(tmp_path, process, 5)
    os.kill(processes[0], signal.SIGSTOP)
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{processes[rank]}").exists() for rank in (1, 2)) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(processes[0], signal.SIGKILL)
    out, _ = process.communicate(timeout=60)
    assert "cannot take over (" in out and "is held (" in out, out
    assert out.count("the rank that keeps the results is lost") == 2, out
    kill.finish(tmp_path, 3)
    kill.assert_same_results(tmp_path / "out.h5", reference)


def tells_of_dead_ranks() -> bool:
    """Whether MPI has user-level failure mitigation, as Open MPI has since version 5."""
    version = subprocess.run(["mpirun", "--version"], text=True, capture_output=True).stdout
    return (match := re.search(r"Open MPI\) (\d+)", version)) is not None and int(match[1]) >= 5


@pytest.mark.parametrize("ranks, victims", [(3, [1]), (4, [1, 2, 3]), (3, [0]), (4, [0, 1])])
def test_dead_ranks_are_found_at_once(tmp_path: Path, reference: Path, ranks: int, victims: list[int]):
    """Long before they would be missed."""
    if not tells_of_dead_ranks():
        pytest.skip("this MPI does not tell of dead ranks")
    process = start(tmp_path, ranks, "--with-ft", "ulfm", lost_after_s=1000)
    processes = kill.find_processes(process, ranks)
    wait_for_records(tmp_path, process, 5)
    for rank in victims:
        os.kill(processes[rank], signal.SIGKILL)
    assert len(kill.acknowledged(tmp_path)) < kill.RUNS
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0 or 0 in victims, out
    for rank in victims:
        assert f"rank {rank} is lost (it died)" in out, out
    assert_end(out, min(set(range(ranks)) - set(victims)), victims, tmp_path, reference)


def test_sweep_goes_on_when_rank_0_wakes_up(tmp_path: Path, reference: Path):
    """The others wait for it, for mpirun would have ended them if it were dead."""
    process = start(tmp_path, 3, lost_after_s=1)
    processes = kill.find_processes(process, 3)
    wait_for_records(tmp_path, process, 5)
    os.kill(processes[0], signal.SIGSTOP)
    time.sleep(4)
    os.kill(processes[0], signal.SIGCONT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    assert "lost" not in out, out
    kill.assert_same_results(tmp_path / "out.h5", reference)


@pytest.mark.parametrize("launch", [[], ["--enable-recovery"]], ids=["mpirun", "recovery"])
def test_sweep_finishes_without_a_rank_that_hangs(tmp_path: Path, reference: Path, launch: list[str]):
    """Rank 0 leaves alone, upon which mpirun ends the rank that hangs; told to recover, it would wait for it for ever."""
    process = start(tmp_path, 3, *launch)
    processes = kill.find_processes(process, 3)
    wait_for_records(tmp_path, process, 5)
    os.kill(processes[1], signal.SIGSTOP)
    try:
        out, _ = process.communicate(timeout=60)
    finally:
        for pid in processes.values():
            if process.poll() is None:
                os.kill(pid, signal.SIGKILL)
    assert process.returncode == 0 or not launch
    assert "rank 1 is lost" in out
    assert f"{kill.RUNS} of {kill.RUNS} runs; complete, without rank 1, lost on the way" in out
    kill.assert_same_results(tmp_path / "out.h5", reference)

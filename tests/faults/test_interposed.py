"""A disk that fails stops a sweep with a clear error, keeps what was acknowledged, and the same command continues; one that
is slow loses no rank; a clock that goes backwards changes nothing but time stamps; ranks that cannot share memory read their data for themselves."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import h5py
import kill
import pytest
import test_datasets as datasets
from conftest import mpirun_in

LIBRARY = kill.BINARY.parent / "libfasweep-interpose.so"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    if not kill.BINARY.exists() or not LIBRARY.exists():
        pytest.skip(f"{kill.BINARY} or {LIBRARY.name} is not built")
    (tmp_path / "job.cfg").write_text(kill.JOB)
    return tmp_path


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    (folder / "job.cfg").write_text(kill.JOB)
    kill.finish(folder, 1)
    return folder / "out.h5"


def run(
    folder: Path, ranks: int, *arguments: str, launch: tuple[str, ...] = (), **interposed: str
) -> subprocess.CompletedProcess:
    if ranks > 1 and shutil.which("mpirun") is None:
        pytest.skip("no mpirun on PATH")
    launcher = ["mpirun", *launch, "-n", str(ranks)] if ranks > 1 else []
    preloaded = {"LD_PRELOAD": str(LIBRARY), "ASAN_OPTIONS": "verify_asan_link_order=0"}
    return subprocess.run(
        [*launcher, str(kill.BINARY), "run", "job.cfg", "-o", "out.h5", "--workers", "1", "--batch-seconds", "0.005",
         "--sync-seconds", "0.01", "--publish-seconds", "0.05", *arguments],
        cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
        env=kill.environment(**preloaded, **interposed),
    )


@pytest.mark.parametrize("ranks", [1, 3])
@pytest.mark.parametrize(
    "fault", ["pwrite:out.h5.journal:30", "fdatasync:out.h5.journal:3", "pwrite:out.h5.new:2", "fsync:out.h5.new:1"]
)
def test_disk_that_fails(folder: Path, reference: Path, fault: str, ranks: int):
    stopped = run(folder, ranks, FASWEEP_EIO=fault)
    assert stopped.returncode == 75, stopped.stdout
    assert fault.split(":")[1] in stopped.stdout and "Input/output error" in stopped.stdout, stopped.stdout
    assert "run the same command again" in stopped.stdout
    kept = kill.acknowledged(folder)
    assert kept

    kill.finish(folder, ranks)

    kill.check_kept(kept, kill.file_records(folder / "out.h5"), "in the final file")
    kill.assert_same_results(folder / "out.h5", reference)


@pytest.mark.parametrize("launch", [(), ("--enable-recovery",)])
def test_file_that_takes_longer_than_a_silent_rank_is_waited_for(folder: Path, reference: Path, launch: tuple[str, ...]):
    """Rank 0 answers the others while its file is written, and they stay until it is."""
    out = run(folder, 3, "--lost-after-seconds", "1", launch=launch, FASWEEP_SLOW="out.h5.new:4")
    assert out.returncode == 0, out.stdout
    assert "lost" not in out.stdout, out.stdout
    kill.assert_same_results(folder / "out.h5", reference)


def test_disk_that_fails_for_checkpoints_only(folder: Path, reference: Path):
    out = run(folder, 1, "--checkpoint-seconds", "1e-6", FASWEEP_EIO="pwrite:checkpoints:3")
    assert out.returncode == 0, out.stdout
    assert out.stdout.count("checkpoints cannot be kept") == 1 and "Input/output error" in out.stdout, out.stdout
    kill.assert_same_results(folder / "out.h5", reference)


@pytest.mark.parametrize("ranks", [1, 3])
def test_clock_that_goes_backwards(folder: Path, reference: Path, ranks: int):
    before = time.time()
    out = run(folder, ranks, "--time-limit", "1h", FASWEEP_CLOCK="backwards")
    assert out.returncode == 0, out.stdout
    with h5py.File(folder / "out.h5") as file:
        stamps = file["finished_at"][...]
    assert (stamps < before - 3600).all()  # the clock did go backwards
    kill.assert_same_results(folder / "out.h5", reference)


@pytest.mark.parametrize("same", [True, False], ids=["same data", "other data"])
def test_ranks_without_shared_memory_read_for_themselves(folder: Path, same: bool):
    """As on two nodes, whose disks two folders play; a rank that finds other data than rank 0 names itself."""
    if shutil.which("mpirun") is None:
        pytest.skip("no mpirun on PATH")
    there = folder / "there"
    there.mkdir()
    for place, seed in ((folder, 0), (there, 0 if same else 1)):
        (place / "job.cfg").write_text(datasets.JOB)
        datasets.write_set(place / "set", seed)
    command = [str(kill.BINARY), "run", "job.cfg", "-o"]
    result = subprocess.run(mpirun_in([folder, there], [*command, "out.h5"]), text=True, capture_output=True, timeout=120,
                            env=kill.environment(LD_PRELOAD=str(LIBRARY), FASWEEP_MEMFD="none",
                                                 ASAN_OPTIONS="verify_asan_link_order=0"))
    if same:
        assert result.returncode == 0, result.stderr
        subprocess.run([*command, "alone.h5"], cwd=folder, check=True, capture_output=True, timeout=120)
        kill.assert_same_results(folder / "out.h5", folder / "alone.h5")
    else:
        assert result.returncode != 0
        assert "fasweep: rank 1 on " in result.stderr and "checksum" in result.stderr, result.stderr

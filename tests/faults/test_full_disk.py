"""A disk that fills up or turns read-only stops a sweep with a clear error; what was acknowledged stays, and the same
command continues once there is room. Needs the right to mount a tmpfs."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import kill
import pytest

LONG_JOB = kill.JOB.replace("max-steps = 400", "max-steps = 3000")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB with the job on it."""
    if not kill.BINARY.exists():
        pytest.skip(f"{kill.BINARY} is not built")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", folder], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no right to mount a tmpfs: {mounted.stderr.strip()}")
    (folder / "job.cfg").write_text(LONG_JOB)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path, leave_bytes: int = 0) -> None:
    free = shutil.disk_usage(folder).free
    try:
        (folder / "filler").write_bytes(b"x" * max(free - leave_bytes, 0))
    except OSError:
        pass  # full, as wanted, when written or when closed: the sweep writes too


def wait_for_records(folder: Path, process: subprocess.Popen, runs: int) -> None:
    for _ in range(600):
        assert process.poll() is None, process.communicate()
        if len(kill.acknowledged(folder)) >= runs:
            return
        time.sleep(0.05)
    pytest.fail("no results in 30 s")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([str(kill.BINARY), *arguments], cwd=folder, text=True, capture_output=True, timeout=120,
                          env=kill.environment())


def reference(tmp_path: Path) -> Path:
    folder = tmp_path / "reference"
    folder.mkdir()
    (folder / "job.cfg").write_text(LONG_JOB)
    kill.finish(folder, 1)
    return folder / "out.h5"


@pytest.mark.parametrize("ranks", [1, 3])
def test_disk_that_fills_up(disk: Path, tmp_path: Path, ranks: int):
    if ranks > 1 and shutil.which("mpirun") is None:
        pytest.skip("no mpirun on PATH")
    process = kill.start(disk, ranks)
    wait_for_records(disk, process, 5)
    fill(disk)
    out = kill.wait_until_gone(process)
    assert process.returncode == 75, out
    assert "No space left" in out and "run the same command again" in out

    kept = kill.acknowledged(disk)
    assert 5 <= len(kept) < kill.RUNS
    still_full = run(disk, "run", "job.cfg", "-o", "out.h5")
    assert still_full.returncode == 75, still_full.stderr
    kill.check_kept(kept, kill.acknowledged(disk), "after a start on the full disk")

    (disk / "filler").unlink()
    kill.finish(disk, ranks)
    kill.check_kept(kept, kill.file_records(disk / "out.h5"), "in the final file")
    kill.assert_same_results(disk / "out.h5", reference(tmp_path))


def test_disk_too_full_for_the_file_but_not_for_the_journal(disk: Path, tmp_path: Path):
    """The journal takes every record; the file derived from it does not fit, nor is half of it left."""
    process = subprocess.Popen([str(kill.BINARY), "run", "job.cfg", "-o", "out.h5"], cwd=disk, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=kill.environment())
    wait_for_records(disk, process, 5)
    fill(disk, leave_bytes=64 * 1024)
    out = kill.wait_until_gone(process)
    assert process.returncode == 75, out
    assert "out.h5" in out and "run the same command again" in out
    assert not (disk / "out.h5").exists() and not (disk / "out.h5.new").exists()
    kept = kill.acknowledged(disk)

    (disk / "filler").unlink()
    kill.finish(disk, 1)
    kill.check_kept(kept, kill.file_records(disk / "out.h5"), "in the final file")
    kill.assert_same_results(disk / "out.h5", reference(tmp_path))


def test_plan_that_does_not_fit_is_refused_before_the_start(disk: Path):
    refused = run(disk, "run", "job.cfg", "-o", "out.h5", "--set", "grid.seed=0..9999")
    assert refused.returncode == 2
    assert "MB are free" in refused.stderr
    assert not list(disk.glob("out.h5*"))


def test_read_only_disk_is_read_but_not_written(disk: Path):
    kill.finish(disk, 1)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    refused = run(disk, "run", "job.cfg", "-o", "other.h5")
    assert refused.returncode == 2
    assert "other.h5" in refused.stderr and "Read-only file system" in refused.stderr
    for command in ("status", "verify", "export"):
        assert run(disk, command, "out.h5").returncode == 0, command

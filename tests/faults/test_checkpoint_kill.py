"""A process killed while it replaces a checkpoint leaves the one before, from which the next start goes on."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

import kill
import pytest

JOB = (
    kill.JOB.replace("seed = 0..9", "seed = 0").replace("p = 64, 128", "p = 256").replace("max-steps = 400", "max-steps = 200000")
)


def run(folder: Path, *arguments: str, **extra: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(kill.BINARY), "run", "job.cfg", "-o", "out.h5", "--workers", "1", *arguments],
        cwd=folder, text=True, capture_output=True, timeout=120, env=kill.environment(**extra),
    )


@pytest.mark.parametrize("count", [1, 2])
def test_killed_between_draft_and_rename(tmp_path: Path, count: int):
    if not kill.BINARY.exists():
        pytest.skip(f"{kill.BINARY} is not built")
    for folder in (tmp_path / "killed", tmp_path / "whole"):
        folder.mkdir()
        (folder / "job.cfg").write_text(JOB)
    killed = tmp_path / "killed"

    first = run(killed, "--checkpoint-seconds", "0.05", FASWEEP_FAULT=f"checkpoint-drafted:{count}:0")

    assert first.returncode == -signal.SIGKILL, first.stderr
    left = sorted(path.suffix for path in (killed / "out.h5.checkpoints").iterdir())
    assert left == (["", ".new"] if count > 1 else [".new"])
    second = run(killed, "--checkpoint-seconds", "0.05")
    assert second.returncode == 0, second.stderr
    assert bool(re.search(r"continues at step [1-9]", second.stderr)) == (count > 1), second.stderr
    assert run(tmp_path / "whole").returncode == 0
    kill.assert_same_results(killed / "out.h5", tmp_path / "whole" / "out.h5")

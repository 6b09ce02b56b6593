"""Damaged copies of result files of every schema: none is called sound whose contents are others (damage.py)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FAULTS = Path(__file__).resolve().parent
sys.path.insert(0, str(FAULTS.parent / "cli"))
from conftest import BINARY, Fasweep  # noqa: E402

JOB = "[grid]\np = 3, 5\nactivation = linear, relu\nseed = 0..2\n[training]\nstep-size = 0.0001\nmax-steps = 20\n[record]\nsteps = log(6)\n"


@pytest.mark.parametrize("copies", [300])
def test_damaged_copies_are_found(tmp_path: Path, copies: int):
    if not BINARY.exists():
        pytest.skip(f"{BINARY} is not built")
    fasweep = Fasweep(tmp_path)
    fasweep.job(JOB)
    fasweep.run("run", "job.cfg", "-o", "out.h5")

    done = subprocess.run(
        [sys.executable, str(FAULTS / "damage.py"), str(BINARY), str(tmp_path / "out.h5"), str(copies)], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout + done.stderr

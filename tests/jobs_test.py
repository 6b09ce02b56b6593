"""Every committed job file states its question and its cost, and plans."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BINARY = Path(os.environ.get("FASWEEP_BINARY", ROOT / "build" / "release" / "fasweep"))
JOBS = sorted((ROOT / "jobs").rglob("*.cfg"))


def comment(job: Path) -> str:
    """The lines before the first section."""
    return job.read_text().split("[", 1)[0]


@pytest.mark.parametrize("job", JOBS, ids=lambda p: p.name)
def test_begins_with_its_question_and_its_cost(job: Path) -> None:
    assert comment(job).startswith("# ")
    assert "?" in comment(job)
    assert "cost: " in comment(job)


@pytest.mark.parametrize("job", JOBS, ids=lambda p: p.name)
def test_plans(job: Path) -> None:
    if not BINARY.exists():
        pytest.skip(f"{BINARY} is not built")
    command = [str(BINARY), "plan", str(job)]
    if "source = mnist" in job.read_text() and not (ROOT / "data" / "mnist").exists():
        command += ["--set", f"data.path={ROOT.parent / 'shared' / 'data' / 'mnist'}"]
    plan = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT)
    if plan.stderr.startswith("fasweep: data set 'mnist' is not in"):
        pytest.skip(plan.stderr)
    assert plan.returncode == 0, plan.stderr
    assert "runs: " in plan.stdout


def test_figure_2_is_the_papers_grid() -> None:
    if not BINARY.exists():
        pytest.skip(f"{BINARY} is not built")
    for activation in ("linear", "relu", "tanh"):
        plan = subprocess.run([BINARY, "plan", ROOT / "jobs" / f"figure2-{activation}.cfg"], capture_output=True, text=True)
        assert "1400 runs: 7 p x 50 seed x 4 lambda" in plan.stdout

"""`cmake --install` into a prefix of its own, and the program run from there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import BINARY, ROOT, environment


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    if shutil.which("cmake") is None or not (BINARY.parent / "cmake_install.cmake").exists():
        pytest.skip(f"{BINARY} is not in a build folder of cmake, or cmake is not here")
    folder = tmp_path / "prefix"
    command = ["cmake", "--install", str(BINARY.parent), "--prefix", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def run(*command: str | Path, folder: Path, **extra: str) -> str:
    done = subprocess.run([str(part) for part in command], cwd=folder, env=environment(**extra), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_installed_program_runs_an_installed_job(prefix: Path, tmp_path: Path):
    program = prefix / "bin" / "fasweep"
    shared = prefix / "share" / "fasweep"

    run(program, "run", shared / "jobs" / "smoke.cfg", "-o", "smoke.h5", "--set", "training.max-steps=20", folder=tmp_path)

    assert "complete" in run(program, "status", "smoke.h5", folder=tmp_path)
    python = os.environ.get("FASWEEP_PYTHON", sys.executable)
    run(python, "-m", "analysis", "summary", "smoke.h5", folder=tmp_path, PYTHONPATH=str(shared))


def test_its_version_is_that_of_the_build_and_names_no_plan(prefix: Path, tmp_path: Path):
    program, job = prefix / "bin" / "fasweep", prefix / "share" / "fasweep" / "jobs" / "smoke.cfg"
    project = re.search(r"project\(fasweep VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())

    version = run(program, "version", folder=tmp_path).splitlines()[0].removeprefix("fasweep: ")

    assert project and version.startswith(project[1])
    assert version not in run(program, "plan", job, "--json", folder=tmp_path)


def test_the_manual_has_every_command(prefix: Path, tmp_path: Path):
    page = (prefix / "share" / "man" / "man1" / "fasweep.1").read_text()

    help_text = run(prefix / "bin" / "fasweep", "--help", folder=tmp_path)
    commands = {line.split()[1] for line in help_text.splitlines() if line.startswith("  fasweep ")}
    assert {f".SH {command.upper()}" for command in commands} <= set(page.splitlines())
    assert r"\-\-checkpoint\-seconds" in page


def test_scripts_are_installed_as_programs(prefix: Path):
    shared = prefix / "share" / "fasweep"
    assert os.access(shared / "slurm" / "submit-shards.sh", os.X_OK)
    assert (shared / "slurm" / "sweep.sbatch").exists() and not list(shared.rglob("__pycache__"))

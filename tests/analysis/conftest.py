"""Result files for the tests of analysis/: made once a session by the real program, copied where a test changes one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("FASWEEP_BINARY", ROOT / "build" / "release" / "fasweep"))
sys.path.insert(0, str(ROOT / "python"))

# Step sizes large enough that some runs reach the stop rule's loss and others do not.
JOB = """
[grid]
p = 10, 40, 90
lambda = 0, 0.5
activation = linear, relu, tanh
rule = feedback-alignment, backprop
seed = 0..3
[data]
n = 6
d = 12
test-n = 3
[training]
step-size = linear:2e-3, relu:1e-2, tanh:3e-2
max-steps = 150
stop = loss-below(0.02)
precision = float64
[record]
steps = log(25)
"""


def sweep(folder: Path, name: str, job: str, *options: str) -> Path:
    """Runs the job; the path of its result file."""
    if not BINARY.exists():
        pytest.skip(f"{BINARY.name} is not built; cmake --build --preset release, or set FASWEEP_BINARY")
    (folder / f"{name}.cfg").write_text(job)
    # Open MPI refuses root unless told.
    environment = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    command = [str(BINARY), "run", f"{name}.cfg", "-o", f"{name}.h5", *options]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode in (0, 3), done.stderr
    return folder / f"{name}.h5"


@pytest.fixture(scope="session")
def make_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """make_file(name, job text, option of fasweep run, ...): a new result file."""
    return lambda name, job, *options: sweep(tmp_path_factory.mktemp(name), name, job, *options)


@pytest.fixture(scope="session")
def shared_file(make_file: Callable[..., Path]) -> Path:
    """The result file of JOB, for reading only."""
    return make_file("grid", JOB)


@pytest.fixture(scope="session")
def activation_files(make_file: Callable[..., Path]) -> dict[str, Path]:
    """The grid of JOB as one file an activation, recorded on different steps."""
    grid = "activation = linear, relu, tanh"
    jobs = {"tanh": JOB.replace("log(25)", "linear(10)"), "relu": JOB}
    return {name: make_file(name, job.replace(grid, f"activation = {name}")) for name, job in jobs.items()}


@pytest.fixture
def result_file(shared_file: Path, tmp_path: Path) -> Path:
    """A copy of the result file of JOB, for changing."""
    return Path(shutil.copy(shared_file, tmp_path / "copy.h5"))


@pytest.fixture
def set_status(result_file: Path) -> Callable[..., np.ndarray]:
    """set_status(name, p=10, seed=2): in result_file the rows of these axis values end so; returns which rows they are.
    Pending ones lose their values, as in a file the program has not finished."""

    def change(name: str, **values: int | str) -> np.ndarray:
        with h5py.File(result_file, "r+") as file:
            rows = np.ones(file["p"].shape, dtype=bool)
            for axis, value in values.items():
                column = file[axis].asstr()[...] if h5py.check_string_dtype(file[axis].dtype) else file[axis][...]
                rows &= column == value
            file["status"][rows] = name
            if name == "pending":
                for dataset in (d for n, d in file.items() if n == "loss" or n.startswith("final_")):
                    dataset[np.flatnonzero(rows)] = np.nan
        return rows

    return change

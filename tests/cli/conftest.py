"""Runs the fasweep program as users do: alone, under mpirun, interrupted. Every test works in its own folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("FASWEEP_BINARY", ROOT / "build" / "release" / "fasweep"))

# Open MPI refuses root and more ranks than cores unless told; only tests and scripts say so.
MPI_ENVIRONMENT = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",  # Open MPI 4; the next line is for 5
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
}

SMALL_JOB = """
[grid]
p = 8, 24
lambda = 0, 0.5
activation = linear, relu, tanh
rule = feedback-alignment, backprop
seed = 0..2
[data]
n = 10
d = 12
test-n = 3
[training]
max-steps = 60
[record]
steps = log(12)
"""


def environment(**extra: str) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("FASWEEP_", "OMPI_", "PMIX_", "SLURM_"))}
    return clean | MPI_ENVIRONMENT | extra


def mpirun_in(folders: list[Path], command: list[str]) -> list[str]:
    """mpirun of a rank in each folder. By a shell, not by a `-wdir` a rank: parts joined by `:` crash the launcher of Open
    MPI 5.0.7, whatever they start."""
    enter = 'shift "$OMPI_COMM_WORLD_RANK"; cd "$1"; while [ "$1" != -- ]; do shift; done; shift; exec "$@"'
    return ["mpirun", "-n", str(len(folders)), "sh", "-ec", enter, "sh", *map(str, folders), "--", *command]


class Fasweep:
    """The program, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def job(self, text: str = SMALL_JOB, name: str = "job.cfg") -> str:
        (self.folder / name).write_text(text)
        return name

    def start(self, *arguments: str, ranks: int = 0, **extra: str) -> subprocess.Popen:
        launcher = ["mpirun", "-n", str(ranks)] if ranks else []
        return subprocess.Popen(
            [*launcher, str(BINARY), *arguments],
            cwd=self.folder, env=environment(**extra), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )

    def run(self, *arguments: str, ranks: int = 0, expect: int = 0, **extra: str) -> str:
        """Standard output and error together; fails unless the exit code is `expect`."""
        process = self.start(*arguments, ranks=ranks, **extra)
        out, err = process.communicate(timeout=300)
        assert process.returncode == expect, f"exit {process.returncode}, not {expect}:\n{out}\n{err}"
        return out + err


@pytest.fixture
def fasweep(tmp_path: Path) -> Fasweep:
    if not BINARY.exists():
        pytest.skip(f"{BINARY} is not built")
    return Fasweep(tmp_path)


@pytest.fixture
def needs_mpirun() -> None:
    if shutil.which("mpirun") is None:
        pytest.skip("no mpirun on PATH")


def bytes_of(column: h5py.Dataset) -> bytes:
    """What it holds; texts lie elsewhere, behind pointers."""
    return "\n".join(column.asstr()[...]).encode() if h5py.check_string_dtype(column.dtype) else column[...].tobytes()


def contents(path: Path) -> dict[str, tuple]:
    """Every dataset that does not depend on time or place: its bytes and attributes."""
    result: dict[str, tuple] = {}
    with h5py.File(path) as file:
        for name, item in file.items():
            if isinstance(item, h5py.Dataset) and not item.attrs.get("provenance", 0):
                attributes = {k: str(v) for k, v in item.attrs.items() if k not in ("REFERENCE_LIST", "DIMENSION_LIST")}
                result[name] = (str(item.dtype), item.shape, bytes_of(item), attributes)
        result["/"] = tuple(sorted((k, str(v)) for k, v in file.attrs.items() if k != "history"))
    return result


def assert_same_results(a: Path, b: Path) -> None:
    first, second = contents(a), contents(b)
    assert first.keys() == second.keys()
    different = [name for name in first if first[name] != second[name]]
    assert not different, f"{a.name} and {b.name} differ in {different}"


def status_column(path: Path) -> np.ndarray:
    with h5py.File(path) as file:
        return file["status"].asstr()[...]



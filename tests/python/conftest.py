"""The package as users have it: with the program that was built, in a folder of its own a test."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.setdefault("FASWEEP_BINARY", str(ROOT / "build" / "release" / "fasweep")))
sys.path.insert(0, str(ROOT / "python"))

# Open MPI refuses root and more ranks than cores unless told; only tests and scripts say so.
MPI_ENVIRONMENT = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    if not BINARY.exists():
        pytest.skip(f"{BINARY.name} is not built; cmake --build --preset release, or set FASWEEP_BINARY")
    monkeypatch.chdir(tmp_path)
    for name, value in MPI_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    yield tmp_path

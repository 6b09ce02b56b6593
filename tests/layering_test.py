"""Every #include in src/ goes along the arrows of the architecture page, and third-party headers stay in their home modules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[1] / "src"

# What a module's files may include besides their own module: the table of docs/architecture.md.
MAY_INCLUDE: dict[str, set[str]] = {
    "util": set(),
    "model": {"util"},
    "sweep": {"model", "util"},
    "train": {"model", "util"},
    "reference": {"train", "model", "util"},
    "backend/common": {"model", "util"},
    "backend/cpu": {"backend/common", "train", "model", "util"},
    "backend/cuda": {"backend/common", "train", "model", "util", "support"},  # support: the emulation of kernels, in tests/
    "hdf5": {"util"},
    "store": {"hdf5", "sweep", "train", "model", "util"},
    "data": {"hdf5", "model", "util"},
    "cluster": {"sweep", "train", "store", "model", "util"},
    "cli": {"cluster", "data", "store", "reference", "backend/cpu", "backend/cuda", "sweep", "train", "model", "util"},
}

# Where each library's headers may appear; anything else is an error.
HOME: dict[str, set[str]] = {
    "Eigen/": {
        "backend/common",
        "backend/cpu",
        "backend/cuda/input_counts.cpp",  # for numbers of 16 bits
        "backend/cuda/resident_start.cpp",
        "model/linear_algebra.cpp",  # for metrics, which every backend records
        "reference",
    },
    "hwy/": {"backend/cpu", "model/random.cpp"},
    "boost/program_options": {"cli"},
    "boost/random/sobol": {"sweep/sampling.cpp"},
    "muParser": {"sweep/formula.cpp"},
    "boost/crc": {"data"},
    "boost/align": {"backend/cpu"},
    "boost/version": {"cli"},
    "hdf5": {"data/hdf5_table.cpp", "hdf5", "store"},
    "zlib.h": {"data"},
    "mpi.h": {"cluster/mpi_transport.cpp"},
    "mpi-ext.h": {"cluster/mpi_transport.cpp"},
    "nlohmann/": {"cli"},
    "cuda": {"backend/cuda"},
    "cublas": {"backend/cuda"},
}

SYSTEM = re.compile(r"^[a-z_0-9]+$|^(sys|fcntl|unistd|netdb|poll|signal|fenv)")


def module_of(path: str) -> str:
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] == "backend" else parts[0]


def sources() -> list[Path]:
    return sorted(p for p in SRC.rglob("*") if p.suffix in {".hpp", ".cpp", ".cu", ".cuh"})


def includes(path: Path) -> list[tuple[str, str]]:
    return re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', path.read_text(), re.MULTILINE)


@pytest.mark.parametrize("path", [p for p in sources() if p.suffix == ".cpp" and p.with_suffix(".hpp").exists()], ids=lambda p: str(p.relative_to(SRC)))
def test_a_source_includes_its_own_header_first(path: Path) -> None:
    """So that the header stands alone: the build preset "headers" compiles only those without a source."""
    assert includes(path)[0] == ('"', str(path.with_suffix(".hpp").relative_to(SRC)))


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(SRC)))
def test_includes_go_along_the_arrows(path: Path) -> None:
    own = str(path.relative_to(SRC))
    module = module_of(own)
    for bracket, name in includes(path):
        if bracket == '"':
            target = module_of(name)
            assert target == module or target in MAY_INCLUDE[module], f"{own} includes {name}, beyond {MAY_INCLUDE[module]}"
            continue
        homes = next((homes for prefix, homes in HOME.items() if name.startswith(prefix)), None)
        if homes is not None:
            assert module in homes or own in homes, f"{own} includes <{name}>, whose home is {homes}"
        else:
            assert SYSTEM.match(name.removesuffix(".h")), f"{own} includes <{name}>, which has no home yet"


def test_every_module_is_known() -> None:
    assert {module_of(str(p.relative_to(SRC))) for p in sources()} <= MAY_INCLUDE.keys()

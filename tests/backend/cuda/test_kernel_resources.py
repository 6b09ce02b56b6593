"""What nvcc makes of the kernels: registers, spills, loads. Run as a program, it prints the table of src/backend/cuda/README.md."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "src" / "backend" / "cuda"
README = FOLDER / "README.md"
TARGETS = (75, 80, 86, 89, 90, 100, 120)
FLAGS = ("-std=c++20", "-O3", "--expt-relaxed-constexpr", "--fmad=false", "-DFASWEEP_CUDA_EXACT=1", f"-I{ROOT / 'src'}")


def find_nvcc() -> Path | None:
    found = shutil.which("nvcc") or shutil.which("/usr/local/cuda/bin/nvcc")
    return Path(found) if found else None


def run(*command: str | Path) -> str:
    process = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return process.stdout + process.stderr


def make_ptx(source: Path, target: int, folder: Path) -> Path:
    ptx = folder / f"{source.stem}_{target}.ptx"
    run(find_nvcc(), *FLAGS, f"-arch=compute_{target}", "-ptx", source, "-o", ptx)
    return ptx


def spills(report: str) -> bool:
    """Whether ptxas -v says that a kernel keeps anything in local memory."""
    return re.search(r"^\s*0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads$", report, re.MULTILINE) is None


def kernel_name(mangled: str) -> str:
    """ "train_step relu" of a kernel template, "take_errors" of a plain kernel."""
    length = re.search(r"kernels(\d+)", mangled)
    assert length, mangled
    end = length.end() + int(length[1])
    activation = re.match(r"INS_\d+([A-Za-z]+?)EEE", mangled[end:])
    return mangled[length.end() : end] + (f" {activation[1].lower()}" if activation else "")


def registers_by_kernel(ptx: Path, target: int) -> dict[str, int]:
    """Kernel -> registers. Fails if one of them spills."""
    report = run(find_nvcc().with_name("ptxas"), "-v", f"-arch=sm_{target}", ptx, "-o", "/dev/null")
    registers: dict[str, int] = {}
    for part in report.split("Compiling entry function")[1:]:
        kernel = kernel_name(part)
        assert not spills(part), f"{kernel}, sm_{target}: {part}"
        registers[kernel] = int(re.search(r"Used (\d+) registers", part)[1])
    return registers


def constant(name: str) -> int:
    text = (FOLDER / "sample_space_arguments.hpp").read_text()
    return int(re.search(rf"constexpr int {name} = (\d+);", text)[1])


def row(kernel: str, numbers: list[int]) -> str:
    return f"| {kernel} | " + " | ".join(map(str, numbers)) + " |"


@pytest.fixture(scope="module", params=[75, 90, 120], ids=lambda target: f"sm_{target}")
def ptx(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Path]:
    """Target, and the kernels' PTX for it."""
    if find_nvcc() is None:
        pytest.skip("no nvcc: what it makes of the kernels is not looked at")
    return request.param, make_ptx(FOLDER / "device_cuda.cu", request.param, tmp_path_factory.mktemp("ptx"))


def test_kernels_do_not_spill_and_leave_registers_for_the_blocks_asked(ptx: tuple[int, Path]) -> None:
    registers = registers_by_kernel(ptx[1], ptx[0])

    assert len(registers) == 47, registers
    most = 65536 // (constant("blocks_a_multiprocessor") * constant("threads_a_block")) // 8 * 8
    assert all(count <= most for kernel, count in registers.items() if kernel.startswith("train_step")), registers
    release = re.search(r"release ([\d.]+)", run(find_nvcc(), "--version"))[1]
    readme = README.read_text()
    if f"nvcc {release}" in readme:
        for kernel, count in registers.items():
            table_row = re.search(rf"^\| {kernel} \|(.*)\|$", readme, re.MULTILINE)
            written = [int(number) for number in table_row[1].split("|")]
            assert written[TARGETS.index(ptx[0])] == count, f"{kernel}, sm_{ptx[0]}: run this file to get the new table"


def test_what_a_launch_writes_is_not_read_through_the_read_only_cache(ptx: tuple[int, Path]) -> None:
    text = ptx[1].read_text()
    assert "ld.global.f32" in text
    assert "ld.global.nc" not in text
    assert not re.search(r"\b(atom|red)\.", text), "sums are taken in a fixed order, without atomics"


def test_read_only_loads_and_spills_would_be_seen(tmp_path: Path) -> None:
    if find_nvcc() is None:
        pytest.skip("no nvcc")
    source = tmp_path / "faulty.cu"
    source.write_text(
        "namespace kernels { struct Relu {}; template <class T>\n"
        "__global__ void __launch_bounds__(1024) observe(const float* __restrict__ in, float* out, int n) {\n"
        "  float kept[200];\n"
        "  for (int i = 0; i < 200; ++i) kept[i] = in[i * n + threadIdx.x];\n"
        "  for (int i = 0; i < n; ++i) out[i * n + threadIdx.x] = kept[(i * n) % 200] * kept[i % 200];\n"
        "}\n"
        "template __global__ void observe<Relu>(const float*, float*, int); }\n"
    )
    ptx = make_ptx(source, 75, tmp_path)
    assert "ld.global.nc" in ptx.read_text()
    assert spills(run(find_nvcc().with_name("ptxas"), "-v", "-arch=sm_75", ptx, "-o", "/dev/null"))


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        columns = {t: registers_by_kernel(make_ptx(FOLDER / "device_cuda.cu", t, Path(scratch)), t) for t in TARGETS}
    print("| kernel | " + " | ".join(f"sm_{target}" for target in TARGETS) + " |")
    print("|---|" + "---|" * len(TARGETS))
    for name in sorted(columns[75], reverse=True):
        print(row(name, [columns[target][name] for target in TARGETS]))

"""The examples of CONTRIBUTING.md, all applied to one copy of the tree: how many files each touches, whether their tests pass."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
BINARY = Path(os.environ.get("FASWEEP_BINARY", ROOT / "build" / "release" / "fasweep"))
PAGE = (ROOT / "CONTRIBUTING.md").read_text()

# Files an example touches. Three: its own, its entry in the list, and its test, which for a formula is the formula
# once more. A data source is an entry and a test; a key is a field, its name, its comparison, its entry, its use, a test.
FILES = {
    "An activation": 3,
    "A learning rule": 3,
    "A loss": 3,
    "A metric of sums": 3,
    "A metric of snapshots": 3,
    "A stop rule": 3,
    "A schedule": 3,
    "A data source": 2,
    "A key of a job file": 6,
}

# The tests that look at whatever the lists hold.
TESTS = (
    "model/activation/list_test",
    "model/loss/list_test",
    "model/problem_test",
    "model/rule/list_test",
    "model/schedule/list_test",
    "model/stop/monitor_test",
    "data/load_dataset_test",
    "reference/plain_formulas_test",
)

TEACHER = """[grid]
p = 12
lambda = 0, 0.4
activation = leaky-relu, tanh
rule = positive-feedback, backprop
seed = 0
[data]
n = 6
d = 8
target-scale = 1, 2
[training]
schedule = linear(30)
stop = loss-ratio(0.5)
max-steps = 40
precision = float64
[record]
steps = every(5)
metrics = loss, gradient_norm, silent_share
"""

CLASSES = """[grid]
p = 12
activation = leaky-relu
rule = positive-feedback
[data]
source = csv
path = table.csv
targets = classes
[training]
loss = log-cosh
step-size = 0.1
max-steps = 20
precision = float64
"""

NUMPYS = """[grid]
p = 12
lambda = 0.4
activation = relu
seed = 3
[data]
inputs = gaussian
n = 6
d = 8
[training]
step-size = 0.01
max-steps = 5
precision = float64
[record]
steps = every(1)
metrics = {names}
"""


def examples() -> dict[str, str]:
    """The sections of "To add" by their headings."""
    parts = re.split(r"^### (.+)\n", PAGE.split("\n## To add\n")[1].split("\n## ")[0], flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def new_files(example: str) -> dict[str, str]:
    return dict(re.findall(r"^```cpp (\S+)\n(.*?)^```$", example, re.MULTILINE | re.DOTALL))


def changes(example: str) -> str:
    """Its changes of files that are there, as `git apply` takes them."""
    return "".join(re.findall(r"^```diff\n(.*?)^```$", example, re.MULTILINE | re.DOTALL))


def run(*command: str | Path, folder: Path, text: str = "") -> str:
    done = subprocess.run([str(part) for part in command], cwd=folder, input=text, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, command))}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def test_every_kind_has_an_example() -> None:
    assert examples().keys() == FILES.keys()


@pytest.mark.parametrize("kind", FILES)
def test_example_touches_no_more_files_than_it_must(kind: str) -> None:
    example = examples()[kind]
    changed = re.findall(r"^\+\+\+ b/(\S+)$", changes(example), re.MULTILINE)
    files = [*new_files(example), *changed]
    assert len(files) == len(set(files)) == FILES[kind], files


def choices_of_the_build() -> list[str]:
    """What the build of the program under test was configured with and the copy's should share."""
    cache = (BINARY.parent / "CMakeCache.txt").read_text()
    shared = r"^(?:CMAKE_C(?:XX)?_COMPILER|CMAKE_CXX_COMPILER_LAUNCHER|CMAKE_PREFIX_PATH|RANDOM123_INCLUDE_DIR|(?!CMAKE|FETCH)\w+_DIR):\w+=.+$"
    return [f"-D{entry}" for entry in re.findall(shared, cache, re.MULTILINE) if "fasweep_" not in entry]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build folder of a copy with all examples, with the program and TESTS in it."""
    if not (BINARY.parent / "CMakeCache.txt").exists():
        pytest.skip(f"{BINARY} is not built")
    tree = tmp_path_factory.mktemp("examples")
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "CMakeLists.txt", tree)
    for example in examples().values():
        for path, content in new_files(example).items():
            assert not (tree / path).exists()
            (tree / path).write_text(content)
        run("git", "apply", "-", folder=tree, text=changes(example))
    debug = ("-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS_DEBUG=-O0", "-DCMAKE_UNITY_BUILD=ON")
    options = ("-DFASWEEP_CUDA=OFF", "-DFASWEEP_TESTS=ON", "-DFASWEEP_WERROR=ON", "-DFASWEEP_ARCH=native")
    run("cmake", "-S", ".", "-B", "build", "-G", "Ninja", *debug, *options, *choices_of_the_build(), folder=tree)
    targets = [test.replace("/", "_") for test in TESTS]
    run("cmake", "--build", "build", "--parallel", "2", "--target", "fasweep", *targets, folder=tree)
    return tree / "build"


@pytest.mark.parametrize("test", TESTS)
def test_their_tests_pass(build: Path, test: str) -> None:
    program = build / "tests" / test.split("/")[0] / test.replace("/", "_")
    run(program, "--gtest_filter=-*WellKnown*", folder=build)  # which read real data sets


@pytest.fixture
def fasweep(build: Path, tmp_path: Path) -> Callable[..., str]:
    return lambda *arguments: run(build / "fasweep", *arguments, folder=tmp_path)


def test_a_sweep_of_all_of_them_is_what_plain_loops_give(fasweep: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "teacher.cfg").write_text(TEACHER)
    (tmp_path / "classes.cfg").write_text(CLASSES)
    (tmp_path / "table.csv").write_text("".join(f"{i % 3},{i * i % 7},{-i % 5},{i % 3}\n" for i in range(12)))
    for name, runs in (("teacher", 16), ("classes", 1)):
        fasweep("run", f"{name}.cfg", "-o", f"{name}.h5", "--backend", "cpu")
        assert f"{runs} of {runs}" in fasweep("status", f"{name}.h5")
        fasweep("check", f"{name}.h5", "--runs", str(runs))
    assert "loss-ratio" in fasweep("export", "teacher.h5")


def test_metrics_are_numpys(fasweep: Callable[..., str], build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(build.parent / "tests" / "analysis")
    numpy_reference = importlib.import_module("numpy_reference")
    problem = numpy_reference.make_problem(3, 12, "relu", 6, 8, 0)
    expected = numpy_reference.train(problem, "relu", "feedback-alignment", 0.4, 0.01, 5)
    names = ("gradient_norm", "silent_share")
    (tmp_path / "job.cfg").write_text(NUMPYS.format(names=", ".join(names)))

    fasweep("run", "job.cfg", "-o", "out.h5", "--backend", "cpu")

    with h5py.File(tmp_path / "out.h5") as file:
        for name in names:
            np.testing.assert_allclose(file[name][0], expected[name], rtol=1e-9, err_msg=name)  # rounding over 5 steps

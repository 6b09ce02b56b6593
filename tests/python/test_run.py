"""fasweep.run and its neighbours: jobs from Python's values, the program's sentences as exceptions, interrupts."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from conftest import BINARY, ROOT

import fasweep

SMALL: Any = {"data": {"n": 5, "d": 7}, "training": {"max_steps": 30}, "progress": False}


def test_a_job_says_what_python_said(folder: Path):
    path = fasweep.write_job(
        "job.cfg",
        grid=[{"p": np.array([4, 8]), "lambda_": [0, 0.1], "step_size": [1e-3, 0.01]}, {"p": "100*2^1..3", "seed": range(2), "d": range(3, 6)}],
        data={"n": 5, "d": 7},
        training={"max_steps": 30, "biases": True, "stop": "never"},
        record={"steps": "log(5)"},
    )

    assert path.read_text().splitlines()[1:] == [
        "[grid]", "p = 4, 8", "lambda = 0, 0.1", "training.step-size = 0.001, 0.01",
        "[grid]", "p = 100*2^1..3", "seed = 0, 1", "data.d = 3..5",
        "[data]", "n = 5", "d = 7",
        "[training]", "max-steps = 30", "biases = yes", "stop = never",
        "[record]", "steps = log(5)",
    ]  # fmt: skip
    assert fasweep.plan(path)["runs"] == 8 + 18
    assert [point["seed"] for point in fasweep.points(path)][-2:] == [0, 1]


def test_a_value_for_each_activation_and_numbers_keep_their_bits(folder: Path):
    sizes: dict[str, Any] = {"linear": 1 / 3, "relu": np.float32(0.1)}
    grid = {"p": 4, "activation": list(sizes)}

    data = fasweep.run(grid=grid, data={"n": 5, "d": 7}, training={"step_size": sizes, "max_steps": 3}, output="a.h5", progress=False)

    assert data.step_size.values.tolist() == [pytest.approx(float(size), rel=1e-15) for size in sizes.values()]


@pytest.mark.parametrize("value", ["", "a\nb = 1", "4 # more", object(), None])
def test_values_that_are_no_line_of_a_job_are_refused(folder: Path, value: Any):
    with pytest.raises(fasweep.Error, match="is not accepted"):
        fasweep.run(grid={"p": value}, output="a.h5", **SMALL)


def test_arrays_are_the_data(folder: Path):
    random = np.random.default_rng(1)
    x, y = random.normal(size=(30, 4)), random.integers(0, 3, size=30)
    arrays = {"X": x, "y": y, "X_test": x[:7], "y_test": y[:7], "normalize": "none"}
    training = {"loss": "cross-entropy", "max_steps": 20}

    data = fasweep.run(grid={"p": [4]}, data=arrays, training=training, output="own.h5", progress=False)

    assert int(data.n) == 30 and int(data.k) == 3
    state = fasweep.state("own.h5", run=0, output="state.h5")
    np.testing.assert_array_equal(state.X.values, x)
    np.testing.assert_array_equal(state.X_test.values, x[:7])
    np.testing.assert_array_equal(state.y.values, np.eye(3)[y])
    np.testing.assert_array_equal(state.W.isel(step=0, unit=[2, 0]).values, state.W.values[0, [2, 0]])


def test_whole_numbers_are_labels_and_others_targets(folder: Path):
    x = np.random.default_rng(2).normal(size=(20, 3))
    grid, training = {"p": 4}, {"max_steps": 5}

    classes = fasweep.run(grid=grid, data=(x, x[:, 0] > 0), training=training, output="classes.h5", progress=False)
    numbers = fasweep.run(grid=grid, data=(x, x[:, :2] * 3), training=training, output="numbers.h5", progress=False)

    assert int(classes.k) == 2 and int(numbers.k) == 2
    assert "accuracy" in classes and "accuracy" not in numbers


def test_data_of_other_results_are_kept(folder: Path):
    x = np.random.default_rng(3).normal(size=(20, 3))
    call: Any = {"grid": {"p": 4}, "training": {"max_steps": 5}, "output": "own.h5", "progress": False}
    first = fasweep.run(data=(x, x[:, 0]), **call)

    with pytest.raises(fasweep.Error, match="results of other data"):
        fasweep.run(data=(x + 1, x[:, 0]), **call)

    with h5py.File("own.h5.data.h5") as file:
        np.testing.assert_array_equal(file["x"][...], x)
    assert fasweep.run(data=(x, x[:, 0]), **call).equals(first)


@pytest.mark.parametrize(
    "data, why",
    [
        ((np.zeros((3, 2)), np.zeros(4)), "not as many samples"),
        ((np.zeros((3, 2)), ["a", "b", "c"]), "not numbers"),
        ((np.zeros((3, 2)),), "1 parts"),
        ({"X": np.zeros((3, 2))}, "without 'y'"),
        ({"X": np.zeros((3, 2)), "y": np.zeros(3), "X_test": np.zeros((1, 2))}, "one of X_test and y_test"),
        ("table.parquet", "does not say what they are"),
    ],
)
def test_data_that_are_none_are_refused(folder: Path, data: Any, why: str):
    with pytest.raises(fasweep.Error, match=why):
        fasweep.run(grid={"p": 4}, data=data, output="a.h5")
    assert not Path("a.h5").exists()


def test_a_table_is_named_by_its_path(folder: Path):
    Path("table.csv").write_text("".join(f"{i},{i * i % 7},{i % 2}\n" for i in range(12)))

    data = fasweep.run(grid={"p": 4}, data="table.csv", training={"max_steps": 5}, output="csv.h5", progress=False)

    assert int(data.n) == 12 and int(data.d) == 2 and int(data.k) == 2


def test_errors_are_the_program_s_own_sentence(folder: Path, capfd: pytest.CaptureFixture[str]):
    fasweep.run(grid={"p": 4}, output="a.h5", **SMALL)
    capfd.readouterr()

    for exit_code, why, call in (
        (2, "did you mean 'training.max-steps'?", lambda: fasweep.plan(grid={"p": 4}, training={"max_step": 3})),
        (2, "nothere.cfg", lambda: fasweep.run("nothere.cfg", output="b.h5", progress=False)),
        (2, "worker", lambda: fasweep.run(grid={"p": 4}, output="b.h5", workers=0, **SMALL)),
        (4, "grid.p: file has 4, job wants 5", lambda: fasweep.run(grid={"p": 5}, output="a.h5", **SMALL)),
        (2, "there are runs 0 to 0", lambda: fasweep.state("a.h5", run=9, output="s.h5")),
    ):
        with pytest.raises(fasweep.ProgramError) as error:
            call()
        assert error.value.exit_code == exit_code
        assert why in str(error.value) and not str(error.value).startswith("fasweep")
    assert capfd.readouterr().err == ""  # said once


def test_job_and_settings_together_are_refused(folder: Path):
    with pytest.raises(fasweep.Error, match="which counts"):
        fasweep.run("job.cfg", grid={"p": 4}, output="a.h5")
    with pytest.raises(fasweep.Error, match="without a grid"):
        fasweep.run(output="a.h5")


def test_failed_and_diverged_runs_are_results(folder: Path):
    training = {"max_steps": 50, "step_size": 10}

    data = fasweep.run(grid={"p": [4, 8]}, data={"n": 5, "d": 7}, training=training, output="a.h5", progress=False)

    assert (data.status == "diverged").all() and data.attrs["complete"] == 1
    assert fasweep.status("a.h5")["counts"]["diverged"] == 2


def test_a_launcher_starts_ranks(folder: Path):
    if shutil.which("mpirun") is None:
        pytest.skip("no mpirun on PATH")

    alone = fasweep.run(grid={"p": [4, 8], "seed": range(3)}, output="alone.h5", **SMALL)
    ranks = fasweep.run(grid={"p": [4, 8], "seed": range(3)}, output="ranks.h5", launcher="mpirun -n 2", **SMALL)

    assert ranks.loss.equals(alone.loss)
    with pytest.raises(fasweep.Error, match="cannot be started"):
        fasweep.run(grid={"p": 4}, output="none.h5", launcher="no-such-launcher -n 2", **SMALL)


def test_a_bar_ends_full(folder: Path, capfd: pytest.CaptureFixture[str]):
    fasweep.run(grid={"p": 4}, output="a.h5", **SMALL | {"progress": True})

    err = capfd.readouterr().err
    assert "100%" in err and "a.h5: 1 of 1 runs; complete" in err


LONG = """
import sys
sys.path.insert(0, {python!r})
import fasweep
try:
    fasweep.run(grid=dict(p=[3, 400], activation="tanh"), data=dict(n=20, d=30), output="long.h5", launcher={launcher!r},
                training=dict(max_steps="{steps}"), publish_seconds=0)
except KeyboardInterrupt as interrupt:
    print("interrupted:", interrupt)
"""


@pytest.mark.parametrize("launcher", [None, "mpirun -n 2"])
def test_an_interrupt_drains_and_the_same_call_continues(folder: Path, launcher: str | None):
    if launcher and shutil.which("mpirun") is None:
        pytest.skip("no mpirun on PATH")
    text = LONG.format(python=str(ROOT / "python"), launcher=launcher, steps="600 * p")
    process = subprocess.Popen(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    wait_for(lambda: Path("long.h5.journal").exists() and os.path.getsize("long.h5.journal") > 0)
    time.sleep(0.5)

    os.killpg(process.pid, signal.SIGINT)  # as a terminal or a notebook does
    out, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    assert out.startswith("interrupted: long.h5 keeps what was done")
    assert "stopped early" in err
    data = fasweep.open("long.h5")
    assert data.attrs["complete"] == 0 and (data.status == "pending").any()
    done = fasweep.run(
        grid=dict(p=[3, 400], activation="tanh"), data=dict(n=20, d=30), training=dict(max_steps="600 * p"), output="long.h5",
        progress=False,
    )
    assert (done.status == "done").all()


def test_a_time_limit_gives_results_so_far(folder: Path):
    with pytest.warns(RuntimeWarning, match="stopped early"):
        data = fasweep.run(
            grid={"p": [400], "activation": "tanh"}, data={"n": 20, "d": 30}, training={"max_steps": 10**7}, output="a.h5",
            time_limit="1s", progress=False,
        )

    assert data.attrs["complete"] == 0 and data.final_loss.isnull().all()


def test_a_killed_kernel_leaves_no_sweep_behind(folder: Path):
    text = LONG.format(python=str(ROOT / "python"), launcher=None, steps=10**8)
    process = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: Path("long.h5.journal").exists())

    process.kill()
    process.wait()

    wait_for(lambda: "lock" not in fasweep_says_of_a_second_start())


def fasweep_says_of_a_second_start() -> str:
    """A sweep that is still there holds the lock of its file."""
    done = subprocess.run([BINARY, "run", "long.h5.cfg", "-o", "long.h5", "--time-limit", "1s"], capture_output=True, text=True)
    return "" if done.returncode in (0, 75) else "lock: " + done.stderr


def wait_for(there: Any, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


def test_the_program_is_found_where_it_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch):
    assert fasweep.program() == BINARY
    monkeypatch.setenv("FASWEEP_BINARY", "/no/such/program")
    with pytest.raises(fasweep.Error, match="FASWEEP_BINARY"):
        fasweep.program()
    monkeypatch.delenv("FASWEEP_BINARY")
    package = folder / "prefix" / "share" / "fasweep" / "python" / "fasweep"  # a copy of the package with nothing beside it
    shutil.copytree(ROOT / "python" / "fasweep", package, ignore=shutil.ignore_patterns("__pycache__"))
    ask = [sys.executable, "-c", "import fasweep; print(fasweep.program())"]

    def answer(path: str) -> str:
        environment = os.environ | {"PYTHONPATH": str(package.parent), "PATH": path}
        done = subprocess.run(ask, env=environment, capture_output=True, text=True)
        return done.stdout.strip() or done.stderr.strip().splitlines()[-1]

    assert "is not found" in answer("/nowhere")
    (folder / "on-path").mkdir()
    (folder / "on-path" / "fasweep").symlink_to(BINARY)
    assert answer(str(folder / "on-path")) == str(folder / "on-path" / "fasweep")
    (folder / "prefix" / "bin").mkdir()
    (folder / "prefix" / "bin" / "fasweep").symlink_to(BINARY)
    assert answer(str(folder / "on-path")) == str(BINARY.resolve())  # as `cmake --install` lays them out
    (package / "bin").mkdir()
    (package / "bin" / "fasweep").symlink_to(BINARY)
    assert answer(str(folder / "on-path")) == str(package / "bin" / "fasweep")


def test_keys_are_the_program_s():
    keys = fasweep.keys()

    assert keys["training.step-size"]["column"] == "step_size" and "meaning" in keys["grid.p"]


def test_importing_the_package_imports_nothing_heavy():
    heavy = "{'h5py', 'xarray', 'pandas', 'tqdm', 'matplotlib'}"

    done = subprocess.run(
        [sys.executable, "-c", f"import fasweep, sys; print({heavy} & sys.modules.keys())"],
        env=os.environ | {"PYTHONPATH": str(ROOT / "python")}, capture_output=True, text=True,
    )

    assert done.stdout.strip() == "set()", done.stdout + done.stderr

"""fasweep state: the network of a run, trained again. Its arrays satisfy the paper's equations (Song, Xu, Lafferty 2021, Section 2)
in plain numpy, and give the recorded numbers."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from conftest import Fasweep

PSI: dict[str, Any] = {
    "linear": (lambda z: z, np.ones_like),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
    "tanh": (np.tanh, lambda z: 1 / np.cosh(z) ** 2),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
}
JOB = """[grid]
p = 12, 20
lambda = 0, 0.5
activation = linear, relu, tanh, sigmoid
rule = feedback-alignment, backprop
seed = 3
[data]
n = 6
d = 9
test-n = 2
[training]
max-steps = 40
precision = float64
[record]
steps = every(4)
metrics = loss, test_loss, alignment, hidden_change, kernel_eigenvalues
"""
VERSIONS = Path(__file__).resolve().parents[1] / "store" / "versions"


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    with h5py.File(path) as file:
        for name, item in file.items():
            if isinstance(item, h5py.Dataset):
                assert item.attrs["units"] == "1" and item.attrs["long_name"], name
                is_scale = item.attrs.get("CLASS") == b"DIMENSION_SCALE"
                assert is_scale or all(len(item.dims[i]) == 1 for i in range(item.ndim)), name
        return {n: d[...] for n, d in file.items() if isinstance(d, h5py.Dataset)}, dict(file.attrs)


def assert_forward(state: dict[str, np.ndarray], attributes: dict[str, Any], tolerance: float) -> None:
    """f = output_scale beta^T psi(W X) + bias, eq. 2.1, of all steps, from W and from Z."""
    psi, _ = PSI[str(attributes["activation"])]
    for suffix in ("", "_test") if "X_test" in state else ("",):
        z = state["W"] @ state["X" + suffix].T
        if "hidden_bias" in state:
            z = z + state["hidden_bias"][:, :, np.newaxis]
        np.testing.assert_allclose(state["Z" + suffix], z, rtol=tolerance, atol=tolerance)
        f = attributes["output_scale"] * np.einsum("tui,tuk->tik", psi(z), state["beta"])
        f = f + state["output_bias"][:, np.newaxis] if "output_bias" in state else f
        np.testing.assert_allclose(state["f" + suffix], f, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("solver, activations", [("weight-space", "linear, relu, tanh, sigmoid"), ("sample-space", "linear, relu, tanh, sigmoid"), ("reduced-linear", "linear")])
@pytest.mark.parametrize("precision, tolerance", [("float64", 1e-9), ("float32", 2e-4)])
def test_arrays_obey_the_paper_and_give_what_was_recorded(
    fasweep: Fasweep, solver: str, activations: str, precision: str, tolerance: float
):
    settings = ["--set", f"grid.activation={activations}", "--set", f"training.precision={precision}"]
    fasweep.run("run", fasweep.job(JOB), "-o", "out.h5", "--solver", solver, *settings)
    with h5py.File(fasweep.folder / "out.h5") as file:
        recorded = {n: d[...] for n, d in file.items() if isinstance(d, h5py.Dataset) and d.dtype.kind in "if"}
    steps = [0, 8, 9, 40]
    for run in range(0, len(recorded["p"]), 3):
        output = fasweep.run("state", "out.h5", "--run", str(run), "--step", *map(str, steps), "-o", f"{run}.h5")
        assert "bit for bit" in output
        state, about = read(fasweep.folder / f"{run}.h5")
        assert about["run"] == run and about["p"] == recorded["p"][run] and about["solver"] == solver
        assert state["step"].tolist() == steps
        assert_forward(state, about, tolerance)
        np.testing.assert_array_equal(state["e"], state["f"] - state["y"])
        # What was recorded at the steps that were.
        for name, error in (("loss", state["e"]), ("test_loss", state["f_test"] - state["y_test"])):
            loss = (error**2).sum(axis=(1, 2)) / 2
            for at, step in enumerate(steps):
                if step % 4 == 0:
                    np.testing.assert_allclose(loss[at], recorded[name][run, step // 4], rtol=tolerance, err_msg=name)
        beta, b = state["beta"][-1].ravel(), state["b"][-1].ravel()
        alignment = beta @ b / np.linalg.norm(beta) / np.linalg.norm(b)
        np.testing.assert_allclose(alignment, recorded["final_alignment"][run], atol=tolerance)
        change = np.linalg.norm(state["W"][-1] - state["W"][0])
        np.testing.assert_allclose(change, recorded["final_hidden_change"][run], rtol=10 * tolerance)
        # Steps 8 and 9 are one update apart: Algorithm 1, with the ridge of eq. 4.1. e is minus the paper's.
        psi, slope = PSI[str(about["activation"])]
        eta, root = state["step_size"][1], np.sqrt(about["p"])
        h, e = psi(state["Z"][1]), state["e"][1, :, 0]
        beta = (1 - eta * state["ridge"][1]) * state["beta"][1, :, 0] - eta / root * h @ e
        np.testing.assert_allclose(state["beta"][2, :, 0], beta, rtol=tolerance, atol=tolerance * eta)
        back = state["b" if about["rule"] == "feedback-alignment" else "beta"][1, :, 0]
        moved = -eta / root * (back[:, np.newaxis] * slope(state["Z"][1]) * e) @ state["X"]
        np.testing.assert_allclose(state["W"][2] - state["W"][1], moved, atol=tolerance * 0.1)
        np.testing.assert_array_equal(state["b"], np.broadcast_to(state["b"][0], state["b"].shape))


@pytest.fixture
def swept(fasweep: Fasweep) -> Fasweep:
    fasweep.run("run", fasweep.job(JOB), "-o", "out.h5")
    return fasweep


def test_runs_are_named_by_their_values(swept: Fasweep):
    where = "p=20,lambda=0.5,activation=tanh,rule=backprop,seed=3"
    swept.run("state", "out.h5", "--where", where, "-o", "state.h5")
    _, about = read(swept.folder / "state.h5")
    assert (about["p"], about["lambda"], about["activation"], about["rule"]) == (20, 0.5, "tanh", "backprop")
    swept.run("state", "out.h5", "--run", str(about["run"]), "--step", "40", "-o", "again.h5")
    assert read(swept.folder / "again.h5")[0].keys() == read(swept.folder / "state.h5")[0].keys()
    for name, values in read(swept.folder / "again.h5")[0].items():
        np.testing.assert_array_equal(values, read(swept.folder / "state.h5")[0][name], err_msg=name)
    several = swept.run("state", "out.h5", "--where", "p=20,activation=tanh", "-o", "x.h5", expect=2)
    assert "4 of 32 runs have p = 20, activation = tanh (they differ in lambda: 0, 0.5; rule: " in several
    none = swept.run("state", "out.h5", "--where", where.replace("p=20", "p=19"), "-o", "x.h5", expect=2)
    assert "0 of 32 runs" in none and "(nearest: p = 20, lambda = 0.5" in none
    assert not (swept.folder / "x.h5").exists()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((), "one of --run and --where is needed"),
        (("--run", "1", "--where", "p=12"), "one of --run and --where is needed"),
        (("--run", "32"), "there are runs 0 to 31"),
        (("--run", "-1"), "there are runs 0 to 31"),
        (("--run", "0", "--step", "0", "41"), "took 40 steps"),
        (("--where", "lamda=0"), "'lambda'"),
    ],
)
def test_what_is_not_there_is_refused(swept: Fasweep, arguments: tuple[str, ...], message: str):
    assert message in swept.run("state", "out.h5", *arguments, "-o", "state.h5", expect=2)
    assert list(swept.folder.glob("state*")) == []


def test_nothing_is_overwritten(swept: Fasweep):
    (swept.folder / "state.h5").write_text("mine")
    assert "overwrites nothing" in swept.run("state", "out.h5", "--run", "0", "-o", "state.h5", expect=2)
    assert (swept.folder / "state.h5").read_text() == "mine"


def change_loss(path: Path, run: int, factor: float) -> None:
    with h5py.File(path, "r+") as file:
        file["loss"][run, 3] = file["loss"][run, 3] * factor


def test_numbers_that_do_not_come_out_are_damage(swept: Fasweep):
    change_loss(swept.folder / "out.h5", 5, 1.01)
    message = swept.run("state", "out.h5", "--run", "5", "-o", "state.h5", expect=5)
    assert "loss at step 12 is" in message and "1 of " in message
    assert list(swept.folder.glob("state*")) == []
    swept.run("state", "out.h5", "--run", "5", "--step", "8", "-o", "state.h5")  # trained and checked up to there


def test_other_last_digits_are_told(swept: Fasweep):
    change_loss(swept.folder / "out.h5", 5, 1 + 1e-12)
    message = swept.run("state", "out.h5", "--run", "5", "-o", "state.h5")
    assert "1 of " in message and "in their last digits" in message and "loss at step 12" in message


def test_runs_of_a_sweep_under_way(fasweep: Fasweep):
    """A journal alone, as a killed sweep leaves it, and a run that is still to do."""
    job = fasweep.job(JOB)
    fasweep.run("run", job, "-o", "part.h5", "--shard", "0/2")
    message = fasweep.run("state", "part.h5", "--run", "31", "-o", "state.h5", expect=2)
    assert "run 31 of 'part.h5' is pending" in message


def test_a_classifier_on_a_data_set(fasweep: Fasweep):
    rng = np.random.default_rng(1)
    x, label = rng.normal(size=(30, 4)), rng.integers(0, 3, size=(30, 1))
    np.savetxt(fasweep.folder / "table.csv", np.hstack([x, label]), delimiter=",", fmt=["%.6f"] * 4 + ["%d"])
    job = """[grid]
p = 11
lambda = 0.1
activation = relu
seed = 0..1
[data]
source = csv
path = table.csv
targets = classes
normalize = per-input
test-n = 7
[training]
batch-size = 5
max-steps = 4 epochs
loss = cross-entropy
biases = yes
dropout = 0.2
step-size = 0.1
[record]
steps = epochs(1)
metrics = loss, accuracy, test_accuracy, batch_loss
"""
    fasweep.run("run", fasweep.job(job), "-o", "out.h5")
    (fasweep.folder / "table.csv").rename(fasweep.folder / "moved.csv")
    assert "table.csv" in fasweep.run("state", "out.h5", "--run", "1", "-o", "state.h5", expect=2)
    fasweep.run("state", "out.h5", "--run", "1", "--step", "0", "20", "--data", "moved.csv", "-o", "state.h5")
    state, about = read(fasweep.folder / "state.h5")
    assert state["W"].shape == (2, 11, 4) and state["beta"].shape == (2, 11, 3) and state["e"].shape == (2, 23, 3)
    assert (state["hidden_bias"][0] == 0).all() and (state["hidden_bias"][1] != 0).any()
    assert (state["output_bias"][1] != 0).any()
    np.testing.assert_allclose(state["X"].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_array_equal(state["y"].argmax(axis=1), label[:23, 0])
    assert_forward(state, about, 1e-5)
    softmax = np.exp(state["f"]) / np.exp(state["f"]).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(state["e"], softmax - state["y"], atol=1e-12)
    with h5py.File(fasweep.folder / "out.h5") as file:
        loss, accuracy, test_accuracy = (file[n][1][[0, -1]] for n in ("loss", "accuracy", "test_accuracy"))
    right = (state["f"].argmax(axis=-1) == state["y"].argmax(axis=-1)).mean(axis=1)
    np.testing.assert_allclose(right, accuracy, rtol=1e-6)
    right = (state["f_test"].argmax(axis=-1) == state["y_test"].argmax(axis=-1)).mean(axis=1)
    np.testing.assert_allclose(right, test_accuracy, rtol=1e-6)
    cross_entropy = -np.log((softmax * state["y"]).sum(axis=-1)).sum(axis=1)
    np.testing.assert_allclose(cross_entropy, loss, rtol=1e-5)


@pytest.mark.parametrize("name", ["complete", "classes", "killed", "teacher", "shard1"])
def test_files_of_the_first_version(fasweep: Fasweep, name: str):
    shutil.copytree(VERSIONS / "0.1", fasweep.folder, dirs_exist_ok=True)
    before = {path.name: path.read_bytes() for path in fasweep.folder.iterdir() if path.is_file()}
    with h5py.File(fasweep.folder / f"{name}.h5") as file:
        done = np.flatnonzero(file["status"][...] == 1)
    run = done[0] if name != "killed" else 0  # recorded in its journal alone
    output = fasweep.run("state", f"{name}.h5", "--run", str(run), "-o", "state.h5")
    assert "numbers are reproduced bit for bit" in output or "numbers differ in their last digits" in output
    state, about = read(fasweep.folder / "state.h5")
    assert_forward(state, about, 1e-4)
    assert about["source"] == f"{name}.h5"
    after = {path.name: path.read_bytes() for path in fasweep.folder.iterdir() if path.is_file()}
    assert after.pop("state.h5") and after == before


def test_xarray_opens_it(swept: Fasweep):
    xarray = pytest.importorskip("xarray")
    swept.run("state", "out.h5", "--run", "0", "--step", "0", "40", "-o", "state.h5")
    state = xarray.load_dataset(swept.folder / "state.h5", engine="h5netcdf")
    assert state["W"].dims == ("step", "unit", "input") and state["Z"].dims == ("step", "unit", "sample")
    assert state["e"].sel(step=40).shape == (6, 1)

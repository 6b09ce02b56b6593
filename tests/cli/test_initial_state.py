"""Runs that begin with the weights of a file: of another run, of another rule, of another program."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import Fasweep, assert_same_results

JOB = """[grid]
p = 21
lambda = 0.1
activation = tanh
rule = feedback-alignment
seed = 3
[data]
n = 8
d = 9
test-n = 2
[training]
step-size = 0.01
max-steps = 100
precision = float64
[record]
steps = every(10)
metrics = loss, test_loss, alignment, hidden_change
"""


def settings(**values: str) -> list[str]:
    return [part for key, value in values.items() for part in ("--set", f"{key.replace('__', '.').replace('_', '-')}={value}")]


def read(path: Path, step: int = -1) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        return {name: file[name][step] for name in ("W", "beta", "b", "hidden_bias", "output_bias") if name in file}


def write(path: Path, weights: dict[str, np.ndarray]) -> None:
    with h5py.File(path, "w") as file:
        for name, values in weights.items():
            file[name] = values


def save(fasweep: Fasweep, name: str, *steps: int, run: int = 0) -> dict[str, np.ndarray]:
    """The state of a run of NAME.h5 in NAME-state.h5, and what it holds."""
    chosen = ["--step", *map(str, steps)] if steps else []
    fasweep.run("state", f"{name}.h5", "--run", str(run), *chosen, "-o", f"{name}-state.h5")
    return read(fasweep.folder / f"{name}-state.h5")


@pytest.fixture
def halfway(fasweep: Fasweep) -> Fasweep:
    """100 steps in whole.h5, the first 50 of them in half.h5, and their states."""
    fasweep.run("run", fasweep.job(JOB), "-o", "whole.h5", "--solver", "weight-space")
    fasweep.run("run", "job.cfg", "-o", "half.h5", "--solver", "weight-space", *settings(training__max_steps="50"))
    save(fasweep, "whole")
    save(fasweep, "half", 0, 50)
    return fasweep


GO_ON = settings(training__max_steps="50", training__initial_state="half-state.h5")


def test_training_goes_on_bit_for_bit(halfway: Fasweep):
    output = halfway.run("run", "job.cfg", "-o", "rest.h5", "--solver", "weight-space", *GO_ON)
    assert "initial state 'half-state.h5': 21 hidden units, 9 inputs, 1 output; checksum " in output
    rest, whole = save(halfway, "rest"), read(halfway.folder / "whole-state.h5")
    for name, values in whole.items():
        np.testing.assert_array_equal(rest[name], values, err_msg=name)
    with h5py.File(halfway.folder / "rest.h5") as file, h5py.File(halfway.folder / "whole.h5") as all_steps:
        for name in ("loss", "test_loss", "alignment"):
            np.testing.assert_array_equal(file[name][0], all_steps[name][0, 5:], err_msg=name)
        assert file["first_step_deviation"][0] <= 1e-9
    assert "all right" in halfway.run("check", "rest.h5") and "sound" in halfway.run("verify", "rest.h5")


@pytest.mark.parametrize("solver", ["sample-space", "layered"])
def test_other_solvers_go_on_from_there(halfway: Fasweep, solver: str):
    halfway.run("run", "job.cfg", "-o", "rest.h5", "--solver", solver, *GO_ON)
    rest, whole = save(halfway, "rest"), read(halfway.folder / "whole-state.h5")
    for name, values in whole.items():
        # 50 steps of float64 sums in another order; sample-space finds W - W(0) by a pseudo-inverse.
        np.testing.assert_allclose(rest[name], values, atol=1e-10, err_msg=name)
    assert "all right" in halfway.run("check", "rest.h5")


def test_the_reduced_solver_goes_on_too(fasweep: Fasweep):
    linear = settings(grid__activation="linear", training__step_size="1e-3")
    fasweep.run("run", fasweep.job(JOB), "-o", "whole.h5", *linear, "--solver", "weight-space")
    save(fasweep, "whole", 50)
    shutil.move(fasweep.folder / "whole-state.h5", fasweep.folder / "half-state.h5")
    whole = save(fasweep, "whole")
    fasweep.run("run", "job.cfg", "-o", "rest.h5", *linear, *GO_ON, "--solver", "reduced-linear")
    for name, values in save(fasweep, "rest").items():
        np.testing.assert_allclose(values, whole[name], atol=1e-10, err_msg=name)  # as above


def test_the_state_of_step_0_begins_the_same_run(halfway: Fasweep):
    halfway.run("state", "whole.h5", "--run", "0", "--step", "0", "-o", "start.h5")
    halfway.run("run", "job.cfg", "-o", "again.h5", "--solver", "weight-space", *settings(training__initial_state="start.h5"))
    with h5py.File(halfway.folder / "again.h5") as again, h5py.File(halfway.folder / "whole.h5") as whole:
        for name in ("loss", "test_loss", "alignment", "hidden_change"):
            np.testing.assert_array_equal(again[name][...], whole[name][...], err_msg=name)


def numpy_step(weights: dict[str, np.ndarray], x: np.ndarray, y: np.ndarray, rule: str) -> dict[str, np.ndarray]:
    """A step of 0.01 with ridge 0.1 of a tanh network with biases (Song, Xu, Lafferty 2021, Algorithm 1 and eq. 4.1)."""
    eta, scale = 0.01, 1 / np.sqrt(len(weights["W"]))
    h = np.tanh(x @ weights["W"].T + weights["hidden_bias"])
    e = scale * h @ weights["beta"] + weights["output_bias"] - y
    back = weights["b" if rule == "feedback-alignment" else "beta"]
    delta = scale * e @ back.T * (1 - h**2)
    return {
        "W": weights["W"] - eta * delta.T @ x,
        "beta": (1 - 0.1 * eta) * weights["beta"] - eta * scale * h.T @ e,
        "b": weights["b"],
        "hidden_bias": weights["hidden_bias"] - eta * delta.sum(axis=0),
        "output_bias": weights["output_bias"] - eta * e.sum(axis=0),
    }


@pytest.mark.parametrize("rule", ["feedback-alignment", "backprop"])
@pytest.mark.parametrize("number", [np.float64, np.float32, ">f8"])
def test_weights_of_another_program(fasweep: Fasweep, rule: str, number: type | str):
    rng = np.random.default_rng(1)
    shapes = {"W": (21, 9), "beta": (21, 2), "b": (21, 2), "hidden_bias": (21,), "output_bias": (2,)}
    weights = {name: rng.normal(size=shape).astype(number) for name, shape in shapes.items()}
    write(fasweep.folder / "start.h5", weights)
    more = settings(grid__rule=rule, data__outputs="2", training__biases="yes", training__initial_state="start.h5", training__max_steps="20")
    fasweep.run("run", fasweep.job(JOB), "-o", "out.h5", *more, *settings(record__metrics="loss"))
    fasweep.run("state", "out.h5", "--run", "0", "--step", "0", "20", "-o", "state.h5")
    expected = {name: values.astype(float) for name, values in weights.items()}
    for name, values in read(fasweep.folder / "state.h5", 0).items():
        np.testing.assert_array_equal(values, expected[name], err_msg=name)
    with h5py.File(fasweep.folder / "state.h5") as file:
        x, y = file["X"][...], file["y"][...]
    for _ in range(20):
        expected = numpy_step(expected, x, y, rule)
    for name, values in read(fasweep.folder / "state.h5").items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-11, atol=1e-12, err_msg=name)  # 20 steps of float64


def test_one_rule_goes_on_where_another_one_ended(fasweep: Fasweep):
    """Backprop first, then three rules from there, at once, beside the same from drawn weights."""
    fasweep.run("run", fasweep.job(JOB), "-o", "backprop.h5", *settings(grid__rule="backprop"))
    end = save(fasweep, "backprop")
    grid = "p = 21\nlambda = 0.1\nactivation = tanh\nrule = feedback-alignment, backprop, kolen-pollack\nseed = 3\n"
    sections = f"[grid]\n{grid}training.initial-state = backprop-state.h5\n[grid]\n{grid}"
    job = fasweep.job(sections + JOB[JOB.index("[data]") :])
    fasweep.run("run", job, "-o", "out.h5")
    assert "sound" in fasweep.run("verify", "out.h5") and "all right" in fasweep.run("check", "out.h5", "--runs", "6")
    with h5py.File(fasweep.folder / "out.h5") as file, h5py.File(fasweep.folder / "backprop.h5") as before:
        first = file["loss"][:, 0]
        np.testing.assert_allclose(first[:3], before["loss"][0, -1], rtol=1e-12)
        np.testing.assert_allclose(first[3:], before["loss"][0, 0], rtol=1e-12)
        assert len(set(file["initial_checksum"].asstr()[:3])) == 1
        assert set(file["initial_checksum"].asstr()[3:]) == {"none"}
    for name, values in save(fasweep, "out", 0, run=1).items():
        np.testing.assert_array_equal(values, end[name], err_msg=name)


def test_the_file_may_move_and_other_numbers_are_refused(halfway: Fasweep):
    run = ["run", "job.cfg", "-o", "rest.h5", *GO_ON]
    halfway.run(*run, *settings(grid__seed="3..4"))
    (halfway.folder / "half-state.h5").rename(halfway.folder / "moved.h5")
    moved = settings(training__initial_state="moved.h5")
    assert "complete" in halfway.run(*run, *settings(grid__seed="3..4"), *moved)
    halfway.run(*run, *settings(grid__seed="3..6"), *moved)
    with h5py.File(halfway.folder / "rest.h5") as file:
        assert len(file["loss"]) == 4
    save(halfway, "rest")  # the stored job knows where the file was at the last start
    (halfway.folder / "moved.h5").rename(halfway.folder / "again.h5")
    for command in (["state", "rest.h5", "--run", "0", "-o", "s.h5"], ["check", "rest.h5"]):
        assert "initial state 'moved.h5' cannot be used (no such file)" in halfway.run(*command, expect=2)
        assert "(the job's has " in halfway.run(*command, "--initial-state", "whole-state.h5", expect=2)
        halfway.run(*command, "--initial-state", "again.h5")
    other = halfway.run(*run, *settings(training__initial_state="whole-state.h5"), expect=4)
    assert "training.initial-checksum: file has " in other and "(another initial state)" in other
    assert "training.initial-checksum" in halfway.run(*run, *settings(training__initial_state="none"), expect=4)


@pytest.mark.usefixtures("needs_mpirun")
def test_ranks_begin_with_the_same_numbers(halfway: Fasweep):
    more = settings(grid__seed="3..8", grid__rule="feedback-alignment, backprop")
    halfway.run("run", "job.cfg", "-o", "one.h5", *GO_ON, *more)
    halfway.run("run", "job.cfg", "-o", "ranks.h5", *GO_ON, *more, ranks=3)
    assert_same_results(halfway.folder / "ranks.h5", halfway.folder / "one.h5")


def test_shards_merge(halfway: Fasweep):
    more = settings(grid__seed="3..6")
    halfway.run("run", "job.cfg", "-o", "one.h5", *GO_ON, *more)
    for shard in range(2):
        halfway.run("run", "job.cfg", "-o", f"s{shard}.h5", *GO_ON, *more, "--shard", f"{shard}/2")
    halfway.run("merge", "s0.h5", "s1.h5", "-o", "merged.h5")
    assert_same_results(halfway.folder / "merged.h5", halfway.folder / "one.h5")


@pytest.mark.parametrize(
    "values, message",
    [
        ({"grid__p": "21, 24"}, "key 'grid.p' = '24' is not accepted (the initial state in 'half-state.h5' has p = 21); write p = 21"),
        ({"data__d": "10"}, "key 'data.d' = '10' is not accepted (the initial state in 'half-state.h5' has d = 9)"),
        ({"data__outputs": "2"}, "key 'data.outputs' = '2' is not accepted (the initial state in 'half-state.h5' has k = 1)"),
        ({"training__biases": "yes"}, "key 'training.biases' = 'yes' is not accepted (the initial state in 'half-state.h5' has no hidden_bias"),
        ({"grid__depth": "2"}, "holds one hidden layer); write 1, or leave training.initial-state out"),
        ({"training__initial_weights": "zero"}, "says what the weights are); leave one of the two out"),
        ({"training__initial_state": "none.h5"}, "initial state 'none.h5' cannot be used (no such file)"),
        ({"training__initial_state": "half.h5"}, "initial state 'half.h5' cannot be used (it has no dataset W)"),
    ],
)
def test_what_does_not_fit_is_refused(halfway: Fasweep, values: dict[str, str], message: str):
    for command in (["plan", "job.cfg"], ["run", "job.cfg", "-o", "x.h5"]):
        assert message in halfway.run(*command, *GO_ON, *settings(**values), expect=2)
    assert not (halfway.folder / "x.h5").exists()


def test_a_path_starts_beside_the_program_and_says_so(halfway: Fasweep):
    (halfway.folder / "jobs").mkdir()
    shutil.copy(halfway.folder / "half-state.h5", halfway.folder / "jobs" / "start.h5")
    shutil.copy(halfway.folder / "job.cfg", halfway.folder / "jobs")
    message = halfway.run("plan", "jobs/job.cfg", *settings(training__initial_state="start.h5"), expect=2)
    assert "relative paths start from the current folder" in message and "'jobs/start.h5' exists" in message

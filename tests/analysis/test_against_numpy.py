"""The numbers in a result file against a second implementation in numpy, and against one another."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy_reference import LAWS, RULES, make_problem, normals, philox, train

SAMPLES, INPUTS, TEST_SAMPLES, STEPS = 11, 7, 4, 50
STEP_SIZE = {"linear": 1e-3, "relu": 4e-3, "tanh": 1e-2, "sigmoid": 2e-2, "softplus": 4e-3, "gelu": 4e-3, "erf": 1e-2}
METRICS = list(train(make_problem(0, 2, "tanh", 2, 2, 1), "tanh", "backprop", 0, 1, 0))  # all that numpy knows
USUAL = ("feedback-alignment", "backprop", "kolen-pollack", "drtp")  # the others with fewer seeds, and with activations that bound what grows
# Others look at what only weight space shows them.
SAMPLE_SPACE_RULES = [name for name, rule in RULES.items() if not (rule.redraws_feedback or rule.hebbian or rule.adapts_feedback or rule.mirrors)]


def job(rules: Iterable[str], activations: Sequence[str], few_activations: Sequence[str]) -> str:
    grids = (
        ([rule for rule in rules if rule in USUAL], activations, "0, 1, 5000000000"),
        ([rule for rule in rules if rule not in USUAL], few_activations, "5000000000"),
    )
    return "".join(
        f"[grid]\np = 5, 32\nlambda = 0, 0.4\nactivation = {', '.join(chosen)}\nrule = {', '.join(names)}\nseed = {seeds}\n"
        for names, chosen, seeds in grids
    ) + SETTINGS


SETTINGS = f"""
[data]
n = {SAMPLES}
d = {INPUTS}
test-n = {TEST_SAMPLES}
[training]
step-size = {", ".join(f"{name}:{value}" for name, value in STEP_SIZE.items())}
max-steps = {STEPS}
precision = float64
[record]
steps = every(1)
metrics = {", ".join(METRICS)}
"""


def names(column: h5py.Dataset) -> list[str]:
    return column.asstr()[...].tolist()


def test_philox_gives_the_published_answers():
    # kat_vectors of Random123 for philox 4x32 10.
    zero = philox(np.zeros((1, 4)), (0, 0))
    ones = philox(np.full((1, 4), 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF))

    assert zero.tolist() == [[0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]]
    assert ones.tolist() == [[0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]]


def test_normals_are_standard():
    values = normals(3, 100, "inputs", 40001)

    # Four standard errors of the mean, and of the variance.
    assert abs(values.mean()) < 4 / np.sqrt(values.size)
    assert abs(values.var() - 1) < 4 * np.sqrt(2 / values.size)


SOLVERS: dict[str, str] = {
    "auto": job(RULES, list(STEP_SIZE), ["sigmoid", "tanh"]),
    "weight-space": job(RULES, list(STEP_SIZE), ["sigmoid", "tanh"]),
    "sample-space": job(SAMPLE_SPACE_RULES, list(STEP_SIZE), ["sigmoid", "tanh"]),
    "reduced-linear": job(["feedback-alignment", "backprop", "dfa", "shallow"], ["linear"], ["linear"]),
}


@functools.cache  # for all solvers
def numpys(seed: int, p: int, activation: str, rule: str, ridge: float) -> dict[str, np.ndarray]:
    problem = make_problem(seed, p, activation, SAMPLES, INPUTS, TEST_SAMPLES)
    return train(problem, activation, rule, ridge, STEP_SIZE[activation], STEPS)


@pytest.mark.parametrize("solver", SOLVERS)
def test_every_trajectory_is_that_of_numpy(make_file: Callable[..., Path], solver: str):
    with h5py.File(make_file("numbers", SOLVERS[solver], "--solver", solver)) as file:
        rows = zip(file["p"], file["lambda"], names(file["activation"]), names(file["rule"]), file["seed"])
        for run, (p, ridge, activation, rule, seed) in enumerate(rows):
            for name, values in numpys(int(seed), int(p), activation, rule, float(ridge)).items():
                # Rounding grows over the steps; a norm of a difference near 0 may lose half the digits.
                # An error of an eigenvalue is a rounding of the largest one.
                message = f"{name} of p={p} lambda={ridge} {activation} {rule} seed={seed}"
                np.testing.assert_allclose(file[name][run], values, rtol=1e-9, atol=1e-9, err_msg=message)


VALUES = dict.fromkeys(("gaussian", "gaussian-scaled", "zero"), "") | {"sparse": "(0.5, 2)", "low-rank": "(2, 0.5)"}  # others: one number
LAW_TEXTS = [name + VALUES.get(name, "(0.75)") for name in LAWS]
# Every law at every place, never one at two of them, so that no network is 0 throughout.
LAWS_OF_RUNS = list(zip(LAW_TEXTS, LAW_TEXTS[1:] + LAW_TEXTS[:1], LAW_TEXTS[5:] + LAW_TEXTS[:5]))
LAW_METRICS = ("loss", "test_loss", "alignment", "output_norm", "hidden_change", "gradient_alignment", "kernel_change")


def test_every_law_of_initial_weights_is_that_of_numpy(make_file: Callable[..., Path]):
    keys = "initial-weights", "initial-output", "initial-feedback"
    lists = "".join(f"{key} = {', '.join(laws)}\n" for key, laws in zip(keys, zip(*LAWS_OF_RUNS)))
    grid = f"[grid]\np = 5, 32\nlambda = 0, 0.4\nactivation = tanh\nseed = 0, 5000000000\nzip = {', '.join(keys)}\n"
    settings = SETTINGS.replace("[training]\n", "[training]\n" + lists).split("metrics =")[0]
    text = f"{grid}{settings}metrics = {', '.join(LAW_METRICS)}\n"
    with h5py.File(make_file("laws", text)) as file:
        columns = (names(file[key.replace("-", "_")]) for key in keys)
        seen = set()
        for run, (p, ridge, seed, *laws) in enumerate(zip(file["p"], file["lambda"], file["seed"], *columns)):
            problem = make_problem(int(seed), int(p), "tanh", SAMPLES, INPUTS, TEST_SAMPLES, laws)
            expected = train(problem, "tanh", "feedback-alignment", float(ridge), STEP_SIZE["tanh"], STEPS)
            seen.add(tuple(laws))
            for name in LAW_METRICS:  # tolerances as above
                np.testing.assert_allclose(file[name][run], expected[name], rtol=1e-9, atol=1e-9, err_msg=f"{name} of p={p} {laws}")
    assert len(seen) == len(LAWS)


def test_metrics_of_a_row_agree_with_one_another(shared_file: Path):
    with h5py.File(shared_file) as file:
        values = {name: file[name][...] for name in ("loss", "regularized_loss", "error_norm", "output_norm")}
        ridge = file["lambda"][...][:, np.newaxis]
        recorded = file["step"][...] <= file["steps"][...][:, np.newaxis]
        cosines = np.stack([file["alignment"][...], file["gradient_alignment"][...]])

    for name, trajectories in values.items():
        np.testing.assert_array_equal(np.isfinite(trajectories), recorded, err_msg=name)
    # Of float64: a few roundings.
    np.testing.assert_allclose(values["loss"], values["error_norm"] ** 2 / 2, rtol=1e-13)
    np.testing.assert_allclose(
        values["regularized_loss"], values["loss"] + ridge * values["output_norm"] ** 2 / 2, rtol=1e-13
    )
    assert np.all(np.abs(cosines[:, recorded]) <= 1)

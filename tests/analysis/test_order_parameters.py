"""The order parameters' equations: their integrals by quadrature, their solution in closed form where there is one, and by simulation."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from online_networks import PSI, SLOPE, simulated, some_covariance, some_start

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))

from fasweep.analysis import order_parameters as equations  # noqa: E402
from fasweep.analysis.results import AnalysisError  # noqa: E402

simpson = pytest.importorskip("scipy.integrate").simpson


@pytest.mark.parametrize("activation", ["linear", "erf"])
def test_integrals_are_those_of_quadrature(activation: str):
    """Four Gaussians of variance up to 0.38, 25 nodes each: more nodes change the sums by less than 1e-7."""
    C, moments = some_covariance(4, 1) / 2, equations.MOMENTS[activation]
    nodes, weights = np.polynomial.hermite_e.hermegauss(25)
    z = np.stack(np.meshgrid(*[nodes] * 4, indexing="ij"), axis=-1).reshape(-1, 4) @ np.linalg.cholesky(C).T
    density = np.einsum("i,j,k,l", *[weights / weights.sum()] * 4).ravel()
    psi, slope = PSI[activation](z), SLOPE[activation](z)

    def expected(slopes: list[int], left: np.ndarray) -> np.ndarray:
        """Of left_i psi(z_j) and the slopes, 4 x 4."""
        return (left * (density * slope[:, slopes].prod(axis=1))[:, None]).T @ psi

    for units in ([0], [2], [0, 1], [1, 3], [2, 2]):  # I3 of one slope, I4 of two
        number, narrower = moments.slopes_taken(C, np.array(units))
        assert number * moments.with_inputs(narrower) == pytest.approx(expected(units, z), abs=1e-7)
        assert number * moments.products(narrower) == pytest.approx(expected(units, psi), abs=1e-7)
    assert moments.with_inputs(C) == pytest.approx(expected([], z), abs=1e-7)
    assert moments.products(C) == pytest.approx(expected([], psi), abs=1e-7)  # I2


# The equations as they are published, in loops over units; of g(x) = erf(x / sqrt 2).


def published_i2(C: np.ndarray, a: int, b: int) -> float:
    return 2 / np.pi * np.arcsin(C[a, b] / np.sqrt((1 + C[a, a]) * (1 + C[b, b])))


def published_i3(C: np.ndarray, a: int, b: int, c: int) -> float:
    """E[g'(x_a) x_b g(x_c)]"""
    root = np.sqrt((1 + C[a, a]) * (1 + C[c, c]) - C[a, c] ** 2)
    return 2 / np.pi / root * (C[b, c] * (1 + C[a, a]) - C[a, b] * C[a, c]) / (1 + C[a, a])


def published_j2(C: np.ndarray, a: int, b: int) -> float:
    """E[g'(x_a) g'(x_b)]"""
    return 2 / np.pi / np.sqrt((1 + C[a, a]) * (1 + C[b, b]) - C[a, b] ** 2)


def published_i4(C: np.ndarray, a: int, b: int, c: int, d: int) -> float:
    """E[g'(x_a) g'(x_b) g(x_c) g(x_d)]"""
    lambda_4 = (1 + C[a, a]) * (1 + C[b, b]) - C[a, b] ** 2

    def part(i: int, j: int, own: float) -> float:
        mixed = C[a, b] * (C[a, i] * C[b, j] + C[a, j] * C[b, i])
        return lambda_4 * own - C[b, i] * C[b, j] * (1 + C[a, a]) - C[a, i] * C[a, j] * (1 + C[b, b]) + mixed

    angle = np.arcsin(part(c, d, C[c, d]) / np.sqrt(part(c, c, 1 + C[c, c]) * part(d, d, 1 + C[d, d])))
    return 4 / np.pi**2 / np.sqrt(lambda_4) * angle


def published_rates(
    Q: np.ndarray, R: np.ndarray, T: np.ndarray, v: np.ndarray, A: np.ndarray, b: np.ndarray, step_size: float, label_noise: float, decay: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Refinetti et al. 2021, and ridge; of backprop with v in the place of b (Goldt et al. 2019)."""
    C, c = np.block([[Q, R], [R.T, T]]), np.concatenate([-v, A])
    K, every = len(v), range(len(c))
    dQ, dR, dv = np.zeros_like(Q), np.zeros_like(R), np.zeros_like(v)
    for i in range(K):
        dv[i] = step_size * sum(c[j] * published_i2(C, i, j) for j in every) - decay * v[i]
        for n in range(R.shape[1]):
            dR[i, n] = step_size * b[i] * sum(c[j] * published_i3(C, i, K + n, j) for j in every)
        for k in range(K):
            first = sum(c[j] * (b[i] * published_i3(C, i, k, j) + b[k] * published_i3(C, k, i, j)) for j in every)
            second = sum(c[j] * c[l] * published_i4(C, i, k, j, l) for j in every for l in every) + label_noise**2 * published_j2(C, i, k)
            dQ[i, k] = step_size * first + step_size**2 * b[i] * b[k] * second
    return dQ, dR, dv


@pytest.mark.parametrize("rule", equations.RULES)
def test_the_solution_is_that_of_the_published_equations(rule: str):
    """x = sqrt(2) z: twice the order parameters, and twice the step size of W."""
    start, step_size, label_noise, decay, steps = some_start(2, 2, 2), 1.3, 0.4, 0.2, 40
    T, A = 2 * start["T"], start["A"]

    def rates(state: list[np.ndarray]) -> list[np.ndarray]:
        Q, R, v = state
        return list(published_rates(Q, R, T, v, A, v if rule == "backprop" else start["b"], step_size, label_noise, decay))

    state = [2 * start["Q"], 2 * start["R"], start["v"]]
    for _ in range(steps):  # Runge and Kutta's fourth order: of 20 steps as of 40 to 1e-7
        first = rates(state)
        second = rates([one + rate / steps / 2 for one, rate in zip(state, first)])
        third = rates([one + rate / steps / 2 for one, rate in zip(state, second)])
        fourth = rates([one + rate / steps for one, rate in zip(state, third)])
        state = [
            one + (r1 + 2 * r2 + 2 * r3 + r4) / steps / 6 for one, r1, r2, r3, r4 in zip(state, first, second, third, fourth)
        ]

    found = equations.solve(
        **start, rule=rule, activation="erf", step_size=step_size / 2, label_noise=label_noise, times=np.array([0, 1]),
        output_step_size=step_size, decay=decay,
    )
    for mine, published in zip((2 * found.Q[1], 2 * found.R[1], found.v[1]), state):
        assert mine == pytest.approx(published, abs=1e-6)  # tolerances of both
    C, c = np.block([[state[0], state[1]], [state[1].T, T]]), np.concatenate([-state[2], A])
    error = sum(c[i] * c[j] * published_i2(C, i, j) for i in range(4) for j in range(4)) / 2
    assert found.generalisation_error[1] == pytest.approx(error, abs=1e-6)


@pytest.mark.parametrize("activation", ["linear", "erf"])
def test_the_generalisation_error_is_that_of_new_samples(activation: str):
    start = some_start(3, 2, 3)
    Q, R, T, v, A = (start[name] for name in ("Q", "R", "T", "v", "A"))
    z = np.random.default_rng(4).multivariate_normal(np.zeros(5), np.block([[Q, R], [R.T, T]]), size=400_000)
    errors = (PSI[activation](z[:, :3]) @ v - PSI[activation](z[:, 3:]) @ A) ** 2 / 2

    found = equations.generalisation_error(Q, R, T, v, A, activation)

    assert found == pytest.approx(errors.mean(), abs=4 * errors.std() / np.sqrt(len(errors)))  # four standard errors


@pytest.mark.parametrize("rule", equations.RULES)
@pytest.mark.parametrize("label_noise", [0, 0.7])
def test_linear_networks_of_fixed_outputs_learn_as_in_closed_form(rule: str, label_noise: float):
    """d(error)/dt = -(2 r - r^2) error + 1/2 r^2 noise^2 with r = step size <b, v>: of u = W^T v alone, whose step is -r e x / d."""
    start, times = some_start(3, 2, 5), np.array([0, 0.3, 1, 4])
    start["b"] = np.abs(start["b"]) * np.sign(start["v"])
    sent = start["v"] if rule == "backprop" else start["b"]
    r = 0.8
    found = equations.solve(
        **start, rule=rule, activation="linear", step_size=r / (sent @ start["v"]), label_noise=label_noise, times=times, output_step_size=0,
    )

    rate, end = 2 * r - r**2, r**2 * label_noise**2 / 2 / (2 * r - r**2)
    closed = end + (found.generalisation_error[0] - end) * np.exp(-rate * times)
    assert found.generalisation_error == pytest.approx(closed, rel=1e-6)  # a hundred tolerances of the integration
    assert (found.v == start["v"]).all()


def test_linear_networks_keep_what_descent_keeps():
    """Under backprop v v^T - Q has no first order in the step size: its rate is -step_size^2 E[e^2] v v^T."""
    start = some_start(2, 3, 6)
    eta, times = 0.3, np.linspace(0, 3, 1201)
    found = equations.solve(**start, rule="backprop", activation="linear", step_size=eta, label_noise=0, times=times)

    outer = np.einsum("ti,tj->tij", found.v, found.v)
    spent = eta**2 * simpson(2 * found.generalisation_error[:, None, None] * outer, x=times, axis=0)
    kept = outer - found.Q
    assert kept[-1] - kept[0] == pytest.approx(-spent, abs=1e-6) and abs(spent).max() > 0.01


def strays(start: dict[str, Any], rule: str, activation: str, **options: Any) -> dict[str, float]:
    """How far the mean over seeds is from the solution, at most, in its own standard errors, to which O(1/d) is added for few inputs."""
    times, inputs, seeds = np.array([0, 0.5, 1, 2, 4, 6]), 500, 12
    found = equations.solve(**start, rule=rule, activation=activation, times=times, **options)
    runs = simulated(start, rule, activation, inputs=inputs, times=times, seeds=seeds, **options)
    result = {}
    for name, values in runs.items():
        error = values.std(axis=0, ddof=1) / np.sqrt(seeds) + 2 / inputs
        result[name] = float(np.max(np.abs(values.mean(axis=0) - getattr(found, name)) / error))
    return result


CASES = [(rule, activation) for rule in equations.RULES for activation in ("linear", "erf")]
STEP_SIZES = {"linear": 0.3, "erf": 0.8}  # so large that steps' own squares count


@pytest.mark.parametrize(("rule", "activation"), CASES)
def test_networks_of_many_inputs_follow_the_equations(rule: str, activation: str):
    found = strays(some_start(3, 2, 8), rule, activation, step_size=STEP_SIZES[activation], label_noise=0.3)

    # About 80 numbers, a few of them independent: of twelve seeds Student's t stays below 5 in 99 % of the cases.
    assert max(found.values()) < 5, found


@pytest.mark.parametrize(("rule", "activation"), CASES)
def test_without_squares_of_steps_they_do_not(rule: str, activation: str, monkeypatch: pytest.MonkeyPatch):
    """An error planted: E[psi' psi' e^2], I4 of the literature, left out."""
    moments = equations.MOMENTS[activation]

    def one_slope_alone(C: np.ndarray, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        number, narrower = moments.slopes_taken(C, units)
        return (0 * number if units.shape[-1] == 2 else number), narrower

    wrong = equations.Moments(moments.products, moments.with_inputs, one_slope_alone)
    monkeypatch.setitem(equations.MOMENTS, activation, wrong)

    assert strays(some_start(3, 2, 8), rule, activation, step_size=STEP_SIZES[activation], label_noise=0.3)["Q"] > 10


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"activation": "relu"}, "accepted: linear, erf"), ({"rule": "oja"}, "accepted: backprop, feedback-alignment"),
        ({"b": None}, "give b of this shape: (3,)"), ({"v": np.ones(4)}, "must be (3,)"), ({"times": np.array([1, 0.5])}, "sort them"),
        ({"rule": "backprop", "activation": "linear", "step_size": 50.0, "output_step_size": 0.0, "times": np.array([0, 1e3])}, "smaller step size"),
    ],
)
def test_what_has_no_equations_is_refused(change: dict[str, Any], said: str):
    usual: dict[str, Any] = {"rule": "feedback-alignment", "activation": "erf", "step_size": 0.1, "label_noise": 0, "times": np.array([0, 1])}

    with pytest.raises(AnalysisError, match=said.replace("(", r"\(").replace(")", r"\)")):
        equations.solve(**some_start(3, 2, 9) | usual | change)

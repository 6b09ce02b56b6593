"""Order parameters of a two-layer network that learns a two-layer teacher from fresh samples: their equations for many inputs.

Student f = sum_k v_k psi(lambda_k) with lambda = W x, teacher y = sum_m A_m psi(rho_m) + label_noise N(0, 1) with rho = W0 x; each of
the d inputs is N(0, s^2). A step takes one fresh sample, e = f - y:

    w_k <- w_k - eta e b_k psi'(lambda_k) x        b_k stays under feedback alignment, and is v_k under backprop
    v_k <- v_k - eta_v e psi(lambda_k) - eta ridge v_k

The order parameters are v and the covariances of lambda and rho: Q = s^2 W W^T (K x K), R = s^2 W W0^T (K x M), T = s^2 W0 W0^T (M x M).
As d grows at fixed

    step_size = eta d s^2,    output_step_size = eta_v d,    decay = eta ridge d,    time = steps / d

they follow the equations below, from which a run strays by O(1/sqrt(d)) (Saad and Solla 1995, of backprop and fixed v; with v Goldt, Advani,
Saxe, Krzakala and Zdeborova 2019, arXiv 1906.08632; of feedback alignment Refinetti, d'Ascoli, Ohana and Goldt 2021, arXiv 2011.12428):

    dR_km/dt = - step_size b_k E[psi'(lambda_k) rho_m e]
    dQ_kl/dt = - step_size (b_k E[psi'(lambda_k) lambda_l e] + b_l E[psi'(lambda_l) lambda_k e])
               + step_size^2 b_k b_l E[psi'(lambda_k) psi'(lambda_l) e^2]
    dv_k/dt  = - output_step_size E[psi(lambda_k) e] - decay v_k

In a run of the program, f = scale psi(X W^T) beta: v is scale beta, b is scale b, eta_v is scale^2 eta, and A is beta0 / sqrt(M).

Saad and Solla's psi is erf(x / sqrt 2), the program's erf(z): with x = sqrt(2) z their Q, R, T and step size of W are twice those here; v, A, b
and the step size of v are the same.

The expectations are the integrals that the literature calls I2, I3 and I4, each summed over the terms of e. psi' of erf is a Gaussian, so that
psi'(lambda_k) times the density of z = (lambda, rho) is a number times the density of a narrower Gaussian (`Moments.slopes_taken`), under
which I3 and I4 are E[z_i psi(z_j)] and I2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fasweep.analysis.results import AnalysisError

RULES = ("backprop", "feedback-alignment")
TOLERANCE = 1e-8  # of the integration, relative and absolute: far below the O(1/sqrt(d)) that runs stray

LARGEST = 1e12  # order parameter: those of runs that learn are about 1


@dataclass(frozen=True)
class Moments:
    """Of psi under z ~ N(0, C), C of shape (..., n, n)."""

    products: Callable[[np.ndarray], np.ndarray]  # E[psi(z_i) psi(z_j)], (..., n, n)
    with_inputs: Callable[[np.ndarray], np.ndarray]  # E[z_i psi(z_j)], (..., n, n)
    # (C, units), units (..., q) of whole numbers below n -> (number, C'), shapes (...) and (..., n, n), with which
    # E[psi'(z_u1) ... psi'(z_uq) h(z)] = number E[h(z')], z' ~ N(0, C')
    slopes_taken: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def _erf_products(C: np.ndarray) -> np.ndarray:
    """2/pi arcsin(2 C_ij / sqrt((1 + 2 C_ii)(1 + 2 C_jj))) (Williams 1997)."""
    spread = np.sqrt(1 + 2 * np.diagonal(C, axis1=-2, axis2=-1))
    return 2 / np.pi * np.arcsin(np.clip(2 * C / (spread[..., :, None] * spread[..., None, :]), -1, 1))


def _erf_with_inputs(C: np.ndarray) -> np.ndarray:
    """C_ij E[psi'(z_j)], by Stein's lemma."""
    return C * (2 / np.sqrt(np.pi * (1 + 2 * np.diagonal(C, axis1=-2, axis2=-1))))[..., None, :]


def _erf_slopes_taken(C: np.ndarray, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """psi'(z) = 2/sqrt(pi) e^-z^2 adds 2 to the unit's diagonal entry of C^-1: C' by Woodbury's identity."""
    rows = C[units]  # ..., q, n
    among = C[units[..., :, None], units[..., None, :]]  # ..., q, q
    one = np.eye(units.shape[-1])
    number = (4 / np.pi) ** (units.shape[-1] / 2) / np.sqrt(np.linalg.det(one + 2 * among))
    return number, C - rows.swapaxes(-1, -2) @ np.linalg.solve(one / 2 + among, rows)


def _linear_slopes_taken(C: np.ndarray, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    shape = units.shape[:-1]
    return np.ones(shape), np.broadcast_to(C, (*shape, *C.shape))


MOMENTS = {
    "linear": Moments(lambda C: C, lambda C: C, _linear_slopes_taken),
    "erf": Moments(_erf_products, _erf_with_inputs, _erf_slopes_taken),
}


@dataclass(frozen=True)
class Solution:
    """At each of the times."""

    times: np.ndarray
    Q: np.ndarray  # times x K x K
    R: np.ndarray  # times x K x M
    v: np.ndarray  # times x K
    generalisation_error: np.ndarray  # times


def generalisation_error(Q: np.ndarray, R: np.ndarray, T: np.ndarray, v: np.ndarray, A: np.ndarray, activation: str) -> np.ndarray:
    """E 1/2 (f - y)^2 over new samples without label noise; Q (..., K, K), R (..., K, M) and v (..., K) may be of many times."""
    weights = _error_weights(v, A)
    return np.einsum("...i,...ij,...j", weights, _moments(activation).products(_covariance(Q, R, T)), weights) / 2


def solve(
    Q: np.ndarray,
    R: np.ndarray,
    T: np.ndarray,
    v: np.ndarray,
    A: np.ndarray,
    b: np.ndarray | None,
    rule: str,
    activation: str,
    step_size: float,
    label_noise: float,
    times: np.ndarray,
    output_step_size: float | None = None,
    decay: float = 0,
) -> Solution:
    """The order parameters at `times`, ascending from 0 on, from what they are at time 0.

    Q, R, T           K x K, K x M, M x M
    v, A, b           K, M, K numbers; b is unused by backprop
    rule, activation  backprop or feedback-alignment; linear or erf
    step_size         of W, eta d s^2 of the module's text; output_step_size that of v, eta_v d, by default the same; 0 leaves v as it is
    label_noise       standard deviation of the targets' noise
    times             steps / d
    decay             of v, eta lambda d
    """
    Q, R, T, v, A, times = (np.asarray(value, dtype=float) for value in (Q, R, T, v, A, times))
    width, teacher_width = R.shape
    moments = _moments(activation)
    feedback = _feedback(rule, b, width)
    _check_shapes(Q, T, v, A, R.shape)
    speed = step_size if output_step_size is None else output_step_size
    units = np.arange(width)
    pairs = np.stack(np.broadcast_arrays(units[:, None], units), axis=-1)  # K x K x 2

    def rates(_time: float, state: np.ndarray) -> np.ndarray:
        Q, R, v = _unpacked(state, width, teacher_width)
        C, c = _covariance(Q, R, T), _error_weights(v, A)  # e = c psi(z), z = (lambda, rho) ~ N(0, C)
        sent = v if feedback is None else feedback
        number, narrower = moments.slopes_taken(C, units[:, None])
        drift = number[:, None] * (moments.with_inputs(narrower) @ c)  # K x (K + M): E[psi'(lambda_k) z_j e]
        number, narrower = moments.slopes_taken(C, pairs)
        noise = number * (np.einsum("i,klij,j", c, moments.products(narrower), c) + label_noise**2)  # E[psi'(lambda_k) psi'(lambda_l) e^2]
        moved = sent[:, None] * drift
        dQ = step_size**2 * np.outer(sent, sent) * noise - step_size * (moved[:, :width] + moved[:, :width].T)
        return _packed(dQ, -step_size * moved[:, width:], -speed * (moments.products(C) @ c)[:width] - decay * v)

    states = _integrated(rates, _packed(Q, R, v), times)
    Qs, Rs, vs = _unpacked(states, width, teacher_width)
    return Solution(times, Qs, Rs, vs, generalisation_error(Qs, Rs, T, vs, A, activation))


def _integrated(rates: Callable[[float, np.ndarray], np.ndarray], start: np.ndarray, times: np.ndarray) -> np.ndarray:
    """times x numbers of the state."""
    try:
        from scipy.integrate import solve_ivp
    except ImportError as error:
        raise AnalysisError("the order parameters' equations are not solved (SciPy is not here); pip install scipy") from error
    if times.ndim != 1 or not times.size or times[0] < 0 or (np.diff(times) < 0).any():
        raise AnalysisError(f"times {times.tolist()} are not accepted (they must ascend from 0 on); sort them")

    def room(_time: float, state: np.ndarray) -> float:
        return LARGEST - float(np.abs(state).max())

    room.terminal = True  # type: ignore[attr-defined]
    found = solve_ivp(rates, (0, times[-1]), start, "LSODA", times, events=room, rtol=TOLERANCE, atol=TOLERANCE)
    if found.status != 0:
        raise AnalysisError(
            f"the order parameters of this step size have no solution up to time {times[-1]:g} (they leave every bound at {found.t[-1] if found.t.size else 0:g}); "
            "try a smaller step size, or an earlier time"
        )
    return found.y.T


def _moments(activation: str) -> Moments:
    if activation not in MOMENTS:
        raise AnalysisError(f"activation '{activation}' has no equations of order parameters (its integrals have no closed form here); accepted: {', '.join(MOMENTS)}")
    return MOMENTS[activation]


def _feedback(rule: str, b: np.ndarray | None, width: int) -> np.ndarray | None:
    """What sends the error back, None if v does."""
    if rule not in RULES:
        raise AnalysisError(f"rule '{rule}' has no equations of order parameters; accepted: {', '.join(RULES)}")
    if rule == "backprop":
        return None
    sent = np.array([] if b is None else b, dtype=float)
    if sent.shape != (width,):
        raise AnalysisError(f"feedback b of shape {sent.shape} is not accepted ({width} hidden units need a number each); give b of this shape: ({width},)")
    return sent


def _check_shapes(Q: np.ndarray, T: np.ndarray, v: np.ndarray, A: np.ndarray, shape: tuple[int, ...]) -> None:
    width, teacher_width = shape
    for name, value, wanted in (
        ("Q", Q, (width, width)), ("T", T, (teacher_width, teacher_width)), ("v", v, (width,)), ("A", A, (teacher_width,)),
    ):
        if value.shape != wanted:
            raise AnalysisError(f"{name} of shape {value.shape} is not accepted (R is {width} x {teacher_width}); its shape must be {wanted}")


def _covariance(Q: np.ndarray, R: np.ndarray, T: np.ndarray) -> np.ndarray:
    """Of (lambda, rho), shape (..., K + M, K + M)."""
    return np.block([[Q, R], [R.swapaxes(-1, -2), np.broadcast_to(T, (*R.shape[:-2], *T.shape))]])


def _error_weights(v: np.ndarray, A: np.ndarray) -> np.ndarray:
    """(v, -A), shape (..., K + M)."""
    return np.concatenate([v, np.broadcast_to(-A, (*v.shape[:-1], *A.shape))], axis=-1)


def _packed(Q: np.ndarray, R: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.concatenate([Q.ravel(), R.ravel(), v])


def _unpacked(states: np.ndarray, width: int, teacher_width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    Q, R, v = np.split(states, [width**2, width**2 + width * teacher_width], axis=-1)
    leading = states.shape[:-1]
    return Q.reshape(*leading, width, width), R.reshape(*leading, width, teacher_width), v

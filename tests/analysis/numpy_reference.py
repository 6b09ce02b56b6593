"""The model of fasweep a second time, in plain numpy and float64, so that the program is not its own oracle.

Random numbers: Philox4x32-10 (Salmon et al. 2011) and Box-Muller. Training: Song, Xu and Lafferty 2021, eq. 2.3 and
4.1, in weight space, one step at a time. Knows the program only through its files and the paper.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# The order of enum Purpose in src/model/random.hpp: part of what the streams are.
PURPOSES = (
    "inputs",
    "label_noise",
    "teacher_hidden",
    "teacher_output",
    "hidden_weight",
    "output_weight",
    "feedback",
    "test_inputs",
    "batches",
    "masks",
    "samples_of_ranges",
    "checked_runs",
    "split",
    "feedback_of_steps",
    "mirror_noise",
    "inverse_noise",
    "hidden_bias",
    "output_bias",
    "fresh_inputs",
    "fresh_noise",
)

Function = Callable[[np.ndarray], np.ndarray]
erf: Function = np.vectorize(math.erf, otypes=[float])


def normal(z: np.ndarray) -> np.ndarray:
    """The normal distribution function."""
    return np.vectorize(math.erfc, otypes=[float])(-z / np.sqrt(2)) / 2


# psi, and psi' as a function of z.
ACTIVATIONS: dict[str, tuple[Function, Function]] = {
    "linear": (lambda z: z, np.ones_like),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
    "tanh": (np.tanh, lambda z: 1 / np.cosh(z) ** 2),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
    "softplus": (lambda z: np.logaddexp(0, z), lambda z: 1 / (1 + np.exp(-z))),
    "gelu": (lambda z: z * normal(z), lambda z: normal(z) + z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)),
    "erf": (erf, lambda z: 2 / np.sqrt(np.pi) * np.exp(-(z**2))),
}


@dataclass(frozen=True)
class Rule:
    feedback: Callable[[np.ndarray, np.ndarray], np.ndarray] = lambda b, beta: b
    teaching: Callable[[np.ndarray, np.ndarray], np.ndarray] = lambda e, y: e
    learns_feedback: bool = False  # by beta's update
    redraws_feedback: bool = False  # for every step
    hebbian: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None  # of e and h, in place of what comes back
    is_centred: bool = False
    decays_itself: bool = False
    adapts_feedback: bool = False
    mirrors: bool = False  # b learns from noise


MIRROR_STEP_SIZE = 0.001  # the default, with decay 1 and one sample

RULES = {
    "feedback-alignment": Rule(),
    "backprop": Rule(feedback=lambda b, beta: beta),
    "kolen-pollack": Rule(learns_feedback=True),
    "drtp": Rule(teaching=lambda e, y: -y),
    "dfa": Rule(),
    "shallow": Rule(feedback=lambda b, beta: np.zeros_like(b)),
    "sign-symmetry": Rule(feedback=lambda b, beta: np.sign(beta)),
    "sign-symmetry-fixed": Rule(feedback=lambda b, beta: np.abs(b) * np.sign(beta)),
    "sign-symmetry-redrawn": Rule(feedback=lambda b, beta: np.abs(b) * np.sign(beta), redraws_feedback=True),
    "error-modulated-hebb": Rule(teaching=lambda e, y: 0 * e, hebbian=lambda e, h: (h.T * e**2).T),
    "oja": Rule(teaching=lambda e, y: 0 * e, hebbian=lambda e, h: h, decays_itself=True),
    "sejnowski-tesauro": Rule(teaching=lambda e, y: 0 * e, hebbian=lambda e, h: h, is_centred=True),
    "hebbian-feedback": Rule(adapts_feedback=True),
    "sdfa": Rule(teaching=lambda e, y: np.sign(e)),
    "weight-mirror": Rule(mirrors=True),
}


def philox(counters: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """Philox4x32-10 of each row of counters (count x 4 words of 32 bits, held in uint64)."""
    word = np.uint64(0xFFFFFFFF)
    shift = np.uint64(32)
    c0, c1, c2, c3 = counters.astype(np.uint64).T
    k0, k1 = key
    for _ in range(10):
        product0 = np.uint64(0xD2511F53) * c0
        product1 = np.uint64(0xCD9E8D57) * c2
        c0, c1, c2, c3 = (
            (product1 >> shift) ^ c1 ^ np.uint64(k0),
            product1 & word,
            (product0 >> shift) ^ c3 ^ np.uint64(k1),
            product0 & word,
        )
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return np.stack([c0, c1, c2, c3], axis=1)


def pairs_of_uniforms(
    seed: int, width: int, purpose: str, count: int, first_pair: int, layer: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Of `count` numbers of a stream: pair k comes from counter (k low, k high, width, purpose + 2^16 layer)."""
    tag = PURPOSES.index(purpose) + (layer << 16)
    pairs = np.arange(first_pair, first_pair + (count + 1) // 2, dtype=np.uint64)
    words = pairs % 2**32, pairs >> np.uint64(32), *(np.full_like(pairs, w) for w in (width, tag))
    counters = np.stack(words, axis=1)
    bits = philox(counters, (seed % 2**32, seed >> 32))
    u, v = (
        ((high << np.uint64(32) | low) >> np.uint64(11)).astype(float) * 2.0**-53 + 2.0**-54
        for low, high in (bits[:, :2].T, bits[:, 2:].T)
    )
    return u, v


def uniforms(seed: int, width: int, purpose: str, count: int, first_pair: int = 0) -> np.ndarray:
    return np.stack(pairs_of_uniforms(seed, width, purpose, count, first_pair), axis=1).ravel()[:count]


def normals(seed: int, width: int, purpose: str, count: int, first_pair: int = 0, layer: int = 0) -> np.ndarray:
    u, v = pairs_of_uniforms(seed, width, purpose, count, first_pair, layer)
    radius = np.sqrt(-2 * np.log(u))
    return np.stack([radius * np.cos(2 * np.pi * v), radius * np.sin(2 * np.pi * v)], axis=1).ravel()[:count]


@dataclass(frozen=True)
class Draw:
    """Where a matrix's numbers come from, and the fans of its layer."""

    seed: int
    width: int
    purpose: str
    rows: int
    columns: int
    fan_in: int
    fan_out: int

    def of(self, kind: Callable[..., np.ndarray], rows: int = 0, columns: int = 0, first_pair: int = 0) -> np.ndarray:
        rows, columns = rows or self.rows, columns or self.columns
        return kind(self.seed, self.width, self.purpose, rows * columns, first_pair).reshape(rows, columns)


SECOND = 2**61  # the pair where the second numbers of a law begin


def spread(draw: Draw, variance: float) -> np.ndarray:
    """Uniform about 0, of this variance."""
    return np.sqrt(3 * variance) * (2 * draw.of(uniforms) - 1)


def sparse(draw: Draw, q: float, deviation: float) -> np.ndarray:
    return np.where(draw.of(uniforms, first_pair=SECOND) < q, 0, deviation * draw.of(normals))


def low_rank(draw: Draw, r: float, deviation: float) -> np.ndarray:
    rank = min(int(r), draw.rows, draw.columns)
    return deviation / np.sqrt(rank) * draw.of(normals, columns=rank) @ draw.of(normals, rows=rank, first_pair=SECOND)


def orthogonal(draw: Draw, gain: float) -> np.ndarray:
    """The Q of a tall Gaussian matrix whose R has a positive diagonal, on its side if need be."""
    short = min(draw.rows, draw.columns)
    q, r = np.linalg.qr(draw.of(normals, max(draw.rows, draw.columns), short))
    tall = gain * q * np.sign(np.diag(r))
    return tall if draw.rows >= draw.columns else tall.T


# By name; the numbers that a job writes come after the draw.
LAWS: dict[str, Callable[..., np.ndarray]] = {
    "gaussian": lambda draw: draw.of(normals),
    "gaussian-scaled": lambda draw: draw.of(normals) / np.sqrt(draw.fan_in),
    "normal": lambda draw, deviation: deviation * draw.of(normals),
    "uniform": lambda draw, most: spread(draw, most**2 / 3),
    "glorot-normal": lambda draw, gain: gain * np.sqrt(2 / (draw.fan_in + draw.fan_out)) * draw.of(normals),
    "glorot-uniform": lambda draw, gain: spread(draw, gain**2 * 2 / (draw.fan_in + draw.fan_out)),
    "he-normal": lambda draw, gain: gain * np.sqrt(2 / draw.fan_in) * draw.of(normals),
    "he-uniform": lambda draw, gain: spread(draw, gain**2 * 2 / draw.fan_in),
    "zero": lambda draw: np.zeros((draw.rows, draw.columns)),
    "orthogonal": orthogonal,
    "sparse": sparse,
    "low-rank": low_rank,
    "positive": lambda draw, deviation: np.abs(deviation * draw.of(normals)),
}


def draw_weights(law: str, draw: Draw) -> np.ndarray:
    """law: as a job has it, sparse(0.5, 1)."""
    name, _, numbers = law.rstrip(")").partition("(")
    return LAWS[name](draw, *(float(number) for number in numbers.split(",") if number))


@dataclass(frozen=True)
class Problem:
    x: np.ndarray  # training samples, then test samples x inputs
    y: np.ndarray
    samples: int
    hidden_weight: np.ndarray  # W(0): width x inputs
    output_weight: np.ndarray  # beta(0)
    feedback: np.ndarray  # b
    seed: int


def make_problem(
    seed: int, width: int, activation: str, n: int, d: int, test_n: int, laws: Sequence[str] = ("gaussian",) * 3
) -> Problem:
    """Inputs N(0, 1), a teacher as wide as the student, no label noise. laws: of W(0), beta(0) and b."""
    x = np.concatenate([normals(seed, width, "inputs", n * d), normals(seed, width, "test_inputs", test_n * d)])
    x = x.reshape(-1, d)
    stride = d + d % 2  # each unit of the teacher starts a pair
    teacher = normals(seed, width, "teacher_hidden", width * stride).reshape(width, stride)[:, :d]
    psi, _ = ACTIVATIONS[activation]
    y = psi(x @ teacher.T) @ normals(seed, width, "teacher_output", width) / np.sqrt(width)
    return Problem(
        x=x,
        y=y,
        samples=n,
        hidden_weight=draw_weights(laws[0], Draw(seed, width, "hidden_weight", width, d, d, width)),
        output_weight=draw_weights(laws[1], Draw(seed, width, "output_weight", width, 1, width, 1)).ravel(),
        feedback=draw_weights(laws[2], Draw(seed, width, "feedback", width, 1, 1, width)).ravel(),
        seed=seed,
    )


def kernels(
    problem: Problem, psi: Function, derivative: Function, w: np.ndarray, beta: np.ndarray, b: np.ndarray
) -> dict[str, Any]:
    """Metrics of the kernels G and H of Section 3."""
    n, p = problem.samples, len(beta)
    x, y = problem.x[:n], problem.y[:n]

    def make(w: np.ndarray, beta: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        h, slope = psi(x @ w.T), derivative(x @ w.T)
        h_fa, h_bp = (x @ x.T * (slope * v * beta @ slope.T) / p for v in (b, beta))
        return h @ h.T / p, h_fa, h_bp

    g, h_fa, h_bp = make(w, beta, b)
    g0, h_fa0, _ = make(problem.hidden_weight, problem.output_weight, problem.feedback)
    tangent = g + h_bp
    z = x @ w.T
    return {
        "outputs": psi(z) @ beta / np.sqrt(p),
        "kernel_eigenvalues": np.linalg.eigvalsh(g),
        "feedback_kernel_eigenvalues": np.linalg.eigvalsh(g + h_fa),
        "tangent_kernel_eigenvalues": np.linalg.eigvalsh(tangent),
        "sharpness": np.linalg.norm(tangent, 2),  # positive semidefinite
        "feedback_kernel_norm": np.linalg.norm(h_fa, 2),
        "kernel_change": np.linalg.norm(g - g0, 2),
        "feedback_kernel_change": np.linalg.norm(h_fa - h_fa0, 2),
        "feedback_kernel_target_alignment": y @ (g + h_fa) @ y / (np.linalg.norm(g + h_fa) * (y @ y)),
        "tangent_kernel_target_alignment": y @ tangent @ y / (np.linalg.norm(tangent) * (y @ y)),
        "tangent_kernel_effective_rank": np.trace(tangent) ** 2 / np.sum(tangent**2),
        "pre_activation_effective_rank": np.sum(z**2) ** 2 / np.sum((z @ z.T) ** 2),
        "dead_units": np.mean(np.all(derivative(z) == 0, axis=0)),
    }


@functools.cache
def expected_kernel(inputs: bytes, samples: int, activation: str) -> np.ndarray:
    """E psi(u) psi(v) over W(0): a sum over a fine grid of two normal numbers, or what is known for a psi with a kink."""
    x = np.frombuffer(inputs).reshape(samples, -1)
    c = x @ x.T
    deviation = np.sqrt(np.diag(c))
    rho = np.clip(c / np.outer(deviation, deviation), -1, 1)
    if activation == "linear":
        return c
    if activation == "relu":  # Cho, Saul 2009
        angle = np.arccos(rho)
        return np.outer(deviation, deviation) * (np.sin(angle) + (np.pi - angle) * rho) / (2 * np.pi)
    psi, _ = ACTIVATIONS[activation]
    grid = np.linspace(-8.5, 8.5, 205)
    weight = np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi) * (grid[1] - grid[0])
    kernel = np.empty_like(c)
    for i in range(samples):
        for j in range(i + 1):
            second = rho[i, j] * grid[:, np.newaxis] + np.sqrt(1 - rho[i, j] ** 2) * grid
            kernel[i, j] = kernel[j, i] = weight * psi(deviation[i] * grid) @ psi(deviation[j] * second) @ weight
    return kernel


def train(
    problem: Problem, activation: str, rule: str, ridge: float, step_size: float, steps: int
) -> dict[str, np.ndarray]:
    """Every metric at steps 0, 1, ... `steps`."""
    psi, derivative = ACTIVATIONS[activation]
    way_back = RULES[rule]
    w, beta, b = problem.hidden_weight, problem.output_weight, problem.feedback
    n, root = problem.samples, np.sqrt(len(beta))
    x = problem.x[:n]
    gram, expected = x @ x.T, expected_kernel(x.tobytes(), n, activation)
    eigenvalues, inputs = np.linalg.eigvalsh(expected), np.linalg.eigvalsh(gram)
    constant = {
        "expected_kernel_min_eigenvalue": eigenvalues[0],
        "expected_kernel_max_eigenvalue": eigenvalues[-1],
        "input_min_eigenvalue": inputs[max(n - x.shape[1], 0)],
        "input_max_eigenvalue": inputs[-1],
        "target_norm": np.linalg.norm(problem.y[:n]),
    }
    y = problem.y[:n]
    start = psi(x @ w.T) @ beta / root - y
    error_teaches = np.array_equal(way_back.teaching(start, y), start)
    lazy = infinite = start if error_teaches else start * np.nan
    h0, slope0 = psi(x @ w.T), derivative(x @ w.T)
    first_kernel = h0 @ h0.T / root**2
    sent_back = way_back.feedback(b, beta)
    if np.any(sent_back != b) and np.any(sent_back):  # H does not vanish in wide networks
        first_kernel = first_kernel + gram * (slope0 * sent_back * beta @ slope0.T) / root**2
        infinite = infinite * np.nan
    squares = ridge_dot = 0.0
    slowest = np.nan
    rows = []
    for step in range(steps + 1):
        if way_back.redraws_feedback and step > 0:
            pairs = (len(b) + 1) // 2  # of a step
            b = normals(problem.seed, len(b), "feedback_of_steps", len(b), step * pairs)
        z = problem.x @ w.T
        error = psi(z) @ beta / root - problem.y
        e, h, slope = error[:n], psi(z[:n]), derivative(z[:n])
        signals = np.outer(way_back.teaching(e, problem.y[:n]), way_back.feedback(b, beta)), np.outer(e, beta)
        gradient, backprop_gradient = ((signal * slope).T @ x / root for signal in signals)
        if way_back.hebbian is not None:
            active = way_back.hebbian(e, h)
            active = active - active.mean(axis=0) if way_back.is_centred else active
            gradient = -active.T @ x / root
        if way_back.decays_itself:
            gradient = gradient + (np.sum(h**2, axis=0) * w.T).T / root
        row = metrics(problem, w, beta, b, error, ridge) | kernels(problem, psi, derivative, w, beta, b)
        row |= constant | {
            "gradient_alignment": cosine(gradient, backprop_gradient),
            "expected_kernel_distance": np.linalg.norm(h @ h.T / root**2 - expected, 2),
            "alignment_terms": terms(problem, rule, w, beta, b, squares, ridge_dot),
            "lazy_deviation": np.linalg.norm(e - lazy) / np.linalg.norm(start),
            "infinite_width_deviation": np.linalg.norm(e - infinite) / np.linalg.norm(start),
            "slowest_contraction": slowest,
        }
        lazy, infinite = (
            (1 - step_size * ridge) * error - step_size * kernel @ error - step_size * ridge * y
            for error, kernel in ((lazy, first_kernel), (infinite, expected))
        )
        kernel = h @ h.T + gram * (slope * way_back.feedback(b, beta) * beta @ slope.T)
        first = (1 - step_size * ridge) * e - step_size * kernel @ e / root**2 - step_size * ridge * y
        squares += np.sum((step_size * gradient) ** 2)
        ridge_dot += step_size * ridge * b @ beta
        w = w - step_size * gradient
        beta, b = (
            (1 - step_size * ridge) * weight - step_size * h.T @ e / root if learns else weight
            for weight, learns in ((beta, True), (b, way_back.learns_feedback))
        )
        if way_back.adapts_feedback:
            f = e + y
            b = b + step_size / root * (h.T @ f - f @ f * b)
        if way_back.mirrors:
            pairs = (len(b) + 1) // 2  # of a step
            noise = normals(problem.seed, len(b), "mirror_noise", len(b), step * pairs)
            b = b + MIRROR_STEP_SIZE * (noise * (noise @ beta) - b)
        after = psi(x @ w.T) @ beta / root - y
        row["first_order_error"] = np.linalg.norm(after - first) / np.linalg.norm(after - e) if error_teaches else np.nan
        decay = step_size * ridge
        most = (1 - decay) * np.linalg.norm(e) + decay * np.linalg.norm(y)
        slowest = np.fmin(slowest, (most - np.linalg.norm(after)) / (step_size * np.linalg.norm(e)))
        rows.append(row)
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def terms(
    problem: Problem, rule: str, w: np.ndarray, beta: np.ndarray, b: np.ndarray, squares: float, ridge_dot: float
) -> np.ndarray:
    """Of the exact law: those of beta(0), growth, steps and ridge, and what they leave of <b, beta>."""
    if rule not in ("feedback-alignment", "dfa"):
        return np.full(5, np.nan)
    growth = np.sum(w**2) - np.sum(problem.hidden_weight**2)
    known = np.array([b @ problem.output_weight, growth / 2, -squares / 2, -ridge_dot])
    return np.append(known, b @ beta - known.sum()) / np.linalg.norm(b) / np.linalg.norm(beta)


def metrics(
    problem: Problem, w: np.ndarray, beta: np.ndarray, b: np.ndarray, error: np.ndarray, ridge: float
) -> dict[str, float | np.floating]:
    train_error, test_error = np.split(error, [problem.samples])
    change = w - problem.hidden_weight
    loss = train_error @ train_error / 2
    return {
        "loss": loss,
        "regularized_loss": loss + ridge * beta @ beta / 2,
        "error_norm": np.linalg.norm(train_error),
        "alignment": cosine(b, beta),
        "output_norm": np.linalg.norm(beta),
        "hidden_change": np.linalg.norm(change),
        "max_output_change": np.abs(beta - problem.output_weight).max(),
        "max_hidden_change": np.linalg.norm(change, axis=1).max(),
        "feedback_norm_ratio": np.linalg.norm(b) / np.linalg.norm(beta),
        "test_loss": test_error @ test_error / 2,
    }


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    with np.errstate(invalid="ignore"):  # not a number where one of them is 0
        return float(np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b))

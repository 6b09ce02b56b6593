"""Two-layer networks that learn a two-layer teacher, one fresh sample a step, in plain numpy: the oracle of order parameters."""

from __future__ import annotations

from collections.abc import Callable
from math import erf
from typing import Any

import numpy as np

PSI: dict[str, Callable[[np.ndarray], np.ndarray]] = {"linear": lambda z: z, "erf": np.vectorize(erf)}
SLOPE: dict[str, Callable[[np.ndarray], np.ndarray]] = {"linear": np.ones_like, "erf": lambda z: 2 / np.sqrt(np.pi) * np.exp(-(z**2))}


def some_covariance(size: int, seed: int) -> np.ndarray:
    """Of variances about 1, as those of networks are."""
    factor = np.random.default_rng(seed).normal(size=(size, size)) / np.sqrt(size)
    return factor @ factor.T + 0.1 * np.eye(size)


def some_start(width: int, teacher_width: int, seed: int) -> dict[str, Any]:
    C = some_covariance(width + teacher_width, seed)
    random = np.random.default_rng(seed + 100)
    return {
        "Q": C[:width, :width], "R": C[:width, width:], "T": C[width:, width:], "v": random.normal(size=width), "A": random.normal(size=teacher_width),
        "b": random.normal(size=width),
    }


def simulated(
    start: dict[str, Any], rule: str, activation: str, step_size: float, label_noise: float, inputs: int, times: np.ndarray, seeds: int,
    decay: float = 0,
) -> dict[str, np.ndarray]:
    """Networks that take one sample a step: seeds x times x ... of Q, R, v. x ~ N(0, 1), so that Q = W W^T and eta = step size / d."""
    Q, R, T, A, b = (start[name] for name in ("Q", "R", "T", "A", "b"))
    width, random = len(Q), np.random.default_rng(11)
    factor = np.linalg.cholesky(np.block([[Q, R], [R.T, T]]))
    weights = np.stack([factor @ np.linalg.qr(random.normal(size=(inputs, len(factor))))[0].T for _ in range(seeds)])
    W, W0 = weights[:, :width].copy(), weights[:, width:]
    v, eta = np.tile(start["v"], (seeds, 1)), step_size / inputs
    recorded: dict[str, list[np.ndarray]] = {"Q": [], "R": [], "v": []}
    records = np.rint(times * inputs).astype(int).tolist()
    for step in range(records[-1] + 1):
        if step in records:
            for name, value in (("Q", W @ W.swapaxes(1, 2)), ("R", W @ W0.swapaxes(1, 2)), ("v", v.copy())):
                recorded[name].append(value)
        x = random.normal(size=(seeds, inputs))
        z = (W @ x[:, :, None])[:, :, 0]
        psi = PSI[activation](z)
        y = PSI[activation]((W0 @ x[:, :, None])[:, :, 0]) @ A + label_noise * random.normal(size=seeds)
        error = np.sum(v * psi, axis=1) - y
        signal = error[:, None] * (v if rule == "backprop" else b) * SLOPE[activation](z)
        W -= eta * signal[:, :, None] * x[:, None]
        v = (1 - decay / inputs) * v - eta * error[:, None] * psi
    return {name: np.stack(values, axis=1) for name, values in recorded.items()}

"""Training on fresh samples and its order parameters against a second implementation in numpy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy_reference import ACTIVATIONS, cosine, normals, uniforms

D, P, M, N, BATCH, STEPS, STEP_SIZE, NOISE = 5, 3, 2, 4, 3, 60, 0.2, 0.3
STRIDE = D + D % 2  # each sample, and each unit of the teacher, begins a pair of normals
OVERLAPS = "student_teacher_overlaps, student_overlaps, teacher_overlaps, student_output_weights, student_feedback_weights, teacher_output_weights"

JOB = f"""
[grid]
p = {P}
activation = erf
rule = feedback-alignment, backprop
seed = 0, 5000000000
[data]
samples = fresh
teacher = {{teacher}}
{{width}}
n = {N}
d = {D}
test-n = 2
inputs = gaussian-scaled
label-noise = {NOISE}
[training]
batch-size = {BATCH}
max-steps = {STEPS}
step-size = {STEP_SIZE}
output-scale = one
output-step-factor = 2 / d
precision = float64
[record]
steps = every(1)
metrics = loss, test_loss, batch_loss, alignment, output_norm, hidden_change, {{overlaps}}
"""


def rows(seed: int, width: int, purpose: str, first: int, count: int, columns: int) -> np.ndarray:
    """Of a stream in which each begins a pair."""
    stride = columns + columns % 2
    return normals(seed, width, purpose, count * stride, first * stride // 2).reshape(count, stride)[:, :columns]


def trained(seed: int, rule: str, teacher: str) -> dict[str, np.ndarray]:
    psi, derivative = ACTIVATIONS["erf"]
    width = 0 if teacher == "linear" else M
    w0 = rows(seed, width, "teacher_hidden", 0, M, D)
    a = {"network": normals(seed, width, "teacher_output", M) / np.sqrt(M), "committee": np.full(M, 0.7)}.get(teacher)
    linear = 2 * uniforms(seed, 0, "teacher_hidden", D) - 1

    def targets(x: np.ndarray) -> np.ndarray:
        return x @ linear if a is None else psi(x @ w0.T) @ a

    fixed = np.concatenate([normals(seed, width, "inputs", N * D), normals(seed, width, "test_inputs", 2 * D)]).reshape(-1, D) / np.sqrt(D)
    noise = np.append(normals(seed, width, "label_noise", N), [0, 0])
    w = w_start = normals(seed, P, "hidden_weight", P * D).reshape(P, D)
    beta, b = normals(seed, P, "output_weight", P), normals(seed, P, "feedback", P)
    steps = []
    for step in range(STEPS + 1):
        x = rows(seed, width, "fresh_inputs", step * BATCH, BATCH, D) / np.sqrt(D)
        y = targets(x) + NOISE * rows(seed, width, "fresh_noise", step * BATCH, BATCH, 1)[:, 0]
        z = x @ w.T
        error = psi(z) @ beta - y
        still = psi(fixed @ w.T) @ beta - targets(fixed) - NOISE * noise
        steps.append(
            {
                "loss": still[:N] @ still[:N] / 2,
                "test_loss": still[N:] @ still[N:] / 2,
                "batch_loss": error @ error / 2,
                "alignment": cosine(b, beta),
                "output_norm": np.linalg.norm(beta),
                "hidden_change": np.linalg.norm(w - w_start),
                "student_teacher_overlaps": (w @ w0.T / D).ravel(),
                "student_overlaps": (w @ w.T / D).ravel(),
                "teacher_overlaps": (w0 @ w0.T / D).ravel(),
                "student_output_weights": beta,
                "student_feedback_weights": b,
                "teacher_output_weights": a,
            }
        )
        v = b if rule == "feedback-alignment" else beta
        w, beta = (
            w - STEP_SIZE * (np.outer(error, v) * derivative(z)).T @ x,
            beta - 2 / D * STEP_SIZE * psi(z).T @ error,
        )
    return {name: np.array([row[name] for row in steps]) for name in steps[0]}


@pytest.mark.parametrize("teacher", ["network", "committee", "linear"])
def test_every_trajectory_is_that_of_numpy(make_file: Callable[..., Path], teacher: str):
    law = {"committee": "committee(0.7)", "linear": "linear(1)"}.get(teacher, teacher)
    has_units = teacher != "linear"
    text = JOB.format(teacher=law, width=f"teacher-width = {M}" if has_units else "", overlaps=OVERLAPS if has_units else "batch_loss")
    with h5py.File(make_file(teacher, text if has_units else text.replace(", batch_loss\n", "\n"))) as file:
        rules = file["rule"].asstr()[...]
        metrics = ("loss", "test_loss", "batch_loss", "alignment", "output_norm", "hidden_change", *(OVERLAPS.split(", ") if has_units else ()))
        for run, (seed, rule) in enumerate(zip(file["seed"][...], rules)):
            expected = trained(int(seed), rule, teacher)
            for name in metrics:
                # Rounding of 1e-16 a step; small numbers are differences of larger ones.
                np.testing.assert_allclose(file[name][run], expected[name], rtol=1e-10, atol=1e-12, err_msg=f"{name} {rule} seed={seed}")

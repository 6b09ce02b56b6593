"""Networks of one to three hidden layers against numpy: decay of a list of layers, and target propagation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from numpy_reference import ACTIVATIONS, make_problem, normals

SAMPLES, INPUTS, TEST_SAMPLES, STEPS, ETA, RIDGE = 11, 7, 4, 50, 1e-2, 0.4
TARGET_STEP, INVERSE_STEP, NOISE = 0.5, 0.05, 0.2
DECAYS = {  # depth: what decays, 0 the outputs
    1: ("layers(1)", {1}),
    2: ("layers(2, output)", {0, 2}),
    3: ("layers(1, 3)", {1, 3}),
}
JOB = f"""
[grid]
p = 5, 16
lambda = {RIDGE}
activation = tanh, softplus
rule = feedback-alignment, backprop, kolen-pollack, difference-target-propagation, simplified-difference-target-propagation
seed = 3
depth = {", ".join(map(str, DECAYS))}
zip = depth, decay
[data]
n = {SAMPLES}
d = {INPUTS}
test-n = {TEST_SAMPLES}
[training]
step-size = {ETA}
decay = {", ".join(text for text, _ in DECAYS.values())}
biases = yes
target-step-size = {TARGET_STEP}
inverse-step-size = {INVERSE_STEP}
inverse-noise = {NOISE}
inverse-updates = parallel, alternating
max-steps = {STEPS}
precision = float64
[record]
steps = every(1)
metrics = loss, regularized_loss, test_loss, output_norm, hidden_change
"""


def train(p: int, activation: str, rule: str, depth: int, alternates: bool) -> dict[str, np.ndarray]:
    """Every metric at steps 0, 1, ...; columns are units, rows samples."""
    psi, derivative = ACTIVATIONS[activation]
    problem = make_problem(3, p, activation, SAMPLES, INPUTS, TEST_SAMPLES)
    s, n, decays = 1 / np.sqrt(p), SAMPLES, DECAYS[depth][1]
    w = [problem.hidden_weight] + [normals(3, p, "hidden_weight", p * p, layer=l).reshape(p, p) for l in range(1, depth)]
    # Of layer l + 1, units x units below; the last that of the outputs.
    back = [normals(3, p, "feedback", p * p, layer=l).reshape(p, p) for l in range(1, depth)] + [problem.feedback[np.newaxis]]
    w.append(problem.output_weight[np.newaxis])
    start = [weight.copy() for weight in w]
    bias = [np.zeros(len(weight)) for weight in w]
    inverse_bias = [np.zeros(p) for _ in range(depth)]
    propagates, simplified = "target-propagation" in rule, rule.startswith("simplified")

    def layer(l: int, below: np.ndarray) -> np.ndarray:
        """Z of layer l, 0 the first, depth the outputs."""
        return (1 if l == 0 else s) * below @ w[l].T + bias[l]

    def inverse(l: int, above: np.ndarray) -> np.ndarray:
        return s * above @ back[l] + inverse_bias[l]

    def learn_inverses(h: list[np.ndarray], step: int) -> None:
        for l in range(depth if simplified else depth - 1):
            noise = normals(3, p, "inverse_noise", n * p, step * ((n * p + 1) // 2), layer=l).reshape(n, p)
            noisy = h[l] + NOISE * noise
            above = layer(l + 1, noisy)
            above = above if l + 1 == depth else psi(above)
            a = inverse(l, above)
            wrong = (psi(a) - noisy) * derivative(a) / n
            back[l] = back[l] - INVERSE_STEP * s * above.T @ wrong
            inverse_bias[l] = inverse_bias[l] - INVERSE_STEP * wrong.sum(axis=0)

    rows = []
    for step in range(STEPS + 1):
        z, h = [], [problem.x]  # of all samples
        for l in range(depth + 1):
            z.append(layer(l, h[-1]))
            h.append(psi(z[-1]))
        f = z.pop()[:, 0]
        error = f - problem.y
        loss = error[:n] @ error[:n] / 2
        squares = [np.sum(weight**2) for weight in w]
        rows.append({
            "loss": loss,
            "regularized_loss": loss + RIDGE / 2 * sum(squares[l - 1] for l in decays),
            "test_loss": error[n:] @ error[n:] / 2,
            "output_norm": np.sqrt(squares[-1]),
            "hidden_change": np.sqrt(sum(np.sum((a - b) ** 2) for a, b in zip(w[:-1], start))),
        })
        x, h, z, e = problem.x[:n], [layer[:n] for layer in h[1:-1]], [layer[:n] for layer in z], error[:n, np.newaxis]
        if propagates and alternates:
            learn_inverses(h, step)
        deltas = [e]
        away = TARGET_STEP * e
        for l in reversed(range(depth)):
            if not propagates:
                v = w[l + 1] if rule == "backprop" else back[l]
                deltas.insert(0, s * deltas[0] @ v * derivative(z[l]))
                continue
            if l + 1 == depth and not simplified:
                away = s * away @ w[depth]
            else:
                above = f[:n, np.newaxis] if l + 1 == depth else h[l + 1]
                away = psi(inverse(l, above)) - psi(inverse(l, above - away))
            deltas.insert(0, away / TARGET_STEP * derivative(z[l]))
        if propagates and not alternates:
            learn_inverses(h, step)
        for l, delta in enumerate(deltas):
            gradient = delta.T @ (x if l == 0 else s * h[l - 1])
            kept = 1 - ETA * RIDGE if (l + 1) % (depth + 1) in decays else 1
            w[l] = kept * w[l] - ETA * gradient
            if rule == "kolen-pollack" and l > 0:
                back[l - 1] = kept * back[l - 1] - ETA * gradient
            bias[l] = bias[l] - ETA * delta.sum(axis=0)
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def test_every_trajectory_is_that_of_numpy(make_file: Callable[..., Path]):
    with h5py.File(make_file("layers", JOB)) as file:
        texts = {name: file[name].asstr()[...] for name in ("activation", "rule", "decay", "inverse_updates")}
        for run, (p, depth) in enumerate(zip(file["p"][...], file["depth"][...])):
            activation, rule, decay, updates = (texts[name][run] for name in texts)
            assert decay == DECAYS[int(depth)][0]
            ours = train(int(p), activation, rule, int(depth), updates == "alternating")
            for name, values in ours.items():
                # Rounding of 1e-16 a step in float64, which training neither grows nor forgets.
                np.testing.assert_allclose(
                    file[name][run], values, rtol=1e-10, atol=1e-10, err_msg=f"{name} of {p} {activation} {rule} {depth} {updates}"
                )
        assert run == 2 * 2 * 5 * 3 * 2 - 1

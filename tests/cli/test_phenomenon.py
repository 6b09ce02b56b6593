"""The paper's two findings, from a sweep of a few seconds: without ridge, alignment of beta with b vanishes as the network gets
wider; with ridge, at a fixed eta * lambda * t, it stays (Song, Xu, Lafferty 2021, sections 4 and 5)."""

from __future__ import annotations

import h5py
import numpy as np
from conftest import Fasweep

JOB = """
[grid]
p = 50*4^0..3
lambda = {ridge}
activation = relu
seed = 0..15
[data]
n = 20
d = 40
[training]
step-size = 3e-3
max-steps = {steps}
stop = {stop}
[record]
metrics = alignment, loss
steps = log(20)
"""


def mean_alignment(fasweep: Fasweep, name: str, **settings: object) -> tuple[np.ndarray, np.ndarray]:
    """Mean final alignment, and its standard error, for each width."""
    fasweep.run("run", fasweep.job(JOB.format(**settings), f"{name}.cfg"), "-o", f"{name}.h5")
    with h5py.File(fasweep.folder / f"{name}.h5") as file:
        assert (file["status"].asstr()[...] == "done").all()
        width, alignment = file["p"][...], file["final_alignment"][...]
    groups = [alignment[width == p] for p in np.unique(width)]
    return np.array([g.mean() for g in groups]), np.array([g.std(ddof=1) / len(g) ** 0.5 for g in groups])


def test_without_ridge_alignment_vanishes_with_width(fasweep: Fasweep):
    mean, error = mean_alignment(fasweep, "plain", ridge=0, steps=2000, stop="never")
    assert (np.diff(mean) < 0).all(), mean
    assert mean[0] - mean[-1] > 4 * np.hypot(error[0], error[-1])  # four standard errors
    assert abs(mean[-1]) < 0.1


def test_with_ridge_alignment_stays(fasweep: Fasweep):
    mean, error = mean_alignment(fasweep, "ridge", ridge=1, steps=10000, stop="ridge-time(4)")
    assert (mean - 4 * error > 0.2).all(), (mean, error)  # away from zero at every width


def test_at_fixed_richness_alignment_stays_without_ridge(fasweep: Fasweep):
    def slope(richness: str) -> float:
        """Of the log of the mean alignment in log p, between p = 25 and 400."""
        text = JOB.format(ridge=0, steps=1500, stop="never").replace("50*4^0..3", "25, 100, 400")
        text = text.replace("d = 40", "d = 40\ninputs = gaussian-scaled\nteacher-width = 500")
        text = text.replace("step-size = 3e-3", f"step-size = 0.05\nrichness = {richness}").replace("0..15", "0..31")
        fasweep.run("run", fasweep.job(text, f"{richness}.cfg"), "-o", f"{richness}.h5")
        with h5py.File(fasweep.folder / f"{richness}.h5") as file:
            width, change = file["p"][...], file["final_alignment"][...] - file["alignment"][:, 0]
        means = [change[width == p].mean() for p in np.unique(width)]
        return np.polyfit(np.log(np.unique(width)), np.log(means), 1)[0]

    # What training adds to the alignment, paired by the draw of beta(0) and b: of order 1/p to 1/sqrt(p) in the paper's network, of
    # order 1 in a rich one. A standard error of the slopes is about 0.05.
    assert slope("lazy") < -0.4
    assert abs(slope("1")) < 0.15

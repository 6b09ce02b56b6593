"""Mean and deviation over the seeds of runs that differ in nothing else, and which runs enter them."""

from __future__ import annotations

import numpy as np

from fasweep.analysis.results import Results, select


def counted(results: Results) -> Results:
    """The runs that enter a mean: those that their stop rule or step limit ended. A diverged, failed or interrupted run
    has no value at the end of training; callers say how many were left out."""
    return select(results, status="done")


def mean_and_deviation(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Over the first axis; the deviation is the sample's (divisor runs - 1), NaN of a single run."""
    mean = values.mean(axis=0)
    deviation = values.std(axis=0, ddof=1) if len(values) > 1 else np.full_like(mean, np.nan)
    return mean, deviation


def carried_forward(results: Results, metric: str) -> np.ndarray:
    """Trajectories of counted runs with the run's final value beyond its end, so that the mean at every step is over
    the same runs: a mean over those still training would follow the slow ones only."""
    trajectories = results.metrics[metric]
    return np.where(np.isnan(trajectories), results.metrics[f"final_{metric}"][:, np.newaxis], trajectories)

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


def mean_and_interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Over the first axis: the mean, and the ends of its 95 % interval by Student's t; NaN of a single run."""
    mean, deviation = mean_and_deviation(values)
    half = student(len(values) - 1) * deviation / np.sqrt(len(values)) if len(values) > 1 else deviation
    return mean, mean - half, mean + half


def student(freedom: int) -> float:
    """The 97.5 % quantile of Student's t, to three digits (Abramowitz and Stegun 26.7.5, and exact ones where that is not)."""
    small = (12.7062, 4.3027, 3.1824, 2.7764)
    if freedom <= len(small):
        return small[freedom - 1]
    z = 1.959964
    return float(np.polynomial.Polynomial([
        z, (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96, (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    ])(1 / freedom))


def shared_trajectories(results: Results, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps, and runs x steps: the recorded steps at which every run is still in training, and the last step of all if
    all end together. Beyond, a mean would be over fewer runs, or over values that nothing was trained to."""
    first_end = results.steps.min()
    reached = results.step <= first_end
    steps, values = results.step[reached], results.metrics[metric][:, reached]
    if end_together(results) and not (steps.size and steps[-1] == first_end):
        steps = np.append(steps, first_end)
        values = np.column_stack([values, results.metrics[f"final_{metric}"]])
    return steps, values


def end_together(results: Results) -> bool:
    return bool((results.steps == results.steps[0]).all())


def median_and_quantiles(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Over the first axis: the median, and the quantiles between which 68 % lie, as within a deviation of a mean."""
    return np.median(values, axis=0), np.quantile(values, 0.16, axis=0), np.quantile(values, 0.84, axis=0)

"""Exponents of a metric in the hidden width, with intervals over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 2000  # of resampled seeds
LEAST_WIDTHS = 3  # through two points every power law goes


@dataclass(frozen=True)
class Exponent:
    slope: float
    low: float  # 95 % of the resampled seeds lie between; NaN of a single seed
    high: float
    seeds: int


def by_seed_and_width(p: np.ndarray, seed: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Widths, and seeds x widths of the seeds that have a value at every width: resampled together, since a seed's draws
    at one width have to do with those at another."""
    widths = np.unique(p)
    table = [[values[(p == width) & (seed == one)].mean() if ((p == width) & (seed == one)).any() else np.nan for width in widths] for one in np.unique(seed)]
    complete = np.array(table).reshape(-1, len(widths))
    return widths, complete[np.isfinite(complete).all(axis=1)]


def fit(widths: np.ndarray, table: np.ndarray, squares: bool = False) -> Exponent | None:
    """Least squares of the logarithm of the mean over seeds (of the root of the mean square) in log p. None where there
    are too few widths, or where the mean of too many resamplings is not positive, as of a metric that is zero."""
    if len(widths) < LEAST_WIDTHS or not len(table):
        return None
    draws = np.random.default_rng(0).integers(len(table), size=(DRAWS, len(table)))
    slopes = _slopes(widths, _averages(table[draws], squares))
    (slope,) = _slopes(widths, _averages(table[np.newaxis], squares))
    if not np.isfinite(slope) or np.isfinite(slopes).mean() < 0.95:
        return None
    low, high = np.nanquantile(slopes, (0.025, 0.975)) if len(table) > 1 else (np.nan, np.nan)
    return Exponent(float(slope), float(low), float(high), len(table))


def bends_down(widths: np.ndarray, table: np.ndarray, squares: bool = False) -> bool:
    """Whether the exponent between the last two widths is less than that between the first two, of 97.5 % of resampled seeds."""
    if len(widths) < LEAST_WIDTHS or len(table) < 2:
        return False
    draws = np.random.default_rng(0).integers(len(table), size=(DRAWS, len(table)))
    averages = _averages(table[draws], squares)
    difference = _slopes(widths[-2:], averages[:, -2:]) - _slopes(widths[:2], averages[:, :2])
    return bool(np.nanquantile(difference, 0.975) < 0)


def widest(widths: np.ndarray, table: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    return widths[-count:], table[:, -count:]


def _averages(tables: np.ndarray, squares: bool) -> np.ndarray:
    """draws x seeds x widths -> draws x widths."""
    return np.sqrt((tables**2).mean(axis=1)) if squares else tables.mean(axis=1)


def _slopes(widths: np.ndarray, averages: np.ndarray) -> np.ndarray:
    x = np.log(widths) - np.log(widths).mean()
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.log(averages) @ x / (x @ x)


def text(exponent: Exponent | None) -> str:
    if exponent is None:
        return "none"
    interval = "" if np.isnan(exponent.low) else f" [{exponent.low:.2f}, {exponent.high:.2f}]"
    return f"{exponent.slope:.2f}{interval}"


def as_json(exponent: Exponent | None) -> dict[str, float] | None:
    if exponent is None:
        return None
    return {"slope": exponent.slope, "low": exponent.low, "high": exponent.high, "seeds": exponent.seeds}


def shown(values: Sequence[float]) -> str:
    """The range of numbers, short."""
    first, last = min(values), max(values)
    return f"{first:.3g}" if np.isclose(first, last, rtol=5e-3) else f"{first:.3g} to {last:.3g}"

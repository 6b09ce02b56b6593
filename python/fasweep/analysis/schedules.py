"""The factors of lambda and of the step size at each step, as src/model/schedule has them; a job writes `cutoff(200)`."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from fasweep.analysis.results import AnalysisError, Results


def factors(schedule: str, steps: np.ndarray) -> np.ndarray:
    """lambda(t) / lambda, or eta(t) / eta, at these steps."""
    name, values = parsed(schedule)
    t = np.asarray(steps, dtype=float)
    if name == "constant":
        return np.ones_like(t)
    if name == "cutoff":
        return (t < values[0]).astype(float)
    if name == "exponential":
        return values[0] ** t
    if name == "inverse-square":
        return 1 / (1 + t / values[0]) ** 2
    if name == "multistep":
        return values[0] ** np.searchsorted(values[1:], t, side="right").astype(float)
    raise AnalysisError(f"schedule '{schedule}' is not known here (of a newer program?); install the Python package that came with it")


def sums(schedule: str, steps: np.ndarray) -> np.ndarray:
    """Of the factors of all steps before these."""
    steps = np.asarray(steps, dtype=np.int64)
    if schedule == "constant":
        return steps.astype(float)
    before = np.concatenate([[0.0], np.cumsum(factors(schedule, np.arange(steps.max(initial=0))))])
    return before[steps]


def flow_time(results: Results, steps: np.ndarray) -> np.ndarray:
    """runs x steps: eta t, or the sum of eta over the steps before t where the step size has a schedule. `steps` is for
    all runs, or a row of its own for each."""
    if "step_size" not in results.columns:
        raise AnalysisError(f"file '{results.file}' has no column 'step_size' (fasweep 0.1 made it); use steps in place of eta*t")
    rows = np.broadcast_to(steps, (len(results), np.shape(steps)[-1]))
    schedule = each_run(results, "step_schedule", "training.step-schedule", "constant")
    result = np.empty(rows.shape)
    for name in np.unique(schedule):
        result[schedule == name] = sums(str(name), rows[schedule == name])
    return results.columns["step_size"][:, np.newaxis] * result


def each_run(results: Results, column: str, key: str, default: str) -> np.ndarray:
    """A setting as text for each run: its column where it is an axis, else what the job says."""
    if column in results.columns:
        return results.columns[column].astype(str)
    return np.full(len(results), results.settings.get(key, default))


def parsed(schedule: str) -> tuple[str, list[float]]:
    match = re.fullmatch(r"([a-z-]+)(?:\((.*)\))?", schedule.strip())
    if not match:
        return schedule, []
    try:
        return match[1], [float(value) for value in (match[2] or "").split(",") if value.strip()]
    except ValueError:
        return schedule, []


def written(results: Results, known: Sequence[str]) -> np.ndarray:
    """Each run's schedule of lambda as the job writes it. One whose parameters are formulas is another text for each point of the `known`
    axes, from which they follow, but has the same place among the schedules of every point."""
    names = results.columns["schedule"]
    found: dict[tuple[object, ...], list[str]] = {}
    place = np.empty(len(results), dtype=int)
    for row, point in enumerate(zip(*(results.columns[name].tolist() for name in known))):
        schedules = found.setdefault(point, [])
        if names[row] not in schedules:
            schedules.append(names[row])
        place[row] = schedules.index(names[row])
    count = place.max(initial=-1) + 1
    if len(np.unique(names)) == count:
        return names
    texts = items(results.settings.get("training.schedule", ""))
    if len(texts) != count:
        texts = [f"{str(names[place == one][0]).partition('(')[0]}(...), schedule {one + 1} of the job" for one in range(count)]
    return np.array(texts)[place]


def items(text: str) -> list[str]:
    """Of a list in which commas also stand between parentheses."""
    parts, depth = [""], 0
    for letter in text:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]

"""What a result file does not hold of the task of each run: ||y||, and the spectrum of XX^T, asked of the program."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fasweep._commands import keys, state
from fasweep.analysis.results import Results


@dataclass(frozen=True)
class Problems:
    """One entry a run."""

    target_norm: np.ndarray  # ||y||
    smallest: np.ndarray  # eigenvalue of XX^T: of its min(n, d) that need not be zero
    largest: np.ndarray


def ask_program(results: Results) -> Problems:
    """By `fasweep state` of step 0, once for all runs of one task: those that differ in nothing but how they train."""
    of_training = {key.get("column") for name, key in keys().items() if name.startswith("training.")} | {"lambda", "rule"}
    names = [name for name in results.columns if name not in of_training]
    tasks = list(zip(*(results.columns[name].tolist() for name in names)))
    known: dict[tuple[object, ...], tuple[float, float, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for row, task in enumerate(tasks):
            if task not in known:
                path = Path(folder) / f"{row}.h5"
                with state(results.file, run=int(results.run[row]), step=0, output=path) as network:
                    inputs = network.X.values
                    squares = np.linalg.svd(inputs.reshape(len(inputs), -1), compute_uv=False) ** 2
                    known[task] = (float(np.linalg.norm(network.y.values)), float(squares[-1]), float(squares[0]))
                path.unlink()
    return Problems(*np.array([known[task] for task in tasks]).T)

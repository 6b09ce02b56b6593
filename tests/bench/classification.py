"""A training step of 784-1000-10, batch 600, side by side with PyTorch: same mathematics, same core, in one run.

Question: how much faster than PyTorch is a classification step on inputs as sparse as MNIST's?
usage: classification.py [--repetitions N] [--steps N] [--torch PYTHON] [--core N] [--openblas-core NAME]

Feedback alignment, ReLU, softmax and cross-entropy averaged over the batch, ridge on the output weights, float32. The
inputs are grey values at random places, 19 % of them not zero, normalised as MNIST's; both sides shuffle and gather their
batches. PYTHON is an interpreter that imports torch (Debian: python3-torch libopenblas0). OpenBLAS 0.3.21 does not know every
processor it runs on: give PyTorch the kernels that are fastest there (--openblas-core SkylakeX, Haswell, Zen). Every repetition runs every
program once, in turn; the table gives medians, and minimum, median and maximum of the ratios within a repetition.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "build" / "release" / "tests" / "bench" / "classification_bench"
SAMPLES, INPUTS, WIDTH, CLASSES, BATCH = 6000, 784, 1000, 10, 600
DENSITY, MEAN, DEVIATION = 0.19, 0.1307, 0.3081
STEP_SIZE, RIDGE = 1e-2, 0.1


def make_start():
    """Inputs, labels, W, beta, b."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    grey = torch.rand(SAMPLES, INPUTS) * (torch.rand(SAMPLES, INPUTS) < DENSITY)
    labels = torch.arange(SAMPLES) % CLASSES
    w = torch.randn(WIDTH, INPUTS) / math.sqrt(INPUTS)
    return (grey - MEAN) / DEVIATION, labels, w, torch.randn(WIDTH, CLASSES), torch.randn(WIDTH, CLASSES)


def batches(steps: int):
    import torch

    order = torch.randperm(SAMPLES)
    for step in range(steps):
        first = step * BATCH % SAMPLES
        if first == 0:
            order = torch.randperm(SAMPLES)
        yield order[first : first + BATCH]


def torch_loop(steps: int) -> float:
    """The paper's way: an autograd extension whose backward uses b, and torch.optim.SGD. Seconds a step."""
    import torch
    from torch_feedback import FeedbackAlignment

    x, labels, w, beta, b = make_start()
    w, beta = torch.nn.Parameter(w), torch.nn.Parameter(beta)
    optimizer = torch.optim.SGD([{"params": [w]}, {"params": [beta], "weight_decay": RIDGE}], lr=STEP_SIZE)
    start = time.perf_counter()
    for rows in batches(steps):
        optimizer.zero_grad()
        f = FeedbackAlignment.apply(torch.relu(x[rows] @ w.t()), beta, b) / math.sqrt(WIDTH)
        torch.nn.functional.cross_entropy(f, labels[rows]).backward()
        optimizer.step()
    return (time.perf_counter() - start) / steps


def torch_by_hand(steps: int) -> float:
    """Without autograd, updates in place."""
    import torch

    with torch.no_grad():
        x, labels, w, beta, b = make_start()
        one_hot = torch.nn.functional.one_hot(labels, CLASSES).float()
        scale = STEP_SIZE / BATCH / math.sqrt(WIDTH)
        start = time.perf_counter()
        for rows in batches(steps):
            batch = x[rows]
            h = torch.relu_(batch @ w.t())
            e = torch.softmax(h @ beta / math.sqrt(WIDTH), dim=1) - one_hot[rows]
            signal = (e @ b.t()).mul_(h > 0)
            beta.mul_(1 - STEP_SIZE * RIDGE).addmm_(h.t(), e, alpha=-scale)
            w.addmm_(signal.t(), batch, alpha=-scale)
        return (time.perf_counter() - start) / steps


FORMS = {"PyTorch loop": torch_loop, "PyTorch by hand": torch_by_hand}


def run_on_core(core: int, command: list[str], openblas_core: str = "") -> str:
    single = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    if openblas_core:
        single["OPENBLAS_CORETYPE"] = openblas_core
    done = subprocess.run(["taskset", "-c", str(core), *command], check=True, stdout=subprocess.PIPE, text=True, env=single)
    return done.stdout


def time_fasweep(core: int, steps: int) -> float:
    """Prints "density 0.19: X ms a step"."""
    return float(run_on_core(core, [str(BENCH), str(steps), str(DENSITY)]).split(":")[1].split()[0]) / 1e3


def measure(arguments: argparse.Namespace) -> None:
    times: dict[str, list[float]] = {"fasweep": [], **{form: [] for form in FORMS}}
    for _ in range(arguments.repetitions):
        times["fasweep"].append(time_fasweep(arguments.core, arguments.steps))
        for form in FORMS:
            command = [arguments.torch, __file__, "--steps", str(arguments.steps), "--form", form]
            times[form].append(float(run_on_core(arguments.core, command, arguments.openblas_core)))
    own = times.pop("fasweep")
    print(f"784-1000-10, batch {BATCH}: fasweep {statistics.median(own) * 1e3:.2f} ms a step")
    for form, theirs in times.items():
        ratios = sorted(their / our for their, our in zip(theirs, own))
        print(f"  {form:17} {statistics.median(theirs) * 1e3:7.2f} ms   ratio {statistics.median(ratios):5.2f}"
              f"   ({ratios[0]:.2f} to {ratios[-1]:.2f})")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--torch", default="/usr/bin/python3")
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--openblas-core", default="")
    parser.add_argument("--form", choices=list(FORMS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.form:
        print(FORMS[arguments.form](arguments.steps))
        return 0
    measure(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())

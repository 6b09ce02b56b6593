"""A training step of 784-p-...-p-10 side by side with PyTorch: same mathematics, same core, in one run.

Question: how much faster than PyTorch is a step of several hidden layers?
usage: depth.py [--repetitions N] [--steps N] [--torch PYTHON] [--core N] [--width P] [--depths 2,3] [--batches 64,128,600]

Feedback alignment, ReLU, softmax and cross-entropy averaged over the batch, ridge on the output weights, float32. The
inputs are grey values at random places, 19 % of them not zero, normalised as MNIST's; both sides shuffle and gather their
batches. PYTHON is an interpreter that imports torch. Times are of the processor, so that other work on the machine
disturbs less; every repetition runs every program once, in turn, and the table gives medians, and minimum, median and
maximum of the ratios within a repetition.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time

from classification import CLASSES, DENSITY, DEVIATION, INPUTS, MEAN, RIDGE, ROOT, SAMPLES, STEP_SIZE, run_on_core

BENCH = ROOT / "build" / "release" / "tests" / "bench" / "depth_bench"


def make_start(depth: int, width: int):
    """Inputs, labels, W_1 to W_L and beta^T, and what their errors come back by."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    grey = torch.rand(SAMPLES, INPUTS) * (torch.rand(SAMPLES, INPUTS) < DENSITY)
    shapes = [(width, INPUTS), *[(width, width)] * (depth - 1), (CLASSES, width)]
    forward, back = ([torch.randn(shape) / math.sqrt(shape[1]) for shape in shapes] for _ in range(2))
    return (grey - MEAN) / DEVIATION, torch.arange(SAMPLES) % CLASSES, forward, back


def batches(batch: int, steps: int):
    import torch

    order = torch.randperm(SAMPLES)
    for step in range(steps):
        first = step * batch % (SAMPLES - SAMPLES % batch)
        if first == 0:
            order = torch.randperm(SAMPLES)
        yield order[first : first + batch]


def torch_loop(depth: int, width: int, batch: int, steps: int) -> float:
    """The usual way: an autograd extension for each layer, and torch.optim.SGD. Seconds a step."""
    import torch

    class Layer(torch.autograd.Function):
        @staticmethod
        def forward(context, h, w, b):
            context.save_for_backward(h, b)
            return h @ w.t()

        @staticmethod
        def backward(context, signal):
            h, b = context.saved_tensors
            return signal @ b if context.needs_input_grad[0] else None, signal.t() @ h, None

    x, labels, forward, back = make_start(depth, width)
    weights = [torch.nn.Parameter(w) for w in forward]
    groups = [{"params": weights[:-1]}, {"params": weights[-1:], "weight_decay": RIDGE}]
    optimizer = torch.optim.SGD(groups, lr=STEP_SIZE)
    start = time.process_time()
    for rows in batches(batch, steps):
        optimizer.zero_grad()
        h = x[rows]
        for w, b in zip(weights[:-1], back):
            h = torch.relu(Layer.apply(h, w, b))
        torch.nn.functional.cross_entropy(Layer.apply(h, weights[-1], back[-1]), labels[rows]).backward()
        optimizer.step()
    return (time.process_time() - start) / steps


def torch_by_hand(depth: int, width: int, batch: int, steps: int) -> float:
    """Without autograd, updates in place."""
    import torch

    with torch.no_grad():
        x, labels, weights, back = make_start(depth, width)
        one_hot = torch.nn.functional.one_hot(labels, CLASSES).float()
        start = time.process_time()
        for rows in batches(batch, steps):
            h = [x[rows]]
            for w in weights[:-1]:
                h.append(torch.relu_(h[-1] @ w.t()))
            signal = torch.softmax(h[-1] @ weights[-1].t(), dim=1) - one_hot[rows]
            weights[-1].mul_(1 - STEP_SIZE * RIDGE)
            for layer in reversed(range(depth + 1)):
                below = (signal @ back[layer]).mul_(h[layer] > 0) if layer > 0 else None
                weights[layer].addmm_(signal.t(), h[layer], alpha=-STEP_SIZE / batch)
                signal = below
        return (time.process_time() - start) / steps


FORMS = {"PyTorch loop": torch_loop, "PyTorch by hand": torch_by_hand}


def measure(arguments: argparse.Namespace, depth: int, batch: int) -> None:
    shape = [str(number) for number in (depth, arguments.width, batch, arguments.steps)]
    times: dict[str, list[float]] = {"fasweep": [], **{form: [] for form in FORMS}}
    for _ in range(arguments.repetitions):
        own = run_on_core(arguments.core, [str(arguments.bench), "feedback-alignment", *shape])
        times["fasweep"].append(float(own.split()[0]) / 1e3)
        for form in FORMS:
            command = [arguments.torch, __file__, "--form", form, "--shape", ",".join(shape)]
            times[form].append(float(run_on_core(arguments.core, command)))
    own_times = times.pop("fasweep")
    print(f"depth {depth}, p = {arguments.width}, batch {batch}: fasweep {statistics.median(own_times) * 1e3:.2f} ms a step")
    for form, theirs in times.items():
        ratios = sorted(their / our for their, our in zip(theirs, own_times))
        print(f"  {form:17} {statistics.median(theirs) * 1e3:7.2f} ms   ratio {statistics.median(ratios):5.2f}"
              f"   ({ratios[0]:.2f} to {ratios[-1]:.2f})", flush=True)


def numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--torch", default="/usr/bin/python3")
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--width", type=int, default=500)
    parser.add_argument("--depths", type=numbers, default=[2, 3])
    parser.add_argument("--batches", type=numbers, default=[64, 128, 600])
    parser.add_argument("--bench", default=BENCH)
    parser.add_argument("--form", choices=list(FORMS), help=argparse.SUPPRESS)
    parser.add_argument("--shape", type=numbers, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.form:
        print(FORMS[arguments.form](*arguments.shape))
        return 0
    for depth in arguments.depths:
        for batch in arguments.batches:
            measure(arguments, depth, batch)
    return 0


if __name__ == "__main__":
    sys.exit(main())

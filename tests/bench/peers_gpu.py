"""fasweep side by side with PyTorch and JAX on one GPU: microseconds a step and run, in float32, in one run of this script.

Question: how much faster than the batched form that one would write for a GPU, in weight space and, by hand, in sample space?
usage: peers_gpu.py [--fasweep BINARY] [--repetitions N] [--torch PYTHON] [--jax PYTHON] [--case PSI:P]...

fasweep: whole `fasweep run` of 2,000 steps and 111 records, on the GPU alone, by its wall_s; n = 50, d = 150. Peers: the device full of runs of as many
lambdas, nothing recorded, captured in a CUDA graph (PyTorch) or compiled as jit(vmap(scan)) (JAX) before the clock starts. The
network of pixels has 784-1000-10 units and batches of 600. Every repetition runs every form once, in turn; the table gives medians, and
the ratios' smallest and largest within a repetition. A library that an interpreter does not import is left out with a message.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from peers import INPUTS, ROOT, SAMPLES, STEP_SIZE, Peer, find_peers, jax_scan, print_ratios

CASES = ["relu:200", "relu:3200", "tanh:200", "tanh:3200"]
PIXELS = "pixels:1000"
RUNS = {200: 132, 3200: 60, 1000: 30}  # of fasweep, by width: as many as fill an H100, or twice that


def torch_graph(step: Callable[[], None], steps: int, a_replay: int) -> float:
    """Seconds of a step, replayed from a graph of `a_replay` of them."""
    import torch

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(a_replay):
            step()
    for _ in range(3):
        graph.replay()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(steps // a_replay):
        graph.replay()
    torch.cuda.synchronize()
    return (time.perf_counter() - start) / (steps // a_replay * a_replay)


def torch_regression(psi: str, width: int, runs: int, space: str) -> float:
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    eta, root = STEP_SIZE[psi], math.sqrt(width)
    normal = {"device": "cuda"}
    x = torch.randn(SAMPLES, INPUTS, **normal)
    xt = x.t().contiguous()
    gram = x @ xt
    w = torch.randn(1, width, INPUTS, **normal).repeat(runs, 1, 1)
    beta = torch.randn(1, width, 1, **normal).repeat(runs, 1, 1)
    b = torch.randn(1, width, 1, **normal)
    y = torch.randn(SAMPLES, 1, **normal)
    decay = 1 - eta * torch.linspace(0, 1, runs, **normal).view(runs, 1, 1)
    flat = runs * width
    z = torch.matmul(w.view(flat, INPUTS), xt).view(runs, width, SAMPLES).contiguous()

    def finish(z):
        h = torch.relu(z) if psi == "relu" else torch.tanh(z)
        slope = (z > 0).float() if psi == "relu" else 1 - h * h
        e = torch.bmm(h.transpose(1, 2), beta) / root - y
        gradient = torch.bmm(h, e)
        signal = slope * e.transpose(1, 2) * b
        beta.mul_(decay).add_(gradient, alpha=-eta / root)
        return signal.view(flat, SAMPLES)

    def weight_step() -> None:
        signal = finish(torch.matmul(w.view(flat, INPUTS), xt).view(runs, width, SAMPLES))
        w.view(flat, INPUTS).addmm_(signal, x, alpha=-eta / root)

    def sample_step() -> None:
        z.view(flat, SAMPLES).addmm_(finish(z), gram, alpha=-eta / root)

    with torch.no_grad():
        return torch_graph(weight_step if space == "weight" else sample_step, 200, 10) / runs


def torch_pixels(width: int, runs: int) -> float:
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    n, d, k, eta, root = 600, 784, 10, 1e-2, math.sqrt(width)
    x = torch.randn(n, d, device="cuda")
    xt = x.t().contiguous()
    labels = torch.nn.functional.one_hot(torch.randint(0, k, (n,), device="cuda"), k).float()
    w = torch.randn(runs, width, d, device="cuda")
    beta = torch.randn(runs, width, k, device="cuda")
    b = torch.randn(runs, width, k, device="cuda")

    def step() -> None:
        z = torch.matmul(w.view(runs * width, d), xt).view(runs, width, n)
        h = torch.relu(z)
        e = (torch.softmax(torch.bmm(h.transpose(1, 2), beta) / root, 2) - labels) / n
        gradient = torch.bmm(h, e)
        signal = torch.bmm(b, e.transpose(1, 2)) * (z > 0)
        w.view(runs * width, d).addmm_(signal.view(runs * width, n), x, alpha=-eta / root)
        beta.mul_(1 - eta * 0.1).add_(gradient, alpha=-eta / root)

    with torch.no_grad():
        return torch_graph(step, 100, 1) / runs


def jax_regression(psi: str, width: int, runs: int, space: str) -> float:
    import jax

    jax.config.update("jax_default_matmul_precision", "highest")  # no TF32
    return jax_scan(psi, width, 300, runs, space)


FORMS: dict[str, tuple[str, Callable[[str, int], float]]] = {
    "PyTorch, graph, 128 runs": ("torch", lambda psi, p: torch_regression(psi, p, 128, "weight")),
    "PyTorch, graph, 128 runs, by hand in sample space": ("torch", lambda psi, p: torch_regression(psi, p, 128, "sample")),
    "JAX, vmap, 128 runs": ("jax", lambda psi, p: jax_regression(psi, p, 128, "weight")),
    "JAX, vmap, 128 runs, by hand in sample space": ("jax", lambda psi, p: jax_regression(psi, p, 128, "sample")),
    "PyTorch, graph, 30 runs": ("torch", lambda psi, p: torch_pixels(p, 30)),
}


def serve() -> int:
    """Answers requests {form, psi, width} on standard input with seconds a step and run."""
    for line in sys.stdin:
        request = json.loads(line)
        try:
            print(FORMS[request["form"]][1](request["psi"], request["width"]), flush=True)
        except Exception as error:  # out of memory, say: this form is left out, the others go on
            print("nan", flush=True)
            print(f"{request['form']}: {str(error)[:200]}", file=sys.stderr)
    return 0


def pixel_job(folder: Path, width: int) -> str:
    """A data set of as many pixels as MNIST's and as sparse, ten classes."""
    import random

    random.seed(0)
    rows = [",".join(str(random.randrange(256) if random.random() < 0.2 else 0) for _ in range(784)) + f",{i % 10}" for i in range(1800)]
    (folder / "pixels.csv").write_text("\n".join(rows) + "\n")
    return (f"[grid]\np = {width}\nlambda = 0.1\nactivation = relu\nrule = feedback-alignment\nseed = 0..{RUNS[width] - 1}\n"
            "[data]\nsource = csv\npath = pixels.csv\nheader = no\ntargets = classes\nnormalize = global\n"
            "[training]\nstep-size = 1e-2\nbatch-size = 600\nmax-steps = 2000\nloss = cross-entropy\nreduction = mean\nstop = never\n"
            "[record]\nsteps = log(150)\nmetrics = loss, alignment\n")


def regression_job(psi: str, width: int) -> str:
    return (f"[grid]\np = {width}\nlambda = 0.1\nactivation = {psi}\nrule = feedback-alignment\nseed = 0..{RUNS[width] - 1}\n"
            f"[data]\nn = {SAMPLES}\nd = {INPUTS}\n[training]\nstep-size = {STEP_SIZE[psi]}\nmax-steps = 2000\nstop = never\n"
            "[record]\nsteps = log(150)\nmetrics = loss, alignment\n")


def time_fasweep(binary: Path, psi: str, width: int) -> float:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "job.cfg").write_text(pixel_job(folder, width) if psi == "pixels" else regression_job(psi, width))
        subprocess.run([binary, "run", "job.cfg", "-o", "out.h5", "--backend", "cuda", "--workers", "0"], cwd=folder, check=True,
                       capture_output=True)
        table = subprocess.run([binary, "export", "out.h5"], cwd=folder, check=True, capture_output=True, text=True).stdout
        rows = list(csv.DictReader(io.StringIO(table)))
        return sum(float(row["wall_s"]) for row in rows) / sum(int(row["steps"]) for row in rows)


def measure(binary: Path, peers: dict[str, Peer], psi: str, width: int, repetitions: int) -> None:
    forms = {form: library for form, (library, _) in FORMS.items()
             if library in peers and ("30 runs" in form) == (psi == "pixels")}
    own: list[float] = []
    theirs: dict[str, list[float]] = {form: [] for form in forms}
    for _ in range(repetitions):
        own.append(time_fasweep(binary, psi, width))
        for form, library in forms.items():
            theirs[form].append(peers[library].seconds(form=form, psi=psi, width=width))
    print(f"\n{psi}, p = {width}: fasweep {statistics.median(own) * 1e6:.4f} us a step and run ({RUNS[width]} runs, 111 records)")
    print_ratios(own, theirs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fasweep", type=Path, default=ROOT / "build" / "release" / "fasweep")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--torch", default=sys.executable)
    parser.add_argument("--jax", default=sys.executable)
    parser.add_argument("--case", action="append", choices=[*CASES, PIXELS], help="only these")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        return serve()
    environment = os.environ | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    peers = find_peers({"torch": arguments.torch, "jax": arguments.jax},
                       lambda python: Peer([python, __file__, "--serve"], environment))
    for case in arguments.case or [*CASES, PIXELS]:
        psi, width = case.split(":")
        measure(arguments.fasweep.resolve(), peers, psi, int(width), arguments.repetitions)
    return 0


if __name__ == "__main__":
    sys.exit(main())

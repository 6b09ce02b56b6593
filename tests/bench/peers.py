"""fasweep side by side with PyTorch and JAX: the same training on the same core, in one run.

Question: how much faster than the loop one would write otherwise?
usage: peers.py [--repetitions N] [--activation PSI] [--torch PYTHON] [--jax PYTHON] [--core N] [--openblas-core NAME]

PYTHON is an interpreter that imports torch (Debian: python3-torch libopenblas0) or jax (a virtual environment with `pip install
jax`); a peer whose interpreter is missing is left out with a message. OpenBLAS 0.3.21 does not know every processor it runs
on: give PyTorch the kernels that are fastest there (--openblas-core SkylakeX, Haswell, Zen). Every repetition runs every program once, in turn; the
table gives the median time a step and run, and minimum, median and maximum of the ratios within a repetition.
"""

from __future__ import annotations

import argparse
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

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("FASWEEP_BINARY", ROOT / "build" / "release" / "fasweep"))
SAMPLES, INPUTS, RIDGE = 50, 150, 0.1
STEP_SIZE = {"linear": 1e-4, "relu": 1e-3, "tanh": 1e-2}
CASES = [("relu", 200), ("relu", 3200), ("tanh", 200), ("tanh", 3200), ("linear", 12800)]
LONG_STEPS = 10_000  # of the linear case, set-up included


def torch_loop(psi: str, width: int, steps: int) -> float:
    """The paper's way: an autograd extension whose backward uses b, and torch.optim.SGD."""
    import torch

    class FeedbackAlignment(torch.autograd.Function):
        @staticmethod
        def forward(ctx, h, beta, b):
            ctx.save_for_backward(h, b)
            return h @ beta

        @staticmethod
        def backward(ctx, e):
            h, b = ctx.saved_tensors
            return torch.outer(e, b), h.t() @ e, None

    torch.set_num_threads(1)
    torch.manual_seed(0)
    value = {"linear": lambda z: z, "relu": torch.relu, "tanh": torch.tanh}[psi]
    x = torch.randn(SAMPLES, INPUTS)
    y = value(x @ torch.randn(width, INPUTS).t()) @ torch.randn(width) / math.sqrt(width)
    w = torch.nn.Parameter(torch.randn(width, INPUTS))
    beta = torch.nn.Parameter(torch.randn(width))
    b = torch.randn(width)
    optimizer = torch.optim.SGD([{"params": [w]}, {"params": [beta], "weight_decay": RIDGE}], lr=STEP_SIZE[psi])
    start = time.perf_counter()
    for _ in range(steps):
        optimizer.zero_grad()
        f = FeedbackAlignment.apply(value(x @ w.t()), beta, b) / math.sqrt(width)
        loss = 0.5 * ((f - y) ** 2).sum()
        loss.backward()
        optimizer.step()
    assert math.isfinite(loss.item())
    return (time.perf_counter() - start) / steps


def torch_batched(psi: str, width: int, steps: int, runs: int) -> float:
    """Updates written out, `runs` values of lambda at once."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    root = math.sqrt(width)
    eta = STEP_SIZE[psi]
    with torch.no_grad():
        x = torch.randn(SAMPLES, INPUTS)
        xt = x.t().contiguous()
        w = torch.randn(1, width, INPUTS).repeat(runs, 1, 1)
        beta = torch.randn(1, width, 1).repeat(runs, 1, 1)
        b = torch.randn(1, 1, width)
        y = torch.randn(SAMPLES, 1)
        decay = 1 - eta * torch.linspace(0, 1, runs).view(runs, 1, 1)
        start = time.perf_counter()
        for _ in range(steps):
            z = torch.matmul(w.view(runs * width, INPUTS), xt).view(runs, width, SAMPLES)
            if psi == "relu":
                h, slope = torch.relu(z), (z > 0).float()
            elif psi == "tanh":
                h = torch.tanh(z)
                slope = 1 - h * h
            else:
                h, slope = z, torch.ones_like(z)
            e = torch.bmm(h.transpose(1, 2), beta) / root - y
            gradient = torch.bmm(h, e) / root
            slope.mul_(e.transpose(1, 2)).mul_(b.transpose(1, 2))
            w.view(runs * width, INPUTS).addmm_(slope.view(runs * width, SAMPLES), x, alpha=-eta / root)
            beta = decay * beta - eta * gradient
        assert bool(torch.isfinite(beta).all())
        return (time.perf_counter() - start) / steps / runs


def jax_scan(psi: str, width: int, steps: int, runs: int, space: str = "weight") -> float:
    """jit(vmap(scan)), `runs` values of lambda at once, compiled before the clock starts.

    In sample space, what an expert would write who saw that Z = X W^T moves by K = X X^T, whatever d is.
    """
    import jax
    import jax.numpy as jnp

    value = {"linear": lambda z: z, "relu": jax.nn.relu, "tanh": jnp.tanh}[psi]
    slope = {"linear": jnp.ones_like, "relu": lambda h: (h > 0).astype(h.dtype), "tanh": lambda h: 1 - h * h}[psi]
    eta, root = STEP_SIZE[psi], math.sqrt(width)
    keys = jax.random.split(jax.random.PRNGKey(0), 5)
    x = jax.random.normal(keys[0], (SAMPLES, INPUTS))
    w0 = jax.random.normal(keys[1], (width, INPUTS))
    beta0, b = jax.random.normal(keys[2], (width,)), jax.random.normal(keys[3], (width,))
    y = jax.random.normal(keys[4], (SAMPLES,))

    in_weights = space == "weight"
    gram = x @ x.T

    def train(ridge):
        def step(state, _):
            first, beta = state  # W, or Z
            h = value(x @ first.T if in_weights else first)
            e = h @ beta / root - y
            signal = (e[:, None] * b[None, :]) * slope(h)
            change = signal.T @ x if in_weights else gram @ signal
            return (first - eta / root * change, (1 - eta * ridge) * beta - eta / root * (h.T @ e)), None

        (_, beta), _ = jax.lax.scan(step, (w0 if in_weights else x @ w0.T, beta0), None, length=steps)
        return beta

    run = jax.jit(jax.vmap(train))
    ridges = jnp.linspace(0, 1, runs)
    run(ridges).block_until_ready()
    start = time.perf_counter()
    beta = run(ridges).block_until_ready()
    seconds = time.perf_counter() - start
    assert bool(jnp.isfinite(beta).all())
    return seconds / steps / runs


FORMS = {
    "PyTorch loop": ("torch", lambda psi, p, steps: torch_loop(psi, p, steps)),
    "PyTorch batch 4": ("torch", lambda psi, p, steps: torch_batched(psi, p, steps, 4)),
    "PyTorch batch 16": ("torch", lambda psi, p, steps: torch_batched(psi, p, steps, 16)),
    "JAX scan": ("jax", lambda psi, p, steps: jax_scan(psi, p, steps, 1)),
    "JAX vmap 4": ("jax", lambda psi, p, steps: jax_scan(psi, p, steps, 4)),
    "JAX vmap 16": ("jax", lambda psi, p, steps: jax_scan(psi, p, steps, 16)),
    "JAX by hand in sample space": ("jax", lambda psi, p, steps: jax_scan(psi, p, steps, 1, "sample")),
    "JAX the same, vmap 4": ("jax", lambda psi, p, steps: jax_scan(psi, p, steps, 4, "sample")),
}


def serve() -> int:
    """Answers requests {form, psi, width, steps} on standard input with seconds a step and run."""
    for line in sys.stdin:
        request = json.loads(line)
        form = FORMS[request["form"]][1]
        print(form(request["psi"], request["width"], request["steps"]), flush=True)
    return 0


class Peer:
    """A process that answers requests for times of one library's forms, as serve() does."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def seconds(self, **request: str | int) -> float:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def single_core_peer(python: str, core: int, openblas_core: str) -> Peer:
    single = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"}
    environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"} | single
    if openblas_core:
        environment["OPENBLAS_CORETYPE"] = openblas_core
    return Peer(["taskset", "-c", str(core), python, __file__, "--serve"], environment)


def time_fasweep(psi: str, width: int, steps: int, core: int) -> tuple[float, float]:
    """Seconds a step of one run, and of the whole command, from start to the finished file."""
    import h5py

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bench.h5"
        job = Path(folder) / "bench.cfg"
        job.write_text(
            f"[grid]\np = {width}\nlambda = {RIDGE}\nactivation = {psi}\nrule = feedback-alignment\nseed = 0\n"
            f"[data]\nn = {SAMPLES}\nd = {INPUTS}\n[training]\nmax-steps = {steps}\n"
            "[record]\nsteps = log(2)\nmetrics = loss, alignment\n"
        )
        start = time.perf_counter()
        subprocess.run(["taskset", "-c", str(core), BINARY, "run", job, "-o", file, "--workers", "1"], check=True, capture_output=True)
        whole = time.perf_counter() - start
        with h5py.File(file) as results:
            return float(results["wall_s"][0]) / steps, whole


def imports(python: str, library: str) -> bool:
    try:
        return subprocess.run([python, "-c", f"import {library}"], capture_output=True).returncode == 0
    except OSError:
        return False


def find_peers(pythons: dict[str, str], start: Callable[[str], Peer]) -> dict[str, Peer]:
    """A peer of each library whose interpreter imports it; the others are left out with a message."""
    peers = {}
    for library, python in pythons.items():
        if imports(python, library):
            peers[library] = start(python)
        else:
            print(f"{library} left out ({python} does not import it); name an interpreter with --{library}", file=sys.stderr)
    return peers


def measure(peers: dict[str, Peer], cases: list[tuple[str, int]], repetitions: int, core: int) -> None:
    for psi, width in cases:
        times: dict[str, list[float]] = {"fasweep": []}
        for _ in range(repetitions):
            steps = max(50, 200_000 // width)
            if psi == "linear":
                times["fasweep"].append(time_fasweep(psi, width, LONG_STEPS, core)[1] / LONG_STEPS)
            else:
                times["fasweep"].append(time_fasweep(psi, width, 20 * steps, core)[0])
            for form, (library, _) in FORMS.items():
                if library in peers and (psi != "linear" or form == "PyTorch loop"):
                    times.setdefault(form, []).append(
                        peers[library].seconds(form=form, psi=psi, width=width, steps=max(20, steps // 4)))
        print_case(psi, width, times)


def print_case(psi: str, width: int, times: dict[str, list[float]]) -> None:
    own = times.pop("fasweep")
    note = f" (set-up included, {LONG_STEPS} steps)" if psi == "linear" else ""
    print(f"\n{psi}, p = {width}: fasweep {statistics.median(own) * 1e6:.2f} us a step{note}")
    print_ratios(own, times)


def print_ratios(own: list[float], times: dict[str, list[float]]) -> None:
    """A line a form: median time, and median, minimum and maximum of its ratios to `own` within a repetition."""
    for form, theirs in times.items():
        ratios = sorted(their / our for their, our in zip(theirs, own))
        print(f"  {form:50} {statistics.median(theirs) * 1e6:9.3f} us   ratio {statistics.median(ratios):7.1f}"
              f"   ({ratios[0]:.1f} to {ratios[-1]:.1f})", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--activation", choices=sorted(STEP_SIZE), help="only the cases of this one")
    parser.add_argument("--torch", default="/usr/bin/python3")
    parser.add_argument("--jax", default=str(ROOT / "build" / "jax" / "bin" / "python"))
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--openblas-core", default="")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        return serve()
    peers = find_peers({"torch": arguments.torch, "jax": arguments.jax},
                       lambda python: single_core_peer(python, arguments.core, arguments.openblas_core))
    cases = [case for case in CASES if arguments.activation in (None, case[0])]
    measure(peers, cases, arguments.repetitions, arguments.core)
    return 0


if __name__ == "__main__":
    sys.exit(main())

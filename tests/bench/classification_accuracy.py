"""Test accuracy after the whole training, fasweep beside PyTorch with the same settings and seeds of its own.

Question: does the paper's MNIST configuration reach what a PyTorch loop reaches?
usage: classification_accuracy.py FILE.h5 --mnist FOLDER [--lambda L] [--seeds N] [--epochs N]

FILE.h5 holds runs of a job like jobs/figure3-mnist.cfg; its settings are taken from the file, the network of PyTorch is
written out here. The sweep may still go on: its runs are read once PyTorch is done. Prints both means; exit code 1 if they are further apart than 0.2 points. Run it with a python3 that
imports torch (Debian: python3-torch libopenblas0). A step of PyTorch takes 26 ms (README.md), 300 epochs of a seed
so about 13 minutes of one core.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import sys
from configparser import ConfigParser
from pathlib import Path

import h5py
import numpy as np
import torch
from torch_feedback import FeedbackAlignment

ACCEPTED = 0.002  # 0.2 points


def read_idx(folder: Path, name: str) -> np.ndarray:
    plain = folder / name
    data = plain.read_bytes() if plain.exists() else gzip.decompress((folder / f"{name}.gz").read_bytes())
    shape = np.frombuffer(data, ">i4", data[3], offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def read_set(folder: Path, prefix: str) -> tuple[torch.Tensor, torch.Tensor]:
    images = read_idx(folder, f"{prefix}-images-idx3-ubyte")
    labels = read_idx(folder, f"{prefix}-labels-idx1-ubyte")
    return torch.from_numpy(images.reshape(len(images), -1).astype(np.float32)), torch.from_numpy(labels.astype(np.int64))


def train(job: dict[str, str], data: tuple[torch.Tensor, ...], width: int, ridge: float, epochs: int, seed: int) -> float:
    """Test accuracy after the last epoch."""
    torch.manual_seed(seed)
    x, y, x_test, y_test = data
    classes = int(y.max()) + 1
    w = torch.randn(width, x.shape[1])
    if job["initial-weights"] == "gaussian-scaled":
        w /= x.shape[1] ** 0.5
    w.requires_grad_()
    beta = torch.randn(width, classes).requires_grad_()
    b = torch.randn(width, classes)
    scale = width**-0.5 if job["output-scale"] == "root-width" else 1.0
    optimizer = torch.optim.SGD(
        [{"params": [w], "weight_decay": ridge if job["decay"] == "all" else 0}, {"params": [beta], "weight_decay": ridge}],
        lr=float(dict(pair.split(":") for pair in job["step-size"].replace(" ", "").split(","))["relu"]),
    )
    entropy = torch.nn.CrossEntropyLoss(reduction=job["reduction"])
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(int(job["batch-size"])):
            optimizer.zero_grad()
            entropy(FeedbackAlignment.apply(torch.relu(x[batch] @ w.t()), beta, b) * scale, y[batch]).backward()
            optimizer.step()
    with torch.no_grad():
        return float(((torch.relu(x_test @ w.t()) @ beta).argmax(1) == y_test).float().mean())


def settings(file: h5py.File) -> dict[str, str]:
    parser = ConfigParser(interpolation=None, delimiters="=")
    parser.read_string(file["provenance/job"].asstr()[()])
    job = {**parser["data"], **parser["training"]}
    for key, needed in {"loss": "cross-entropy", "biases": "no", "dropout": "0", "normalize": "global"}.items():
        if job[key] != needed:
            sys.exit(f"{key} = {job[key]} (this comparison knows {needed}); give a file of such a job")
    return job


def read_own(given: argparse.Namespace, job: dict[str, str]) -> list[float]:
    """Test accuracies of fasweep's runs after as many epochs."""
    batches = -(-int(job["n"]) // int(job["batch-size"]))
    with h5py.File(given.file) as file:
        rows = (file["lambda"][...] == given.ridge) & (file["seed"][...] < given.seeds)
        at_end = file["step"][...] == given.epochs * batches
        own = file["test_accuracy"][...][rows][:, at_end].ravel().astype(float)
    if len(own) != given.seeds or np.isnan(own).any():
        sys.exit(f"{given.file} lacks some of {given.seeds} seeds at lambda = {given.ridge} after {given.epochs} epochs; let them finish")
    return own.tolist()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--mnist", type=Path, required=True)
    parser.add_argument("--lambda", dest="ridge", type=float, default=0.1)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=300)
    given = parser.parse_args()
    with h5py.File(given.file) as file:
        job = settings(file)
        width = int(file["p"][0])
    torch.set_num_threads(1)
    x, y = read_set(given.mnist, "train")
    x_test, y_test = read_set(given.mnist, "t10k")
    mean, deviation = x.mean(), x.std()
    data = ((x - mean) / deviation, y, (x_test - mean) / deviation, y_test)
    theirs = []
    for seed in range(given.seeds):
        theirs.append(train(job, data, width, given.ridge, given.epochs, seed))
        print(f"PyTorch seed {seed}: {theirs[-1]:.4f}", flush=True)
    own = read_own(given, job)
    print(f"fasweep: {' '.join(f'{value:.4f}' for value in own)}")
    difference = statistics.mean(own) - statistics.mean(theirs)
    print(f"mean {statistics.mean(own):.4f} against {statistics.mean(theirs):.4f}: {100 * difference:+.2f} points")
    return 0 if abs(difference) <= ACCEPTED else 1


if __name__ == "__main__":
    sys.exit(main())

"""Data sets as users have them: what numpy reads in the same files, every fault, data that move, change or are gone."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import struct
import subprocess
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from conftest import BINARY, Fasweep, assert_same_results, environment, mpirun_in, status_column

JOB = """
[grid]
p = 12
lambda = 0, 0.1
rule = feedback-alignment, backprop
seed = 0..1
[data]
source = mnist
path = set
[training]
step-size = 0.1
loss = cross-entropy
reduction = mean
batch-size = 8
initial-weights = gaussian-scaled
max-steps = 3 epochs
precision = float64
[record]
steps = every(1)
metrics = loss, test_loss, accuracy, test_accuracy, alignment, gradient_alignment, signal_alignment
"""
IMAGES = {"train": 40, "t10k": 8}
# Sums of a few dozen float64 products of size 1 in another order.
ROUNDING: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-9}


def idx_bytes(values: np.ndarray) -> bytes:
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes()


def write_set(folder: Path, seed: int = 0) -> None:
    """Small images, half their pixels 0, one pixel always the same; the training images compressed."""
    random = np.random.default_rng(seed)
    folder.mkdir()
    for part, count in IMAGES.items():
        images = random.integers(0, 256, (count, 3, 4), dtype=np.uint8)
        images[random.random(images.shape) < 0.5] = 0
        images[:, 0, 0] = 0
        labels = random.integers(0, 10, count, dtype=np.uint8)
        data = idx_bytes(images)
        name = f"{part}-images-idx3-ubyte"
        (folder / (name + ".gz" if part == "train" else name)).write_bytes(gzip.compress(data) if part == "train" else data)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx_bytes(labels))


def read_set(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Inputs 0..1, training samples first, and labels, by numpy alone."""
    head = {"images": 16, "labels": 8}
    parts = {
        (part, kind): np.frombuffer(data, np.uint8, offset=head[kind]).reshape(IMAGES[part], -1)
        for part in IMAGES
        for kind in head
        for path in folder.glob(f"{part}-{kind}-*")
        for data in [gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()]
    }
    x, y = (np.concatenate([parts[part, kind] for part in IMAGES]) for kind in head)
    return x / 255, y[:, 0]


def metrics(path: Path) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        return {name: file[name][...] for name in ("loss", "test_loss", "accuracy", "test_accuracy", "gradient_alignment")}


@pytest.fixture
def with_set(fasweep: Fasweep) -> Fasweep:
    write_set(fasweep.folder / "set")
    fasweep.job(JOB)
    return fasweep


@pytest.mark.parametrize("normalize", ["none", "global", "per-input"])
@pytest.mark.parametrize("table", ["csv", "hdf5"])
def test_idx_set_equals_a_table_of_what_numpy_reads_and_normalises(with_set: Fasweep, normalize: str, table: str):
    x, labels = read_set(with_set.folder / "set")
    train = x[: IMAGES["train"]]
    axis = {"none": None, "global": (0, 1), "per-input": 0}[normalize]
    if axis is not None:
        deviation = np.asarray(train.std(axis=axis))
        x = (x - train.mean(axis=axis)) / np.where(deviation == 0, 1, deviation)
    if table == "csv":
        header = ",".join([*(f"x{j}" for j in range(x.shape[1])), "label"])
        columns = np.column_stack([x, labels])
        np.savetxt(with_set.folder / "table", columns, delimiter=",", fmt="%.17g", header=header, comments="")
    else:
        with h5py.File(with_set.folder / "table", "w") as file:
            file["x"], file["x_test"] = np.split(x, [IMAGES["train"]])
            file["y"], file["y_test"] = np.split(labels, [IMAGES["train"]])
    held_out = ["--set", f"data.test-n={IMAGES['t10k']}"]

    with_set.run("run", "job.cfg", "-o", "set.h5", "--set", f"data.normalize={normalize}")
    with_set.run("run", "job.cfg", "-o", "table.h5", "--set", f"data.source={table}", "--set", "data.path=table",
                 "--set", "data.normalize=none", "--set", "data.outputs=10", *held_out)

    of_set, of_table = metrics(with_set.folder / "set.h5"), metrics(with_set.folder / "table.h5")
    for name, values in of_set.items():
        assert np.isfinite(values).all(), name
        np.testing.assert_allclose(values, of_table[name], **ROUNDING, err_msg=name)


def test_table_to_regress_on(fasweep: Fasweep):
    random = np.random.default_rng(1)
    x = random.normal(size=(20, 3))
    np.savetxt(fasweep.folder / "table.csv", np.column_stack([x, x.sum(axis=1), x[:, 0]]), delimiter=",")
    fasweep.job("[grid]\np = 8\n[data]\nsource = csv\npath = table.csv\ntargets = numbers\noutputs = 2\ntest-n = 5\n"
                "[training]\nmax-steps = 20\n")
    fasweep.run("run", "job.cfg", "-o", "out.h5")
    with h5py.File(fasweep.folder / "out.h5") as file:
        assert file["final_loss"][0] < file["loss"][0, 0]
        assert np.isfinite(file["final_test_loss"][0])


def change(path: Path, at: int, value: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] = value
    path.write_bytes(data)


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
FAULTS = {
    "missing": (lambda s: (s / TEST_LABELS).unlink(), TEST_LABELS, "fetch-mnist.sh"),
    "truncated": (lambda s: cut(s / TEST_IMAGES, 50), TEST_IMAGES, "declares 96 bytes of values and has 34"),
    "trailing": (lambda s: (s / TEST_LABELS).open("ab").write(b"\0"), TEST_LABELS, "declares 8 bytes of values and has 9"),
    "magic": (lambda s: change(s / TEST_IMAGES, 0, 1), TEST_IMAGES, "not with two zeros"),
    "type": (lambda s: change(s / TEST_IMAGES, 2, 0x0A), TEST_IMAGES, "0x0a"),
    "mislabelled": (lambda s: shutil.copy(s / TEST_LABELS, s / TEST_IMAGES), TEST_IMAGES, "labels where images belong"),
    "mismatched": (lambda s: shutil.copy(s / TEST_LABELS, s / TRAIN_LABELS), TRAIN_LABELS, "40 images"),
    "label": (lambda s: change(s / TRAIN_LABELS, 8, 10), TRAIN_LABELS, "classes are 0..9"),
    "truncated gzip": (lambda s: cut(s / TRAIN_IMAGES, 100), TRAIN_IMAGES, "too early"),
    "gzip checksum": (lambda s: change(s / TRAIN_IMAGES, -5, 1), TRAIN_IMAGES, "corrupt gzip"),
    "gzip trailing": (lambda s: (s / TRAIN_IMAGES).open("ab").write(b"more"), TRAIN_IMAGES, "4 bytes follow"),
    "folder": (lambda s: ((s / TEST_IMAGES).unlink(), (s / TEST_IMAGES).mkdir()), TEST_IMAGES, "directory"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_damaged_set_exits_2_with_one_sentence(with_set: Fasweep, fault: str):
    damage, name, why = FAULTS[fault]
    damage(with_set.folder / "set")
    for command in (["plan", "job.cfg"], ["run", "job.cfg", "-o", "out.h5"]):
        message = with_set.run(*command, expect=2)
        assert name in message and why in message, message
        assert message.count("\n") == 1, message
    assert not list(with_set.folder.glob("out.h5*"))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a,b,label\n1,2,0\n3,nan,1\n", "line 3, column 2 is 'nan'"),
        ("1,2,0\n3,inf,1\n", "line 2, column 2 is 'inf'"),
        ("1,2,0\n3,1\n", "line 2 has 2 columns"),
        ("1,2,0\n3,4,0.5\n", "label 0.5"),
        ("1,2,0\n3,4,-1\n", "label -1"),
        ("", "no samples"),
    ],
)
def test_damaged_table_exits_2_with_one_sentence(fasweep: Fasweep, text: str, named: str):
    (fasweep.folder / "table.csv").write_text(text)
    fasweep.job("[grid]\np = 8\n[data]\nsource = csv\npath = table.csv\n")
    message = fasweep.run("plan", "job.cfg", expect=2)
    assert "table.csv" in message and named in message
    assert message.count("\n") == 1, message


def test_first_samples_of_a_set_and_counts_in_the_plan(with_set: Fasweep):
    plan = json.loads(with_set.run("plan", "job.cfg", "--set", "data.n=16", "--json"))
    assert "\nn = 16\nd = 12\noutputs = 10\ntest-n = 8\n" in plan["job"]
    assert "max-steps = 6\n" in plan["job"]  # 3 epochs of 16 samples by 8
    assert plan["data_bytes"] > 0
    assert "16" in with_set.run("plan", "job.cfg", "--set", "data.n=41", expect=2).replace("41", "16")


def test_resolved_text_is_a_job_for_the_same_data_only(with_set: Fasweep):
    resolved = json.loads(with_set.run("plan", "job.cfg", "--json"))
    with_set.job(resolved["job"], "resolved.cfg")
    again = json.loads(with_set.run("plan", "resolved.cfg", "--json"))
    assert again == resolved
    change(with_set.folder / "set" / TEST_IMAGES, -1, 77)
    assert "checksum" in with_set.run("plan", "resolved.cfg", expect=2)


def test_results_are_read_without_the_data(with_set: Fasweep):
    with_set.run("run", "job.cfg", "-o", "out.h5")
    shutil.rmtree(with_set.folder / "set")
    for command in (["status", "out.h5"], ["verify", "out.h5"], ["export", "out.h5"], ["merge", "out.h5", "-o", "m.h5"]):
        with_set.run(*command)


def test_moved_data_continue(with_set: Fasweep):
    with_set.run("run", "job.cfg", "-o", "whole.h5")
    with_set.run("run", "job.cfg", "-o", "out.h5", "--set", "grid.seed=0")
    (with_set.folder / "set").rename(with_set.folder / "moved")
    with_set.run("run", "job.cfg", "-o", "out.h5", "--set", "data.path=moved")
    assert_same_results(with_set.folder / "whole.h5", with_set.folder / "out.h5")


def test_changed_data_are_a_conflict(with_set: Fasweep):
    with_set.run("run", "job.cfg", "-o", "out.h5", "--set", "grid.seed=0")
    before = (with_set.folder / "out.h5").read_bytes()
    change(with_set.folder / "set" / TEST_IMAGES, -1, 77)
    message = with_set.run("run", "job.cfg", "-o", "out.h5", expect=4)
    assert "data.checksum" in message and "other data" in message
    assert (with_set.folder / "out.h5").read_bytes() == before


@pytest.mark.usefixtures("needs_mpirun")
def test_ranks_give_the_same_file(with_set: Fasweep):
    with_set.run("run", "job.cfg", "-o", "alone.h5", "--workers", "1")
    assert (status_column(with_set.folder / "alone.h5") == "done").all()
    for ranks in (1, 2, 4):
        with_set.run("run", "job.cfg", "-o", f"{ranks}.h5", ranks=ranks)
        assert_same_results(with_set.folder / "alone.h5", with_set.folder / f"{ranks}.h5")


@pytest.mark.usefixtures("needs_mpirun")
def test_one_rank_of_a_node_reads_for_all(with_set: Fasweep):
    """Another rank would find other data, of which it does not even look at the checksum."""
    there = with_set.folder / "there"
    there.mkdir()
    write_set(there / "set", seed=1)
    shutil.copy(with_set.folder / "job.cfg", there)
    command = mpirun_in([with_set.folder, there], [str(BINARY), "run", "job.cfg", "-o", "out.h5"])
    result = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    with_set.run("run", "job.cfg", "-o", "alone.h5")
    assert_same_results(with_set.folder / "out.h5", with_set.folder / "alone.h5")


def test_killed_run_goes_on_bit_for_bit(with_set: Fasweep):
    long = ["--set", "training.max-steps=6000 epochs", "--set", "record.steps=linear(5)", "--set", "grid.lambda=0.1",
            "--set", "grid.rule=feedback-alignment", "--set", "grid.seed=0", "--set", "grid.p=64",
            "--set", "training.dropout=0.2"]  # fmt: skip
    command = ["run", "job.cfg", "-o", "out.h5", "--workers", "1", "--checkpoint-seconds", "0.1", *long]
    process = with_set.start(*command)
    while not list(with_set.folder.glob("out.h5.checkpoints/" + 16 * "[0-9a-f]")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)

    output = with_set.run(*command)
    with_set.run("run", "job.cfg", "-o", "whole.h5", "--workers", "1", *long)

    assert "continues at step" in output
    assert_same_results(with_set.folder / "whole.h5", with_set.folder / "out.h5")

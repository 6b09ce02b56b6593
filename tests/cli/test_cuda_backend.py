"""--backend cuda: a whole sweep, journal and file through the emulated device, and what happens where there is no GPU."""

from __future__ import annotations

import json
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

import conftest
from conftest import BINARY, Fasweep, assert_same_results
from test_checkpoints import wait_for_checkpoints

EMULATED = Path(os.environ.get("FASWEEP_EMULATED", BINARY.parent / "tests" / "cli" / "fasweep_emulated"))


@pytest.fixture
def emulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fasweep:
    if not EMULATED.exists():
        pytest.skip(f"{EMULATED} is not built")
    monkeypatch.setattr(conftest, "BINARY", EMULATED)
    return Fasweep(tmp_path)


def test_a_sweep_on_the_emulated_device_follows_the_cpu(emulated: Fasweep) -> None:
    emulated.job()
    emulated.run("run", "job.cfg", "-o", "cpu.h5", "--backend", "cpu", "--solver", "sample-space")
    emulated.run("run", "job.cfg", "-o", "cuda.h5", "--backend", "cuda", "--solver", "sample-space")

    with h5py.File(emulated.folder / "cpu.h5") as cpu, h5py.File(emulated.folder / "cuda.h5") as cuda:
        for name in ("status", "steps", "stop_reason", "solver"):
            np.testing.assert_array_equal(cuda[name], cpu[name])
        for name in ("loss", "alignment", "hidden_change", "test_loss"):
            # float32 on both sides, sums in other orders, 60 steps
            np.testing.assert_allclose(cuda[name], cpu[name], rtol=1e-3, atol=2e-5, err_msg=name)
        assert not np.array_equal(cuda["loss"], cpu["loss"]), "the device really was used"


NETWORKS = """
[grid]
p = 20, 33
lambda = 0, 0.1
activation = relu, tanh
seed = 0..1
[data]
source = csv
path = table.csv
targets = classes
test-n = 10
[training]
loss = cross-entropy
reduction = mean
step-size = 0.05
batch-size = 8
max-steps = 5 epochs
dropout = 0.1
biases = yes
[record]
steps = epochs(1)
metrics = batch_loss, test_loss, test_accuracy, alignment, gradient_alignment, signal_alignment
"""


def write_table(folder: Path) -> None:
    """40 points in three clusters, which are their classes."""
    random = np.random.default_rng(0)
    labels = np.arange(40) % 3
    points = random.normal(size=(40, 5)) + 2 * labels[:, None]
    (folder / "table.csv").write_text("".join(f"{','.join(map(str, x))},{y}\n" for x, y in zip(points, labels)))


def test_networks_on_the_emulated_device_follow_the_cpu_in_any_batch(emulated: Fasweep) -> None:
    write_table(emulated.folder)
    job = emulated.job(NETWORKS)
    emulated.run("run", job, "-o", "cpu.h5", "--backend", "cpu")
    emulated.run("run", job, "-o", "cuda.h5", "--backend", "cuda")
    emulated.run("run", job, "-o", "small.h5", "--backend", "cuda", "--batch-seconds", "0.0001", "--workers", "2")

    assert_same_results(emulated.folder / "cuda.h5", emulated.folder / "small.h5")
    with h5py.File(emulated.folder / "cpu.h5") as cpu, h5py.File(emulated.folder / "cuda.h5") as cuda:
        for name in ("status", "steps", "stop_reason", "solver", "test_accuracy"):
            np.testing.assert_array_equal(cuda[name], cpu[name])
        for name in ("batch_loss", "test_loss", "alignment", "gradient_alignment", "signal_alignment"):
            # float32 on both sides, sums in other orders, 20 steps
            np.testing.assert_allclose(cuda[name], cpu[name], rtol=1e-3, atol=1e-4, err_msg=name)
        assert not np.array_equal(cuda["batch_loss"], cpu["batch_loss"]), "the device really was used"


def test_a_killed_sweep_on_the_emulated_device_goes_on_from_its_checkpoints(emulated: Fasweep) -> None:
    write_table(emulated.folder)
    settings = ("--set", "grid.p=20", "--set", "grid.seed=0", "--set", "training.max-steps=240 epochs")
    job = emulated.job(NETWORKS)
    emulated.run("run", job, "-o", "whole.h5", "--backend", "cuda", *settings)
    command = ("run", job, "-o", "out.h5", "--backend", "cuda", "--checkpoint-seconds", "0.1", *settings)
    process = emulated.start(*command)
    wait_for_checkpoints(emulated, process, 2)
    process.kill()
    process.communicate(timeout=60)

    assert "continues at step" in emulated.run(*command)

    assert_same_results(emulated.folder / "whole.h5", emulated.folder / "out.h5")


def test_gpus_are_in_the_file_and_ranks_that_share_one_are_told(emulated: Fasweep, needs_mpirun: None) -> None:
    emulated.job()
    message = emulated.run("run", "job.cfg", "-o", "two.h5", "--backend", "cuda", ranks=2)
    assert "share the GPU GPU-emulated-0" in message and "no MPS" in message
    with h5py.File(emulated.folder / "two.h5") as file:
        agents = file["provenance/agents"][()].decode()
    assert agents.count("device 0: emulated device, GPU-emulated-0, PCI 0000:00:00.0") == 2

    (emulated.folder / "pipe").mkdir()
    (emulated.folder / "pipe" / "control").touch()
    folder = str(emulated.folder / "pipe")
    shared = emulated.run("run", "job.cfg", "-o", "mps.h5", "--backend", "cuda", ranks=2, CUDA_MPS_PIPE_DIRECTORY=folder)
    assert "share the GPU" not in shared


def test_batches_and_restarts_do_not_change_cuda_results(emulated: Fasweep) -> None:
    emulated.job()
    emulated.run("run", "job.cfg", "-o", "whole.h5", "--backend", "cuda")
    emulated.run("run", "job.cfg", "-o", "small.h5", "--backend", "cuda", "--batch-seconds", "0.0001", "--workers", "2")
    assert_same_results(emulated.folder / "whole.h5", emulated.folder / "small.h5")


def test_without_a_device_cuda_says_so_and_trains_on_the_cpu(fasweep: Fasweep) -> None:
    """Both kinds of build: with CUDA a message and a finished sweep, without it a usage error that names the choices."""
    fasweep.job()
    process = fasweep.start("run", "job.cfg", "-o", "out.h5", "--backend", "cuda", CUDA_VISIBLE_DEVICES="")
    _, message = process.communicate(timeout=300)
    if process.returncode == 0:
        assert "no CUDA device" in message and "training on the CPU" in message
        assert "complete" in message
    else:
        assert process.returncode == 2
        assert "built without CUDA" in message and "auto or cpu" in message


def test_the_selftest_passes_on_the_emulated_device(emulated: Fasweep) -> None:
    lines = emulated.run("selftest", "--backend", "cuda").splitlines()
    assert lines[-1] == "selftest: passed"
    assert all(line.startswith("pass  ") for line in lines[:-1])
    for check in ("bits of relu", "numbers of relu", "rate of relu"):
        assert any(check in line for line in lines), check


def test_the_selftest_without_a_device_fails_and_says_why(fasweep: Fasweep) -> None:
    message = fasweep.run("selftest", expect=1, CUDA_VISIBLE_DEVICES="")
    assert "nothing to test" in message and ("no CUDA device" in message or "built without CUDA" in message)


def test_plan_forecasts_a_named_gpu_and_refuses_others(fasweep: Fasweep) -> None:
    fasweep.job()
    plan = json.loads(fasweep.run("plan", "job.cfg", "--solver", "sample-space", "--device-profile", "h100", "--json"))
    device = plan["device"]
    assert device["profile"] == "H100"
    assert sum(row["runs"] for row in device["rows"]) + device["runs_left_to_cpu"] == plan["runs"]
    total = sum(row["predicted_seconds"] for row in device["rows"])
    np.testing.assert_allclose(device["predicted_device_seconds"], total, rtol=1e-12)  # the order of a sum

    assert "us/step" in fasweep.run("plan", "job.cfg", "--device-profile", "h100")
    message = fasweep.run("plan", "job.cfg", "--device-profile", "gtx", expect=2)
    assert "--device-profile" in message and "no such profile, and no such file" in message


def test_plan_takes_what_selftest_saved(fasweep: Fasweep) -> None:
    fasweep.job()
    device: dict[str, object] = {"passed": True, "check": "", "device": {"name": "My GPU", "shared_bytes_a_block": 99 << 10}}
    rate: dict[str, object] = {"solver": "sample-space", "activation": "relu", "samples": 50, "width": 1000, "inputs": 0, "outputs": 1}
    lines: list[dict[str, object]] = [device, {"passed": True, "check": "numbers"}, {"passed": True, "check": "", "rate": dict(rate, seconds=1e-6)}]
    path = fasweep.folder / "gpu.json"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "on one My GPU" in fasweep.run("plan", "job.cfg", "--solver", "sample-space", "--device-profile", "gpu.json")

    for broken, why in (
        ("", "no figures of a GPU in it"),
        (json.dumps(device), "no figures of a GPU in it"),
        (json.dumps(device) + "\n" + json.dumps({"rate": dict(rate, seconds=-1)}), "line 2: "),
        (json.dumps(device) + "\n" + json.dumps({"rate": dict(rate, activation="x", seconds=1)}), "unknown name x"),
        ("not json", "line 1: "),
    ):
        path.write_text(broken)
        assert why in fasweep.run("plan", "job.cfg", "--device-profile", "gpu.json", expect=2)

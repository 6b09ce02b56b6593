"""Every notebook of docs/notebooks runs from its first cell to its last, in a folder of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from test_run import wait_for

import fasweep

nbformat = pytest.importorskip("nbformat", reason="no nbformat here; jobs/packages.sh --developer installs it")
nbclient = pytest.importorskip("nbclient", reason="no nbclient here; jobs/packages.sh --developer installs it")
start_new_kernel = pytest.importorskip("jupyter_client.manager").start_new_kernel
pytest.importorskip("ipykernel", reason="no ipykernel here; jobs/packages.sh --developer installs it")

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "python"))
    notebook = nbformat.read(path, as_version=4)

    client = nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}})

    try:
        client.execute()
    except nbclient.exceptions.CellExecutionError as error:
        pytest.fail(str(error), pytrace=False)


LONG = """
import fasweep
data = fasweep.run(grid={"p": [3, 400], "activation": "tanh"}, data={"n": 20, "d": 30}, training={"max-steps": 10**8},
                   output="long.h5", publish_seconds=0)
"""


def test_the_stop_button_drains_the_sweep(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "python"))
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(folder))
    try:
        cell = client.execute(LONG)
        wait_for((folder / "long.h5.journal").exists)
        time.sleep(0.5)

        manager.interrupt_kernel()
        answers: Iterator[Any] = iter(lambda: client.get_shell_msg(timeout=60), None)
        reply = next(answer["content"] for answer in answers if answer["parent_header"]["msg_id"] == cell)

        assert reply["ename"] == "KeyboardInterrupt" and "keeps what was done" in reply["evalue"]
        assert fasweep.status("long.h5")["counts"]["pending"] > 0  # and nobody has its lock
        assert client.execute_interactive("assert not fasweep.open('long.h5').attrs['complete']", timeout=60)["content"]["status"] == "ok"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_notebooks_are_kept_without_results():
    assert len(NOTEBOOKS) == 4
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            assert not cell.get("outputs") and cell.get("execution_count") is None, f"{path.name} has results; clear them"

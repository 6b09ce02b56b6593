"""Every notebook of docs/notebooks runs from its first cell to its last, in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import ROOT

nbformat = pytest.importorskip("nbformat", reason="no nbformat here; jobs/packages.sh --developer installs it")
nbclient = pytest.importorskip("nbclient", reason="no nbclient here; jobs/packages.sh --developer installs it")
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


def test_notebooks_are_kept_without_results():
    assert len(NOTEBOOKS) == 4
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            assert not cell.get("outputs") and cell.get("execution_count") is None, f"{path.name} has results; clear them"

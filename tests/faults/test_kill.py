"""The short run of kill.py: tens of kills, and one at every named point."""

from __future__ import annotations

import shutil
from pathlib import Path

import kill
import pytest


@pytest.fixture(autouse=True)
def needs_binary() -> None:
    if not kill.BINARY.exists():
        pytest.skip(f"{kill.BINARY} is not built")


@pytest.mark.parametrize("ranks, kills", [(1, 12), (2, 6), (4, 6)])
def test_nothing_acknowledged_is_lost(ranks: int, kills: int):
    if ranks > 1 and shutil.which("mpirun") is None:
        pytest.skip("no mpirun on PATH")
    figures = kill.run_harness(kills, seed=20 + ranks, ranks=[ranks])
    assert figures.total() == kills
    assert figures.acknowledged > 0


def test_every_named_point_can_be_died_at(tmp_path: Path):
    (tmp_path / "reference").mkdir()
    reference = kill.make_reference(tmp_path / "reference")
    for name in kill.STORE_POINTS | kill.AGENT_POINTS:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "job.cfg").write_text(kill.JOB)
        assert kill.dies_at_point(folder, 1, name, 1, 0), name
        kept = kill.acknowledged(folder)
        kill.finish(folder, 1)
        kill.check_kept(kept, kill.file_records(folder / "out.h5"), f"after dying at {name}")
        kill.assert_same_results(folder / "out.h5", reference)

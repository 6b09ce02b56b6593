"""README and docs/: what is generated is of today's program, what is shown runs, and what is linked is there."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from conftest import BINARY, ROOT

import fasweep

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def script(path: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification and specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_tables_of_keys_are_of_today():
    writer = script(ROOT / "docs" / "write_keys.py")
    page = writer.PAGE.read_text()

    assert writer.page_with_keys(page, str(BINARY)) == page, "run docs/write_keys.py FASWEEP"


def test_table_of_rules_is_of_today():
    writer = script(ROOT / "docs" / "write_keys.py")
    page = writer.RULES_PAGE.read_text()

    assert writer.page_with_rules(page, str(BINARY)) == page, "run docs/write_keys.py FASWEEP"


def test_every_metric_has_a_formula():
    names = fasweep.keys()["record.metrics"]["accepted"].split("list of ")[1].split(", ")

    assert re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE) == names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_page_is_in_the_readme():
    text = (ROOT / "README.md").read_text()

    for page in PAGES[1:]:
        assert f"(docs/{page.name})" in text


def test_the_readme_s_python_runs(folder: Path):
    (code,) = blocks(ROOT / "README.md", "python")
    names: dict[str, Any] = {}

    exec(compile(code, "README.md", "exec"), names)

    assert names["data"].attrs["complete"] == 1 and dict(names["data"].sizes)["p"] == 3
    assert "Theorem 3.2" in Path("width.html").read_text()


def test_the_page_s_other_formats_are_written(folder: Path):
    fasweep.run(grid={"p": [3, 4], "seed": [0, 1]}, data={"n": 4, "d": 3}, training={"max-steps": 9}, output="smoke.h5", progress=False)
    _, code = blocks(ROOT / "docs" / "file-format.md", "python")

    exec(compile(code, "file-format.md", "exec"), {})

    assert Path("grid.nc").stat().st_size > 0 and len(Path("table.csv").read_text().splitlines()) == 5


def test_the_tutorial_runs_in_a_shell(folder: Path):
    (folder / "bin").mkdir()
    (folder / "bin" / "fasweep").symlink_to(BINARY)
    (folder / "bin" / "python3").symlink_to(sys.executable)
    environment = os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "python")}
    commands = "\n".join(blocks(ROOT / "docs" / "tutorial.md", "bash"))

    done = subprocess.run(["bash", "-euxc", commands], env=environment, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    for name in ("width.h5", "width.png", "width.csv", "state.h5"):
        assert (folder / name).stat().st_size > 0
    alignment = fasweep.open("width.h5").final_alignment.sel(rule="feedback-alignment", seed=slice(0, 3)).mean("seed").squeeze()
    stated = re.search(r"from (\S+) at p = 50 to (\S+) at p = 800.*from (\S+) to (\S+) only", (ROOT / "docs" / "tutorial.md").read_text())
    assert stated
    ends = [float(alignment.sel({"lambda": ridge, "p": p})) for ridge in (0, 0.3) for p in (50, 800)]
    assert ends == [pytest.approx(float(number), abs=0.01) for number in stated.groups()]

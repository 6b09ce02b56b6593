"""Writes the tables of keys in docs/jobs.md from `fasweep keys --json`. usage: docs/write_keys.py FASWEEP"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent / "jobs.md"
BEGIN, END = "<!-- keys:begin -->\n", "<!-- keys:end -->\n"


def page_with_keys(page: str, program: str) -> str:
    """The page with today's tables between its marks."""
    done = subprocess.run([program, "keys", "--json"], check=True, capture_output=True, text=True)
    before, rest = page.split(BEGIN)
    return before + BEGIN + tables(json.loads(done.stdout)) + END + rest.split(END)[1]


def tables(keys: list[dict[str, Any]]) -> str:
    """One table a section, in the order of the program."""
    lines: list[str] = []
    for section, members in itertools.groupby(keys, key=lambda key: key["key"].split(".")[0]):
        lines += [f"### [{section}]", "", "| key | default | meaning | accepted | column in the file |", "|---|---|---|---|---|"]
        lines += [row(key) for key in members]
        lines.append("")
    return "\n".join(lines)


def row(key: dict[str, Any]) -> str:
    default = "required" if key["default"] is None else f"`{key['default']}`"
    if key.get("default_with_data_set") is not None:
        default += f"; with a data set `{key['default_with_data_set']}`"
    meaning = key["meaning"] if key["jobs"] == "all" else f"{key['jobs']}: {key['meaning']}"
    cells = (f"`{key['key'].split('.')[1]}`", default, meaning, key["accepted"], key.get("column") or "")
    return "| " + " | ".join(cell.replace("|", "\\|").replace("*", "\\*") for cell in cells) + " |"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    PAGE.write_text(page_with_keys(PAGE.read_text(), sys.argv[1]))

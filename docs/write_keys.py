"""Writes the tables of keys in docs/jobs.md and of rules in docs/solvers.md from `fasweep keys`. usage: docs/write_keys.py FASWEEP"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PAGE, RULES_PAGE = (Path(__file__).resolve().parent / name for name in ("jobs.md", "solvers.md"))


def page_with_keys(page: str, program: str) -> str:
    """The page with today's tables between its marks."""
    return between("keys", page, tables(ask(program)))


def page_with_rules(page: str, program: str) -> str:
    rows = [
        cells(f"`{rule['rule']}`", rule["meaning"], ", ".join(rule["solvers"]), "yes" if rule["gpu"] else "no")
        for rule in ask(program, "--rules")
    ]
    return between("rules", page, "\n".join(["| rule | what comes back | solvers | on GPUs |", "|---|---|---|---|", *rows, ""]))


def ask(program: str, *arguments: str) -> list[dict[str, Any]]:
    done = subprocess.run([program, "keys", "--json", *arguments], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def between(mark: str, page: str, text: str) -> str:
    begin, end = f"<!-- {mark}:begin -->\n", f"<!-- {mark}:end -->\n"
    before, rest = page.split(begin)
    return before + begin + text + end + rest.split(end)[1]


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
    return cells(f"`{key['key'].split('.')[1]}`", default, meaning, key["accepted"], key.get("column") or "")


def cells(*texts: str) -> str:
    return "| " + " | ".join(text.replace("|", "\\|").replace("*", "\\*") for text in texts) + " |"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    PAGE.write_text(page_with_keys(PAGE.read_text(), sys.argv[1]))
    RULES_PAGE.write_text(page_with_rules(RULES_PAGE.read_text(), sys.argv[1]))

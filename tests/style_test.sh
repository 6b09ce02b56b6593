#!/usr/bin/env bash
# Formatting of C++ (clang-format 14), or soundness of shell scripts (shellcheck) or of Python (pyflakes, mypy), for every tracked file.
# usage: tests/style_test.sh format|shell|python
# Exit code 77: skipped, since the tool is not here in the version that counts.
set -euo pipefail
cd "$(dirname "$0")/.."

# Other versions of clang-format lay out the same code otherwise.
formatter() {
  local candidate
  for candidate in clang-format-14 clang-format; do
    if [[ $("$candidate" --version 2>/dev/null) == *"version 14."* ]]; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

case "${1:-}" in
  format)
    if ! format=$(formatter); then
      echo "style_test.sh: skipped: formatting is not checked (no clang-format 14 here)"
      exit 77
    fi
    git ls-files -z '*.cpp' '*.hpp' '*.cu' '*.cuh' | xargs -0 "$format" --dry-run --Werror
    ;;
  shell)
    if ! command -v shellcheck >/dev/null; then
      echo "style_test.sh: skipped: scripts are not checked (no shellcheck here)"
      exit 77
    fi
    git ls-files -z '*.sh' '*.sbatch' '.ci/run' | xargs -0 shellcheck --external-sources
    ;;
  python)
    if ! /usr/bin/python3 -c "import mypy, pyflakes" 2>/dev/null; then
      echo "style_test.sh: skipped: Python is not checked (no mypy or no pyflakes here)"
      exit 77
    fi
    # A recipe of Spack's takes its names from spack.package, which is not here.
    git ls-files -z '*.py' ':!packaging/spack' | xargs -0 /usr/bin/python3 -m pyflakes
    # Several conftest.py, so several runs: each finds the modules of its own tests.
    MYPYPATH=python:tests/analysis /usr/bin/python3 -m mypy python/fasweep analysis.py docs/write_keys.py tests/*.py tests/analysis
    MYPYPATH=python:tests/python /usr/bin/python3 -m mypy tests/python
    MYPYPATH=tests/cli:tests/faults:tests/slurm /usr/bin/python3 -m mypy tests/cli/*.py tests/faults/*.py tests/slurm/local_cluster.py tests/slurm/test_slurm_jobs.py
    ;;
  *) sed -n '3s/^# //p' "$0" >&2; exit 2 ;;
esac

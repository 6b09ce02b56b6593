#!/usr/bin/env bash
# For git: checks what a commit would hold, in seconds: layout and names of C++, shell, Python, layering.
# usage: ln -s ../../tests/pre-commit.sh .git/hooks/pre-commit
set -euo pipefail
cd "$(git rev-parse --show-toplevel)"

# check COMMAND...: exit code 77 says that a tool is not here.
check() {
  local result=0
  "$@" || result=$?
  [ "$result" -eq 0 ] || [ "$result" -eq 77 ]
}

git diff --cached --check
for part in format shell python; do
  check tests/style_test.sh "$part"
done
tests/pytest.sh tests/layering_test.py

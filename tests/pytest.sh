#!/usr/bin/env bash
# Runs pytest on the given files or folders with a python3 that has what they import.
# usage: tests/pytest.sh PATH...
set -euo pipefail
if [ $# -eq 0 ]; then
  sed -n '3s/^# //p' "$0" >&2
  exit 2
fi
root=$(cd "$(dirname "$0")/.." && pwd)
python=$("$root/jobs/python.sh" --developer)
echo "pytest with $python"
exec "$python" -m pytest -q -p no:cacheprovider "$@"

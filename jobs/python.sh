#!/usr/bin/env bash
# Prints the path of a python3 that has what analysis/ and the tests import: FASWEEP_PYTHON, the first python3 on PATH, or
# the system's, whichever comes first and will do.
set -euo pipefail

needed="h5py, matplotlib, numpy, pandas, pytest, xarray"
for candidate in "${FASWEEP_PYTHON:-}" "$(command -v python3 || true)" /usr/bin/python3; do
  if [ -n "$candidate" ] && "$candidate" -c "import $needed" >/dev/null 2>&1; then
    echo "$candidate"
    exit 0
  fi
done
echo "python.sh: no python3 imports $needed; run jobs/packages.sh, or set FASWEEP_PYTHON to one that does" >&2
exit 1

#!/usr/bin/env bash
# Prints the path of a python3 that has what `python3 -m analysis` imports, with --developer what the package fasweep and the
# tests import too: FASWEEP_PYTHON, the first python3 on PATH, or the system's, whichever comes first and will do.
# usage: jobs/python.sh [--developer]
set -euo pipefail

needed="h5py, matplotlib, numpy"
packages=jobs/packages.sh
case "${1:-}" in
  "") ;;
  --developer)
    needed+=", pandas, pytest, tqdm, xarray"
    packages+=" --developer"
    ;;
  *) sed -n '4s/^# //p' "$0" >&2; exit 2 ;;
esac
for candidate in "${FASWEEP_PYTHON:-}" "$(command -v python3 || true)" /usr/bin/python3; do
  if [ -n "$candidate" ] && "$candidate" -c "import $needed" >/dev/null 2>&1; then
    echo "$candidate"
    exit 0
  fi
done
echo "python.sh: no python3 imports $needed; run $packages, or set FASWEEP_PYTHON to one that does" >&2
exit 1

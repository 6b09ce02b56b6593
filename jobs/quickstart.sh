#!/usr/bin/env bash
# From a fresh checkout to a figure: installs what is missing, builds, sweeps jobs/quickstart.cfg over MPI on all cores and
# draws results/quickstart.png. Run again, it finds everything complete and changes nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

# Code 3: nothing can be installed here. What was loaded as modules may do; cmake says what is missing.
jobs/packages.sh || [ $? -eq 3 ]
[ -f build/release/build.ninja ] || cmake --preset release -D FASWEEP_ARCH=native >/dev/null  # half to compile
cmake --build --preset release --target fasweep
python=$(jobs/python.sh)

file=results/quickstart.h5
figure=results/quickstart.png
mkdir -p results
# Open MPI refuses root unless told; a container's only user often is root.
if [ "$(id -u)" -eq 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
mpirun -n "$(nproc)" --oversubscribe build/release/fasweep run jobs/quickstart.cfg -o "$file"
if [ "$figure" -nt "$file" ]; then
  echo "$figure is up to date"
else
  echo "drawing with $python"
  "$python" -m analysis figure2 "$file" -o "$figure"
fi
"$python" -m analysis summary "$file"

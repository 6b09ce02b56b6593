#!/usr/bin/env bash
# The steps of the container images (Dockerfile, fasweep.def), each as root in a Debian image, in the folder of the sources.
# usage: packaging/image.sh build FOLDER      builds without CUDA, installs below FOLDER, and lists in FOLDER/packages what it needs
#        packaging/image.sh install FOLDER    puts that into /usr/local, its libraries and the packages for reading results too
# FASWEEP_MPI=OFF builds for one machine, without MPI.
set -euo pipefail
step=${1:-}
folder=${2:-}
if [[ $# -ne 2 || ! $step =~ ^(build|install)$ ]]; then
  sed -n '3,5s/^# //p' "$0" >&2
  exit 2
fi
export DEBIAN_FRONTEND=noninteractive

build() {
  cd "$(dirname "$0")/.."
  jobs/packages.sh
  cmake -S . -B build/image -G Ninja -D CMAKE_BUILD_TYPE=Release -D FASWEEP_CUDA=OFF -D FASWEEP_TESTS=OFF \
    -D "FASWEEP_MPI=${FASWEEP_MPI:-ON}"
  cmake --build build/image --target all
  DESTDIR=$folder cmake --install build/image --prefix /usr/local
  # Debian names its libraries' packages after their versions: those that the program is linked to are asked for.
  ldd build/image/fasweep | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | xargs --no-run-if-empty realpath | xargs dpkg-query --search |
    cut -d: -f1 | sort -u >"$folder/packages"
  if [ "${FASWEEP_MPI:-ON}" != OFF ]; then
    echo openmpi-bin >>"$folder/packages"
  fi
}

install() {
  apt-get update -qq
  xargs apt-get install -y --no-install-recommends python3-h5py python3-matplotlib python3-pandas python3-scipy python3-tqdm python3-xarray <"$folder/packages"
  rm -rf /var/lib/apt/lists/*
  cp -a "$folder/usr/local/." /usr/local/
  fasweep version
}

"$step"

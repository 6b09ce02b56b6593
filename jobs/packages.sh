#!/usr/bin/env bash
# Installs the Debian or Ubuntu packages that building, testing and drawing need, where they are missing.
# usage: jobs/packages.sh [--list]      --list only prints their names
set -euo pipefail

packages=(
  g++ cmake ninja-build git ca-certificates
  libopenmpi-dev openmpi-bin libhdf5-dev hdf5-tools
  libeigen3-dev libhwy-dev librandom123-dev
  libboost-dev libboost-program-options-dev nlohmann-json3-dev zlib1g-dev
  libgtest-dev libgmock-dev
  python3 python3-venv python3-numpy python3-h5py python3-matplotlib python3-pandas
  python3-xarray python3-h5netcdf python3-netcdf4 python3-pytest
  clang-format-14 shellcheck
  dataset-fashion-mnist
)

case "${1:-}" in
  "") ;;
  --list) printf '%s\n' "${packages[@]}"; exit 0 ;;
  *) sed -n '2,3s/^# //p' "$0" >&2; exit 2 ;;
esac

if ! command -v apt-get >/dev/null; then
  echo "packages.sh: no apt-get here (not Debian or Ubuntu); install by hand: ${packages[*]}" >&2
  exit 1
fi
missing=()
for package in "${packages[@]}"; do
  dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  as_root=(sudo)
fi
echo "installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null

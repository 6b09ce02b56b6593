#!/usr/bin/env bash
# Installs the Debian or Ubuntu packages that are missing: those that building the program, running it and drawing need,
# and with --developer those of the tests too.
# usage: jobs/packages.sh [--developer] [--list]      --list only prints their names
# Exit code 3: nothing can be installed here (no apt-get, or no right to use it); what to load or ask for has been said.
set -euo pipefail

# NAME|OTHER takes the first that this distribution has; with an empty name at the end it is fine to have none.
users=(
  g++ cmake ninja-build git ca-certificates
  libopenmpi-dev openmpi-bin libhdf5-dev
  libeigen3-dev libhwy-dev libmuparser-dev
  libboost-dev libboost-program-options-dev nlohmann-json3-dev zlib1g-dev
  python3 python3-numpy python3-h5py python3-matplotlib
)
developers=(
  libgtest-dev libgmock-dev librandom123-dev clang libclang-rt-dev
  python3-venv python3-pytest python3-pandas python3-scipy python3-xarray python3-tqdm python3-h5netcdf python3-netcdf4
  python3-nbclient python3-ipykernel
  "qemu-user|"
  "clang-format-14|clang-format|" "clang-tidy-14|" shellcheck mypy python3-pyflakes
  dataset-fashion-mnist
)

packages=("${users[@]}")
list=no
for argument in "$@"; do
  case "$argument" in
    --developer) packages+=("${developers[@]}") ;;
    --list) list=yes ;;
    *) sed -n '4s/^# //p' "$0" >&2; exit 2 ;;
  esac
done

# names PACKAGE: its alternatives, one a line.
names() {
  tr '|' '\n' <<<"$1" | sed '/^$/d'
}

is_installed() {
  [[ $(dpkg-query --show --showformat='${Status}' "$1" 2>/dev/null) == "install ok installed" ]]
}

is_offered() {
  [[ $(LC_ALL=C apt-cache policy "$1" 2>/dev/null) == *"Candidate: "[0-9]* ]]
}

# is_there PACKAGE: whether one of its alternatives is installed.
is_there() {
  local name
  for name in $(names "$1"); do
    is_installed "$name" && return
  done
  return 1
}

# offered PACKAGE: the first of its alternatives that apt knows; the first of all if it knows none.
offered() {
  local name
  for name in $(names "$1"); do
    is_offered "$name" && echo "$name" && return
  done
  [[ $1 == *"|" ]] || names "$1" | head -n 1
}

# cannot_install WHY: says what to do without apt-get.
cannot_install() {
  echo "packages.sh: nothing can be installed here ($1); load or ask for the EasyBuild modules GCC OpenMPI CMake Ninja HDF5" \
    "Eigen Highway muParser Boost nlohmann_json zlib SciPy-bundle h5py matplotlib and, for the tests, googletest and Random123" \
    "(which has no module, is headers: cmake -D RANDOM123_INCLUDE_DIR=FOLDER), or the Spack packages gcc openmpi cmake ninja" \
    "hdf5+hl eigen highway muparser boost+program_options nlohmann-json zlib py-numpy py-h5py py-matplotlib" \
    "googletest; in Debian they are ${packages[*]%%|*}" >&2
  exit 3
}

if [ "$list" = yes ]; then
  for package in "${packages[@]}"; do
    if command -v apt-cache >/dev/null; then
      offered "$package"
    else
      names "$package" | head -n 1
    fi
  done
  exit 0
fi

if ! command -v apt-get >/dev/null; then
  cannot_install "no apt-get: not Debian or Ubuntu"
fi
missing=()
for package in "${packages[@]}"; do
  is_there "$package" || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || cannot_install "neither root nor sudo; missing: ${missing[*]%%|*}"
  as_root=(sudo)
fi
"${as_root[@]}" apt-get update -qq
wanted=()
for package in "${missing[@]}"; do
  mapfile -t -O "${#wanted[@]}" wanted < <(offered "$package")
done
if [ ${#wanted[@]} -gt 0 ]; then
  echo "installing ${wanted[*]}"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
fi

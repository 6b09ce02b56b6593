#!/usr/bin/env bash
# Downloads the four files of MNIST (11 MB) into FOLDER and checks what they are. Existing files are not touched.
# usage: jobs/fetch-mnist.sh FOLDER       for example jobs/fetch-mnist.sh data/mnist, where jobs look for the data set
# FASWEEP_MNIST_URL names another mirror than the one below; every mirror must serve the same bytes.
set -euo pipefail

if [ $# -ne 1 ]; then
  sed -n '2,4s/^# //p' "$0" >&2
  exit 2
fi
folder=$1
url=${FASWEEP_MNIST_URL:-https://ossci-datasets.s3.amazonaws.com/mnist}

# The SHA-256 of each file's content: compressed, mirrors may differ.
files=(
  "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db train-images-idx3-ubyte.gz"
  "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5 train-labels-idx1-ubyte.gz"
  "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7 t10k-images-idx3-ubyte.gz"
  "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2 t10k-labels-idx1-ubyte.gz"
)

# is_whole SUM FILE: whether the gzip file decompresses to the content with that sum.
is_whole() { [ "$(gzip --decompress --stdout <"$2" 2>/dev/null | sha256sum)" = "$1  -" ]; }

if ! command -v curl >/dev/null; then
  echo "fetch-mnist.sh: curl is not installed (it does the downloading); install it, or copy the four files into '$folder'" >&2
  exit 1
fi
mkdir -p "$folder"
for entry in "${files[@]}"; do
  read -r sum name <<<"$entry"
  if [ -e "$folder/$name" ]; then
    if ! is_whole "$sum" "$folder/$name"; then
      echo "fetch-mnist.sh: '$folder/$name' exists and is not MNIST's (another SHA-256); move it elsewhere and run this again" >&2
      exit 1
    fi
    echo "$name exists"
    continue
  fi
  part=$(mktemp "$folder/$name.XXXXXX")
  trap 'rm -f "$part"' EXIT
  if ! curl --fail --silent --show-error --location --retry 2 --connect-timeout 20 --output "$part" "$url/$name"; then
    echo "fetch-mnist.sh: '$url/$name' cannot be fetched (no network, or no such mirror); set FASWEEP_MNIST_URL, or copy the four files into '$folder'" >&2
    exit 1
  fi
  if ! is_whole "$sum" "$part"; then
    echo "fetch-mnist.sh: '$url/$name' is not MNIST's (another SHA-256); set FASWEEP_MNIST_URL to another mirror" >&2
    exit 1
  fi
  chmod 644 "$part"
  mv --no-clobber "$part" "$folder/$name"
  trap - EXIT
  echo "$name fetched"
done

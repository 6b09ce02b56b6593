#!/usr/bin/env bash
# Runs README's two commands on a bare Debian or Ubuntu: makes a folder of its packages (debootstrap), and in it, from a
# clone of the last commit, jobs/quickstart.sh and tests/run.sh, as root and as a user with sudo.
# Ends with a line for each of the four: its outcome and how long it took. README.md keeps what came of it.
# usage: sudo tests/distribution.sh bookworm|trixie|noble [quickstart|tests]...      both commands unless named
# FASWEEP_DISTRIBUTIONS names a folder for the systems and the logs, 3 GB each; otherwise /var/tmp/fasweep-distributions.
# FASWEEP_MIRROR names where packages come from; of Debian's, otherwise apt's own mirror.
# FASWEEP_CCACHE names a folder of compiled objects (ccache) that the systems share; the times then leave compiling out.
set -euo pipefail

case "${1:-}" in
  bookworm | trixie | noble) release=$1 ;;
  *) sed -n '5,8s/^# //p' "$0" >&2; exit 2 ;;
esac
shift
commands=("$@")
[ ${#commands[@]} -gt 0 ] || commands=(quickstart tests)
for command in "${commands[@]}"; do
  case "$command" in
    quickstart | tests) ;;
    *) sed -n '5,8s/^# //p' "$0" >&2; exit 2 ;;
  esac
done
if [ "$(id -u)" -ne 0 ] || ! command -v debootstrap >/dev/null; then
  echo "distribution.sh: it needs root and debootstrap (it makes a system and enters it); install debootstrap, run it by sudo" >&2
  exit 1
fi

source=$(cd "$(dirname "$0")/.." && pwd)
folder=${FASWEEP_DISTRIBUTIONS:-/var/tmp/fasweep-distributions}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
root=$folder/$release
mirror=${FASWEEP_MIRROR:-}
if [ -z "$mirror" ] && [ "$release" != noble ]; then
  # shellcheck disable=SC2016  # apt's own variable, not the shell's
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' | grep '/debian/*$' | head -n 1)
fi
if [ -z "$mirror" ]; then
  echo "distribution.sh: no mirror of '$release' is known here (nothing to make '$root' from); name one in FASWEEP_MIRROR" >&2
  exit 1
fi

packages=ca-certificates,git,sudo
components=main
script=()
if [ "$release" = noble ]; then
  components=main,universe
  script=(/usr/share/debootstrap/scripts/gutsy)  # all releases of Ubuntu are made alike
fi
environment=(LC_ALL=C.UTF-8)
mounts=(proc sys dev dev/pts dev/shm)
sources=(/proc /sys /dev /dev/pts /dev/shm)
if [ -n "${FASWEEP_CCACHE:-}" ]; then
  mkdir -p "$FASWEEP_CCACHE"
  chmod a+rwx "$FASWEEP_CCACHE"
  packages+=,ccache
  environment+=(CMAKE_CXX_COMPILER_LAUNCHER=ccache CCACHE_DIR=/ccache CCACHE_UMASK=000 "CCACHE_SLOPPINESS=pch_defines,time_macros")
  mounts+=(ccache)
  sources+=("$(cd "$FASWEEP_CCACHE" && pwd)")
fi
mount_all() {
  local i
  for ((i = 0; i < ${#mounts[@]}; ++i)); do
    mkdir -p "$root/${mounts[i]}"
    mount --bind "${sources[i]}" "$root/${mounts[i]}"
  done
}

unmount_all() {
  local i
  for ((i = ${#mounts[@]} - 1; i >= 0; --i)); do
    if mountpoint --quiet "$root/${mounts[i]}"; then
      umount "$root/${mounts[i]}"
    fi
  done
}

# make_system: a bare system in $root with a user who may use sudo. Nothing in it is from an earlier time.
make_system() {
  unmount_all
  rm -rf --one-file-system "$root"
  debootstrap --variant=minbase --components="$components" --include="$packages" "$release" "$root" "$mirror" "${script[@]}" \
    >"$folder/$release.log" 2>&1
  mount_all
  echo "user ALL=(ALL) NOPASSWD: ALL" >"$root/etc/sudoers.d/user"
  chroot "$root" useradd --create-home --shell /bin/bash user
}

# run_as WHO COMMAND: in a clone of its own, in the environment of a new login.
run_as() {
  local who=$1
  local command=$2
  local clone=/srv/fasweep
  if [ ! -d "$root$clone" ]; then
    git clone --quiet "file://$source" "$root$clone"
    git -C "$root$clone" checkout --quiet "$commit"
    chroot "$root" chown -R "$who:" "$clone"
  fi
  chroot "$root" sudo --user "$who" --login env "${environment[@]}" bash -c "cd $clone && $command"
}

# Of the whole run, whatever is committed meanwhile.
commit=$(git -C "$source" rev-parse HEAD)

declare -A scripts=([quickstart]=jobs/quickstart.sh [tests]=tests/run.sh)
trap unmount_all EXIT
results=()
failed=no
for who in root user; do
  make_system
  for command in "${commands[@]}"; do
    log=$folder/$release-$who-$command.log
    begin=$SECONDS
    outcome="exit 0"
    run_as "$who" "${scripts[$command]}" >"$log" 2>&1 </dev/null || { outcome="exit $?, see $log"; failed=yes; }
    results+=("$release, $who, ${scripts[$command]}: $outcome, $((SECONDS - begin)) s")
    echo "${results[-1]}"
    tail -n 1 "$log"
  done
done
printf '\ncommit %s\n' "${commit:0:7}"
printf '%s\n' "${results[@]}"
[ "$failed" = no ]

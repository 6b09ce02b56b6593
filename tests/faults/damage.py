#!/usr/bin/env python3
"""Damages copies of a result file, thousands of them, and asks fasweep and h5py what they see. No copy may be called sound
whose contents h5py reads as others, no command may crash or go on for ever.

    tests/faults/damage.py FASWEEP FILE.h5 [COPIES] [SEED]     by default 10,000 copies; 300 of them are a test of CI

Every kind of change is spread evenly over the file: its superblock and headers, object headers, heaps, chunk indices, data,
its seal. Each copy that is called sound is read by h5py in a process of its own, which may crash or hang on it.
"""

from __future__ import annotations

import collections
import hashlib
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py

TIMEOUT_S = 300


def damage(whole: bytes, kind: str, random: random.Random, place: int) -> bytes:
    """One change at or near `place`."""
    data = bytearray(whole)
    if kind == "bit":
        data[place] ^= 1 << random.randrange(8)
    elif kind == "byte":
        data[place] ^= random.randrange(1, 256)
    elif kind == "zeroed":
        size = random.choice((8, 64, 512, 4096))
        data[place : place + size] = bytes(len(data[place : place + size]))
    elif kind == "moved":
        size = random.choice((8, 64, 512))
        other = random.randrange(len(data) - size)
        data[place : place + size] = data[other : other + len(data[place : place + size])]
    elif kind == "cut":
        del data[place:]
    elif kind == "lost":
        del data[place : place + random.choice((1, 16, 512))]
    return bytes(data)


KINDS = ("bit", "bit", "bit", "byte", "zeroed", "moved", "cut", "lost")


def digest(path: str) -> str:
    """Of everything in the file that h5py reads."""
    sum_ = hashlib.sha256()

    def add(name: str, item: h5py.HLObject) -> None:
        sum_.update(name.encode())
        for key in sorted(item.attrs):
            if key not in ("REFERENCE_LIST", "DIMENSION_LIST"):  # object references, which differ between files
                sum_.update(f"{key}={item.attrs[key]!r}".encode())
        if isinstance(item, h5py.Dataset):
            sum_.update(f"{item.dtype} {item.shape}".encode())
            values = item[...]
            sum_.update(repr(values.tolist()).encode() if values.dtype.kind == "O" else values.tobytes())

    with h5py.File(path) as file:
        add("/", file)
        file.visititems(add)
    return sum_.hexdigest()


def read_apart(path: str) -> str:
    """digest() in a process of its own; what happened to that if it gave none."""
    code = "import sys; sys.path.insert(0, sys.argv[2]); import damage; print(damage.digest(sys.argv[1]))"
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, path, str(Path(__file__).parent)], capture_output=True, text=True, timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return "unreadable"
    return done.stdout.strip() if done.returncode == 0 else "unreadable"


def judge(fasweep: str, path: str, whole: bytes, changed: bytes, expected: str) -> str:
    if changed == whole:
        return "unchanged"
    Path(path).write_bytes(changed)
    try:
        done = subprocess.run([fasweep, "verify", path], capture_output=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return "HANG"
    if done.returncode < 0 or done.returncode >= 128:
        return "CRASH"
    if done.returncode != 0:
        return "found"
    return "sound, and it is" if read_apart(path) == expected else "SILENT DIFFERENCE"


def try_copies(arguments: tuple[str, str, int, int, int]) -> tuple[collections.Counter, list[str]]:
    """Copies number first, first + step, ... of `copies`."""
    fasweep, file, copies, seed, first = arguments
    whole = Path(file).read_bytes()
    results: collections.Counter = collections.Counter()
    bad = []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "copy.h5")
        Path(path).write_bytes(whole)
        expected = read_apart(path)
        assert expected != "unreadable", f"{file} itself cannot be read"
        for number in range(first, copies, WORKERS):
            chance = random.Random(f"{seed} {number}")
            kind = KINDS[number % len(KINDS)]
            # Even over the whole file, with more at its head and its end, where HDF5 keeps what all else hangs on.
            place = int(len(whole) * (number + chance.random()) / copies)
            if chance.random() < 0.2:
                place = chance.randrange(4096) if chance.random() < 0.5 else len(whole) - 1 - chance.randrange(4096)
            place = min(max(place, 0), len(whole) - 1)
            result = judge(fasweep, path, whole, damage(whole, kind, chance, place), expected)
            results[f"{kind}: {result}"] += 1
            if result.isupper():
                bad.append(f"copy {number}, {kind} at {place}: {result}")
    return results, bad


WORKERS = max(len(os.sched_getaffinity(0)), 1)


def main() -> int:
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    fasweep, file = sys.argv[1], sys.argv[2]
    copies = int(sys.argv[3]) if len(sys.argv) > 3 else 10_000
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    results: collections.Counter = collections.Counter()
    bad: list[str] = []
    with multiprocessing.Pool(WORKERS) as pool:
        parts = [(fasweep, file, copies, seed, first) for first in range(WORKERS)]
        for part, bad_of_part in pool.imap_unordered(try_copies, parts):
            results += part
            bad += bad_of_part
    for name, count in sorted(results.items()):
        print(f"{count:7} {name}")
    print("\n".join(bad) if bad else f"{copies} copies: no silent difference, no crash, no hang")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

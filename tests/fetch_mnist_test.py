"""jobs/fetch-mnist.sh against a mirror on this machine: real downloads, and mirrors that are gone or serve something else."""

from __future__ import annotations

import functools
import gzip
import http.server
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"]
MNIST = [folder for folder in (ROOT / "data" / "mnist", ROOT.parent / "shared" / "data" / "mnist") if folder.exists()]

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")


class Mirror:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    folder = tmp_path / "mirror"
    folder.mkdir()
    mirror = Mirror(folder)
    yield mirror
    mirror.close()


def fetch(folder: Path, url: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k.lower() not in ("http_proxy", "all_proxy")}
    return subprocess.run([ROOT / "jobs" / "fetch-mnist.sh", folder], env=environment | {"FASWEEP_MNIST_URL": url},
                          capture_output=True, text=True, timeout=120)


@pytest.mark.skipif(not MNIST, reason="MNIST is not here to be served")
def test_fetches_what_is_missing_and_touches_nothing_else(tmp_path: Path, mirror: Mirror) -> None:
    for name in FILES:
        shutil.copy(MNIST[0] / name, mirror.folder)
    there = tmp_path / "data" / "mnist" / FILES[1]
    there.parent.mkdir(parents=True)
    shutil.copy(MNIST[0] / FILES[1], there)
    before = there.stat().st_mtime_ns

    first = fetch(there.parent, mirror.url)
    again = fetch(there.parent, "http://127.0.0.1:1")  # nothing left to fetch

    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines() == [f"{n} exists" if n == FILES[1] else f"{n} fetched" for n in FILES]
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines() == [f"{n} exists" for n in FILES]
    assert there.stat().st_mtime_ns == before
    assert sorted(p.name for p in there.parent.iterdir()) == sorted(FILES)
    for name in FILES:
        assert (there.parent / name).read_bytes() == (MNIST[0] / name).read_bytes()


def test_refuses_a_mirror_of_something_else(tmp_path: Path, mirror: Mirror) -> None:
    (mirror.folder / FILES[0]).write_bytes(gzip.compress(b"not MNIST"))
    result = fetch(tmp_path / "mnist", mirror.url)
    assert result.returncode == 1
    assert f"'{mirror.url}/{FILES[0]}' is not MNIST's (another SHA-256)" in result.stderr
    assert list((tmp_path / "mnist").iterdir()) == []


def test_says_which_file_a_mirror_lacks(tmp_path: Path, mirror: Mirror) -> None:
    result = fetch(tmp_path / "mnist", mirror.url)
    assert result.returncode == 1
    assert f"'{mirror.url}/{FILES[0]}' cannot be fetched" in result.stderr
    assert list((tmp_path / "mnist").iterdir()) == []


def test_leaves_a_file_that_is_not_mnists_alone(tmp_path: Path, mirror: Mirror) -> None:
    own = tmp_path / FILES[0]
    own.write_bytes(b"mine")
    result = fetch(tmp_path, mirror.url)
    assert result.returncode == 1
    assert f"'{own}' exists and is not MNIST's" in result.stderr
    assert own.read_bytes() == b"mine"

"""A table means what its owner means: files as other programs write them, read right or refused by their own name."""

from __future__ import annotations

import gzip
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import BINARY, SMALL_JOB, Fasweep, assert_same_results, environment

JOB = """
[grid]
p = 20
[data]
source = {source}
path = {path}
{more}
[training]
loss = cross-entropy
reduction = mean
step-size = 0.1
max-steps = 30
"""


def with_table(fasweep: Fasweep, text: str | bytes, name: str = "table.csv", more: str = "") -> None:
    (fasweep.folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    fasweep.job(JOB.format(source="csv", path=name, more=more))


def plan(fasweep: Fasweep, *arguments: str) -> dict:
    read = json.loads(fasweep.run("plan", "job.cfg", "--json", *arguments))
    sizes = [line for line in read["job"].splitlines() if line[:2] in ("n ", "d ")]
    return read | {"warnings": "\n".join(read["data"][0]["warnings"]), "sizes": sizes}


def kaggle(rows: int = 40) -> str:
    """Kaggle's MNIST in small: the label first, the first and the last pixel black."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (rows, 6))
    pixels[:, [0, -1]] = 0
    lines = [",".join(map(str, [i % 10, *pixels[i]])) for i in range(rows)]
    return "\n".join(["label," + ",".join(f"pixel{j}" for j in range(6)), *lines]) + "\n"


def iris(rows: int = 150) -> str:
    """Sorted by class, as iris is."""
    random = np.random.default_rng(1)
    classes = np.arange(rows) * 3 // rows
    inputs = random.normal(classes[:, None], size=(rows, 2))
    return "\n".join(f"{a:.3f},{b:.3f},{c}" for a, b, c in zip(inputs[:, 0], inputs[:, 1], classes)) + "\n"


def test_label_that_comes_first_is_asked_for_and_then_is_the_target(fasweep: Fasweep):
    with_table(fasweep, kaggle())
    for command in (["plan", "job.cfg"], ["run", "job.cfg", "-o", "out.h5"]):
        message = fasweep.run(*command, expect=2)
        assert "column 1 is called 'label', the last one 'pixel5'" in message and "data.target = label" in message
        assert message.count("\n") == 1, message

    for target in ("label", "1"):
        read = plan(fasweep, "--set", f"data.target={target}")
        assert "\nn = 40\nd = 6\noutputs = 10\n" in read["job"]
        assert f"\ntarget = {target}\n" in read["job"]
        assert read["data"] == [{
            "understood": "data 'table.csv': 40 training samples, 6 inputs, target 'label' (column 1); classes 0: 4, 1: 4, 2: 4, "
                          "3: 4, 4: 4, 5: 4, 6: 4, 7: 4, 8: 4, 9: 4; no test samples",
            "warnings": [],
        }]  # fmt: skip
    assert "all training samples are of class 0" in fasweep.run("plan", "job.cfg", "--set", "data.target=last")


def test_run_says_what_was_understood(fasweep: Fasweep):
    with_table(fasweep, kaggle())
    output = fasweep.run("run", "job.cfg", "-o", "out.h5", "--set", "data.target=label")
    assert output.startswith("data 'table.csv': 40 training samples, 6 inputs, target 'label' (column 1); classes 0: 4,")
    printed = fasweep.run("plan", "job.cfg", "--set", "data.target=label")
    assert printed.count("data 'table.csv': 40 training samples") == 1


def test_columns_in_another_order_are_the_same_data(fasweep: Fasweep):
    with_table(fasweep, kaggle())
    fasweep.run("run", "job.cfg", "-o", "first.h5", "--set", "data.target=label")
    lines = [line.split(",") for line in kaggle().splitlines()]
    (fasweep.folder / "last.csv").write_text("\n".join(";".join([*line[1:], line[0]]) for line in lines))
    # The same plan: which column holds the targets says how to find the data, and their checksum says what they are.
    output = fasweep.run("run", "job.cfg", "-o", "first.h5", "--set", "data.path=last.csv")
    assert output.endswith("first.h5: 1 of 1 runs; complete\n")
    fasweep.run("run", "job.cfg", "-o", "last.h5", "--set", "data.path=last.csv")
    with h5py.File(fasweep.folder / "first.h5") as a, h5py.File(fasweep.folder / "last.h5") as b:
        assert (a["loss"][...] == b["loss"][...]).all()
        assert a.attrs["plan_hash"] == b.attrs["plan_hash"]


def test_stored_jobs_read_the_data_again_as_they_were_read(fasweep: Fasweep):
    more = "target = label\nheader = yes\ntest-n = 10\nsplit = stratified(3)"
    with_table(fasweep, kaggle(), more=more)
    fasweep.run("run", "job.cfg", "-o", "out.h5")
    assert "1 of 1 finished runs checked" in fasweep.run("check", "out.h5", "--runs", "1")
    fasweep.run("state", "out.h5", "--run", "0", "-o", "state.h5")
    resolved = plan(fasweep)
    fasweep.job(resolved["job"], "resolved.cfg")
    assert json.loads(fasweep.run("plan", "resolved.cfg", "--json"))["job"] == resolved["job"]


@pytest.mark.usefixtures("needs_mpirun")
def test_other_ranks_read_as_rank_0_does(fasweep: Fasweep):
    with_table(fasweep, kaggle(), more="target = label\ntest-n = 10\nsplit = shuffled(3)")
    fasweep.run("run", "job.cfg", "-o", "alone.h5", "--workers", "1")
    fasweep.run("run", "job.cfg", "-o", "ranks.h5", ranks=2)
    assert_same_results(fasweep.folder / "alone.h5", fasweep.folder / "ranks.h5")


def test_ambiguous_table_that_was_read_by_an_earlier_version_continues(fasweep: Fasweep):
    """Its stored job has no word on target, header and split; `last` is what was done then, and is the same plan."""
    with_table(fasweep, kaggle())
    fasweep.run("run", "job.cfg", "-o", "out.h5", "--set", "data.target=last")
    stored = plan(fasweep, "--set", "data.target=last")["job"].replace("target = last\n", "")
    fasweep.job(stored, "stored.cfg")
    ways: list[tuple[str, list[str]]] = [("stored.cfg", []), ("job.cfg", ["--set", "data.target=last"])]
    for job, more in ways:
        assert fasweep.run("run", job, "-o", "out.h5", *more).endswith("1 of 1 runs; complete\n")


def test_keys_at_their_defaults_leave_no_word_in_the_job(fasweep: Fasweep):
    with_table(fasweep, "a,b\n1,0\n2,1\n")
    keys = {line.split(" = ")[0] for line in plan(fasweep)["job"].splitlines()}
    assert keys.isdisjoint({"target", "header", "split"})
    assert {"targets", "normalize", "checksum"} <= keys


def test_held_out_rows_of_a_sorted_table_are_warned_of_and_split(fasweep: Fasweep):
    with_table(fasweep, iris(), more="test-n = 50")
    warned = plan(fasweep)
    assert "class 2 has test samples and no training samples" in warned["warnings"]
    assert "fasweep: data 'table.csv': class 2 has test samples and no training" in fasweep.run("plan", "job.cfg")
    assert "classes 0: 50, 1: 50, 2: 0; 50 test samples (33 % of all)" in warned["data"][0]["understood"]
    assert "classes 1 and 2 have no samples" in plan(fasweep, "--set", "data.n=50", "--set", "data.test-n=0")["warnings"]
    assert "all training samples are of class 0" in plan(fasweep, "--set", "data.n=50", "--set", "data.test-n=0")["warnings"]

    hashes = {warned["plan_hash"]}
    for split, shares in (("shuffled(1)", None), ("stratified(1)", [33, 33, 34]), ("stratified(2)", [33, 33, 34])):
        read = plan(fasweep, "--set", f"data.split={split}")
        assert read["warnings"] == ""
        understood = read["data"][0]["understood"]
        counts = [int(part.split(": ")[1]) for part in understood.split("classes ")[1].split("; ")[0].split(", ")]
        assert sum(counts) == 100 and (shares is None or sorted(counts) == shares), understood
        hashes.add(read["plan_hash"])
    assert len(hashes) == 4, "another split is another plan, by its checksum"


def test_split_of_another_kind_is_refused(fasweep: Fasweep):
    with_table(fasweep, iris())
    for split, why in {"shuffled": "takes one seed", "last(1)": "takes no seed", "shuffled(-1)": "not a whole number",
                       "shufled(1)": "did you mean 'shuffled'", "shuffled(1": "parentheses"}.items():  # fmt: skip
        message = fasweep.run("plan", "job.cfg", "--set", f"data.split={split}", expect=2)
        assert "data.split" in message and why in message, message
    regression = ["--set", "data.targets=numbers", "--set", "training.loss=squared", "--set", "data.split=stratified(1)"]
    assert "write shuffled(1)" in fasweep.run("plan", "job.cfg", *regression, expect=2)


def test_keys_of_csv_are_no_keys_of_others(fasweep: Fasweep):
    with_table(fasweep, iris())
    message = fasweep.run("plan", "job.cfg", "--set", "data.source=hdf5", "--set", "data.target=label", expect=2)
    assert "data.source = hdf5 has no such key" in message
    keys = {key["key"]: key for key in json.loads(fasweep.run("keys", "--json"))}
    assert [keys[f"data.{name}"]["jobs"] for name in ("target", "header", "split")] == ["csv", "csv", "data sets"]
    assert "csv: columns of the targets" in fasweep.run("keys")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0,1,2\n4.5,1.5,0\n5.5,2.5,1\n6.5,3.5,0\n", "line 1 counts from 0"),
        ("0,1,label\n4.5,1.5,0\n5.5,2.5,1\n6.5,3.5,0\n", "line 1, column 3 is 'label' and column 1 is '0', a number"),
        ("NA,NA,NA\n4.5,1.5,0\n5.5,2.5,1\n6.5,3.5,0\n", "line 1 has only missing values"),
    ],
)
def test_first_line_that_could_be_a_header_or_a_sample(fasweep: Fasweep, text: str, why: str):
    with_table(fasweep, text)
    message = fasweep.run("plan", "job.cfg", expect=2)
    assert why in message and "data.header = yes" in message and message.count("\n") == 1, message
    assert plan(fasweep, "--set", "data.header=yes")["sizes"] == ["n = 3", "d = 2"]


CSV = "a,b,label\n4.5,1.5,0\n5.5,2.5,1\n"
DIALECTS = {
    "plain": CSV.encode(),
    "semicolon": CSV.replace(",", ";").encode(),
    "tab": CSV.replace(",", "\t").encode(),
    "quoted": b'"a","b","label"\n"4.5","1.5","0"\n"5.5","2.5","1"\n',
    "windows": b"\xef\xbb\xbf" + CSV.replace("\n", "\r\n").encode(),
    "gzip": gzip.compress(CSV.replace(",", ";").encode()),
}


def test_dialects_of_csv_are_the_same_data(fasweep: Fasweep):
    hashes = set()
    for text in DIALECTS.values():
        with_table(fasweep, text)
        read = plan(fasweep)
        assert "target 'label' (column 3); classes 0: 1, 1: 1;" in read["data"][0]["understood"]
        hashes.add(read["plan_hash"])
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("text", "name", "command"),
    [
        (CSV.encode("utf-16"), "UTF-16", "iconv -f UTF-16"),
        (b"\xfd7zXZ\0\0\4\xe6\xd6\xb4\x46", "by xz", "xz -dk 'table.csv'"),
        (b"BZh91AY&SY\0", "by bzip2", "bzip2 -dk 'table.csv'"),
        (b"PK\3\4" + 22 * b"\0" + b"\x09\0\0\0" + b"table.csv", "a zip archive", "unzip 'table.csv'"),
        (b"PK\3\4" + 22 * b"\0" + b"\x05\0\0\0" + b"x.npy", "numpy (npz)", "numpy.load('table.csv')"),
        (b"a;b;label\n4,5;1,5;0\n", "decimal comma", "tr , . < 'table.csv'"),
        (gzip.compress(CSV.encode("utf-16")), "UTF-16", "iconv -f UTF-16"),
        (b"\x89HDF\r\n\x1a\n\0\0", "an HDF5 file", "data.source = hdf5"),
    ],
)
def test_what_is_not_read_is_refused_by_its_name_with_the_command(fasweep: Fasweep, text: bytes, name: str, command: str):
    with_table(fasweep, text)
    message = fasweep.run("plan", "job.cfg", expect=2)
    assert name in message and command in message and message.count("\n") == 1, message


def test_field_with_escape_codes_is_shown_and_not_obeyed(fasweep: Fasweep):
    with_table(fasweep, "a,b\n1,\x1b[2J\n")
    message = fasweep.run("plan", "job.cfg", expect=2)
    assert "\\x1b[2J" in message and "\x1b" not in message


def test_npz_is_read_after_the_command_that_is_named(fasweep: Fasweep):
    x, y = np.arange(12.0).reshape(6, 2) ** 2, np.arange(6) % 2
    np.savez(fasweep.folder / "table.npz", x=x, y=y)
    fasweep.job(JOB.format(source="hdf5", path="table.npz", more=""))
    message = fasweep.run("plan", "job.cfg", expect=2)
    code = message.split('python3 -c "')[1].split('"')[0]
    subprocess.run([sys.executable, "-c", code], cwd=fasweep.folder, check=True)
    assert plan(fasweep, "--set", "data.path=table.h5")["sizes"] == ["n = 6", "d = 2"]


def hdf5_files() -> dict[str, dict[str, np.ndarray]]:
    random = np.random.default_rng(2)
    x, labels = random.normal(size=(20, 6)), np.arange(20) % 3
    return {
        "plain": {"x": x, "y": labels},
        "column": {"x": x, "y": labels[:, None]},
        "matlab": {"x": np.ascontiguousarray(x.T), "y": labels[None, :].astype(float)},
        "images": {"images": x.reshape(20, 2, 3), "labels": labels.astype(np.uint8)},
        "capitals": {"X": x, "Y": labels},
        "keras": {"x_train": x, "y_train": labels},
        "one-hot": {"x": x, "y": np.eye(3)[labels]},
    }


def test_hdf5_of_other_programs_is_the_same_data(fasweep: Fasweep):
    fasweep.job(JOB.format(source="hdf5", path="table.h5", more=""))
    hashes = {}
    for name, parts in hdf5_files().items():
        with h5py.File(fasweep.folder / "table.h5", "w") as file:
            for part, values in parts.items():
                file[part] = values
        hashes[name] = plan(fasweep)["plan_hash"]
    (fasweep.folder / "table.h5").write_bytes(gzip.compress((fasweep.folder / "table.h5").read_bytes()))
    hashes["gzip"] = plan(fasweep)["plan_hash"]
    assert len(set(hashes.values())) == 1, hashes


def test_hdf5_booleans_labels_from_1_and_test_samples(fasweep: Fasweep):
    fasweep.job(JOB.format(source="hdf5", path="table.h5", more=""))
    x = np.arange(12.0).reshape(6, 2) ** 2
    with h5py.File(fasweep.folder / "table.h5", "w") as file:
        file["x_train"], file["y_train"] = x[:4], np.array([True, False, True, True])
        file["x_test"], file["y_test"] = x[4:], np.array([False, True])
    assert "classes 0: 1, 1: 3; 2 test samples (33 % of all)" in plan(fasweep)["data"][0]["understood"]
    with h5py.File(fasweep.folder / "table.h5", "w") as file:
        file["x"], file["y"], file["y_test"] = x, np.arange(6) % 3 + 1, [1]
    warnings = plan(fasweep)["data"][0]["warnings"]
    assert any("class 0 has no samples" in warning for warning in warnings)
    assert any("y_test is not read" in warning for warning in warnings)


def test_hdf5_that_is_not_understood_says_what_it_holds(fasweep: Fasweep):
    fasweep.job(JOB.format(source="hdf5", path="table.h5", more=""))
    with h5py.File(fasweep.folder / "table.h5", "w") as file:
        file["features"], file["outcome"] = np.ones((20, 4)), np.ones(20)
        file.create_group("meta")
    message = fasweep.run("plan", "job.cfg", expect=2)
    assert "no dataset y nor one of a usual name, but 'features' (20 x 4), group 'meta', 'outcome' (20)" in message


def idx(values: np.ndarray) -> bytes:
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.astype(np.uint8).tobytes()


def write_letters(folder: Path) -> None:
    folder.mkdir()
    random = np.random.default_rng(3)
    for part, count in (("train", 52), ("test", 26)):
        images = random.integers(0, 256, (count, 2, 2))
        (folder / f"emnist-letters-{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (folder / f"emnist-letters-{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.arange(count) % 26 + 1)))


def test_emnist_is_read(fasweep: Fasweep):
    write_letters(fasweep.folder / "set")
    fasweep.job(JOB.format(source="idx", path="set", more=""))
    read = plan(fasweep)
    assert "\nn = 52\nd = 4\noutputs = 27\ntest-n = 26\n" in read["job"]
    assert "27 classes of 0 to 2 training samples; 26 test samples (33 % of all)" in read["data"][0]["understood"]
    assert "class 0 has no samples" in read["warnings"]
    assert fasweep.run("run", "job.cfg", "-o", "out.h5").endswith("1 of 1 runs; complete\n")


def test_label_beyond_mnist_names_the_source_that_takes_it(fasweep: Fasweep):
    write_letters(fasweep.folder / "set")
    for path in list((fasweep.folder / "set").iterdir()):
        path.rename(path.with_name(path.name.removeprefix("emnist-letters-").replace("test-", "t10k-")))
    fasweep.job(JOB.format(source="mnist", path="set", more=""))
    message = fasweep.run("plan", "job.cfg", expect=2)
    assert "classes are 0..9" in message and "data.source = idx" in message


def test_what_has_no_end_is_refused_and_not_waited_for(fasweep: Fasweep):
    os.mkfifo(fasweep.folder / "pipe")
    for source in ("csv", "hdf5"):
        for path in ("pipe", "/dev/zero"):
            fasweep.job(JOB.format(source=source, path=path, more=""))
            message = fasweep.run("plan", "job.cfg", expect=2)
            assert path in message and ("it is a pipe" in message or "not a regular file" in message), message
    assert "16777216 bytes" in fasweep.run("plan", "/dev/zero", expect=2)


@pytest.mark.parametrize("source", ["csv", "hdf5", "mnist", "idx"])
def test_gzip_bomb_is_refused_before_it_is_unpacked(fasweep: Fasweep, source: str):
    megabyte = gzip.compress(bytes(1 << 20), 9)
    bomb = 4000 * megabyte  # members one after the other, 4 GB unpacked
    head = gzip.compress(struct.pack(">HBBI", 0, 8, 1, 8)) if source in ("mnist", "idx") else b""
    images = gzip.compress(struct.pack(">HBBIII", 0, 8, 3, 8, 2, 2)) + bomb
    (fasweep.folder / "table").write_bytes(bomb)
    for part in ("train", "t10k"):
        (fasweep.folder / f"{part}-images-idx3-ubyte").write_bytes(images)
        (fasweep.folder / f"{part}-labels-idx1-ubyte").write_bytes(head + bomb)
    path = "." if head else "table"
    fasweep.job(JOB.format(source=source, path=path, more=""))
    command = f"ulimit -v 1000000; exec '{BINARY}' plan job.cfg"
    result = subprocess.run(["bash", "-c", command], cwd=fasweep.folder, env=environment(), capture_output=True, text=True,
                            timeout=20)  # fmt: skip
    assert result.returncode == 2, result.stderr
    assert "declares 32 bytes of values and has 33 or more" in result.stderr if head else "table" in result.stderr


TABLE_JOB = "[grid]\np = 4\n[data]\nsource = csv\npath = {path}\n"


def test_paths_start_at_home_where_fasweep_starts_and_nowhere_else(fasweep: Fasweep):
    folder = fasweep.folder / "sub"
    folder.mkdir()
    (folder / "50% #1.csv").write_text("4.5,1.5,0\n5.5,2.5,1\n")
    fasweep.job(TABLE_JOB.format(path='"~/50% #1.csv"'), "sub/home.cfg")
    assert "n = 2" in fasweep.run("plan", "sub/home.cfg", HOME=str(folder))
    (folder / "only.csv").write_text("4.5,1.5,0\n5.5,2.5,1\n")
    fasweep.job(TABLE_JOB.format(path="only.csv"), "sub/beside.cfg")
    message = fasweep.run("plan", "sub/beside.cfg", expect=2)
    assert f"current folder, '{fasweep.folder}'" in message and "'sub/only.csv' exists" in message


def test_paths_with_signs_of_job_texts_survive_in_the_file(fasweep: Fasweep):
    (fasweep.folder / "50% #1.csv").write_text("4.5,1.5,0\n5.5,2.5,1\n")
    fasweep.job(TABLE_JOB.format(path='"50% #1.csv"'))
    fasweep.run("run", "job.cfg", "-o", "out.h5", "--set", "training.max-steps=10")
    fasweep.run("state", "out.h5", "--run", "0", "-o", "state.h5")
    fasweep.run("run", "job.cfg", "-o", "out.h5", "--set", "training.max-steps=10", "--set", "grid.p=4,5")


@pytest.mark.parametrize(
    ("name", "why"), [("out.h5", "HDF5 file"), ("folder", "folder"), ("empty.cfg", "empty"), ("none.cfg", "No such file")]
)
def test_what_is_no_job_file_is_called_by_its_name(fasweep: Fasweep, name: str, why: str):
    fasweep.run("run", fasweep.job(SMALL_JOB), "-o", "out.h5")
    (fasweep.folder / "folder").mkdir()
    (fasweep.folder / "empty.cfg").write_text("")
    assert why in fasweep.run("plan", name, expect=2)

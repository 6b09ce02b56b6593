"""The page: parses, holds everything it shows, and says nothing that a name or a job could make it do."""

from __future__ import annotations

import base64
import contextlib
import io
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import h5py
import numpy as np
import pytest

VOID = ("meta", "img", "br")


class Page(HTMLParser):
    """Elements and text; fails where tags do not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def images(self) -> list[str]:
        return [str(attributes["src"]) for tag, attributes in self.elements if tag == "img"]

    def assert_self_contained(self) -> None:
        for tag, attributes in self.elements:
            assert tag not in ("script", "link", "iframe", "object", "base"), tag
            for name, value in attributes.items():
                assert name in ("lang", "charset", "src", "alt"), name
                assert name != "src" or str(value).startswith("data:image/png;base64,")


def report(*arguments: object) -> tuple[int, str]:
    from fasweep.analysis.__main__ import main

    err = io.StringIO()
    with contextlib.redirect_stderr(err):
        code = main(["report", *map(str, arguments)])
    return code, err.getvalue()


@pytest.fixture(scope="module")
def page(shared_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Page:
    output = tmp_path_factory.mktemp("page") / "out.html"
    assert report(shared_file, "-o", output) == (0, "")
    return Page(output.read_text())


def test_the_page_is_self_contained_and_has_everything(page: Page, shared_file: Path):
    page.assert_self_contained()
    with h5py.File(shared_file) as file:
        texts = [file[f"provenance/{name}"].asstr()[()] for name in ("job", "agents", "build", "sessions")]
        texts.append(file.attrs["plan_hash"])
        mean = file["final_loss"][...][
            (file["rule"].asstr()[...] == "backprop") & (file["activation"].asstr()[...] == "relu") & (file["p"][...] == 40) & (file["lambda"][...] == 0)
        ].mean()
    for text in texts:
        assert text in page.text
    assert f"{mean:.4g} +- " in page.text
    assert "How do alignment and loss depend on p, lambda, activation, rule?" in page.text
    assert "144 runs: 144 done." in page.text and "Theorem 3.2, (3.1)" in page.text
    # Two metrics, against p and over time, for each of two rules.
    assert len(page.images) == 8
    for image in page.images:
        assert base64.b64decode(image.partition(",")[2]).startswith(b"\x89PNG\r\n\x1a\n")


def test_the_job_of_the_page_is_the_plan_of_the_file(page: Page, shared_file: Path, make_file: Callable[..., Path]):
    job = page.text[page.text.index("# resolved job") :]

    again = make_file("again", job)

    with h5py.File(shared_file) as first, h5py.File(again) as second:
        assert first.attrs["plan_hash"] == second.attrs["plan_hash"]
        np.testing.assert_array_equal(first["final_loss"][...], second["final_loss"][...])


def test_hostile_names_are_text(make_file: Callable[..., Path], tmp_path: Path):
    name = "<img src=x onerror=alert(1)>&amp;\"'.csv"
    path = tmp_path / name
    path.write_text("\n".join(f"{i},{i * i % 7},{i % 5}" for i in range(12)) + "\n")
    job = f"[grid]\np = 4\n[data]\nsource = csv\npath = {path}\nn = 9\n[training]\nmax-steps = 5\nstep-size = 1e-6\n"
    file = make_file("hostile", job)
    (tmp_path / "asked.cfg").write_text("# Is <b>this</b> a question?   cost: none\n# More.\n[grid]\n")

    assert report(file, "-o", tmp_path / "out.html", "--job", tmp_path / "asked.cfg") == (0, "")

    page = Page((tmp_path / "out.html").read_text())
    page.assert_self_contained()
    assert name in page.text and "Is <b>this</b> a question?" in page.text and "cost: none" not in page.text


def test_hostile_values_of_axes_are_text(result_file: Path, tmp_path: Path):
    hostile = {"rule": "<b onload=alert(1)>\"'", "activation": "<script>alert(1)</script>"}
    with h5py.File(result_file, "r+") as file:
        for name, value in hostile.items():
            values = file[name].asstr()[...]
            file[name][...] = np.where(values == values[0], value, values)

    assert report(result_file, "-o", tmp_path / "out.html") == (0, "")

    page = Page((tmp_path / "out.html").read_text())
    page.assert_self_contained()
    assert all(value in page.text for value in hostile.values())


def test_runs_that_failed_are_said(result_file: Path, set_status: Callable[..., np.ndarray], tmp_path: Path):
    set_status("diverged", activation="linear")
    set_status("pending", activation="relu", seed=1)
    with h5py.File(result_file, "r+") as file:
        file["provenance/failures"][()] = "run 7: <out> of memory\n"

    code, err = report(result_file, "-o", tmp_path / "out.html", "--where", "activation=linear")
    assert (code, err.count("12 of 144 runs are pending")) == (0, 1)

    page = Page((tmp_path / "out.html").read_text())
    page.assert_self_contained()
    assert "48 runs: 48 diverged." in page.text and "run 7: <out> of memory" in page.text
    assert page.images == [] and "no run that ended as it should" in page.text


def test_python_writes_it_beside_the_file(result_file: Path):
    import fasweep

    path = fasweep.report(result_file)

    assert path == result_file.with_suffix(".html")
    Page(path.read_text()).assert_self_contained()


def test_what_cannot_be_written_is_one_sentence(result_file: Path, tmp_path: Path):
    for arguments, sentence in [
        ([result_file, "-o", result_file], "accepted: .html"),
        ([result_file, "-o", tmp_path / "none" / "out.html"], "No such file or directory"),
        ([result_file, "-o", tmp_path / "out.html", "--job", tmp_path / "no.cfg"], "no.cfg' cannot be read"),
        ([tmp_path / "none.h5", "-o", tmp_path / "out.html"], "you may not read it"),
    ]:
        code, err = report(*arguments)
        assert (code, sentence in err, err.count("\n")) == (2, True, 1), err
    assert [path.name for path in tmp_path.iterdir()] == [result_file.name]

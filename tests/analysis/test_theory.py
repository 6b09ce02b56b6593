"""The statements of the paper: found true and false where they are, with the constants and exponents that were put in."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
JOB = """
[grid]
p = 10*2^0..4
lambda = {ridge}
activation = {activation}
seed = 0..{seeds}
[data]
n = 4
d = 40
inputs = gaussian-scaled
[training]
step-size = 0.05
schedule = {schedule}
max-steps = {steps}
precision = float64
[record]
steps = {record}
metrics = loss, error_norm, alignment, max_hidden_change, max_output_change, kernel_eigenvalues
"""
DEFAULTS: dict[str, Any] = {"ridge": 0, "activation": "tanh", "seeds": 11, "schedule": "constant", "steps": 60, "record": "log(20)"}


@pytest.fixture(scope="module")
def plain_file(make_file: Callable[..., Path]) -> Path:
    return make_file("plain", JOB.format(**DEFAULTS))


@pytest.fixture
def changed(plain_file: Path, tmp_path: Path) -> Callable[..., Path]:
    """changed(metric=f): a copy of the file in which the metric is f(p, t, draw), draw standard Gaussian, one a run."""

    def change(**metrics: Callable[[float, np.ndarray, float], np.ndarray]) -> Path:
        path = Path(shutil.copy(plain_file, tmp_path / "changed.h5"))
        with h5py.File(path, "r+") as file:
            p, step = file["p"][...].astype(float), file["step"][...]
            draw = np.random.default_rng(3).standard_normal(len(p))
            for name, value in metrics.items():
                file[name][...] = np.array([value(float(one), step, float(noise)) for one, noise in zip(p, draw)])
                file[f"final_{name}"][...] = file[name][:, -1]
        return path

    return change


def measured(path: Path, **options: Any) -> dict[str, Any]:
    from fasweep.analysis.theory import measure

    (group,) = measure(str(path), **options)["groups"]
    return group


def statement(group: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (one for one in group["statements"] if one["statement"] == name)
    return found


def exponent(group: dict[str, Any], metric: str, of: str = "all_widths") -> dict[str, float]:
    (found,) = (one[of] for one in group["exponents"]["of"] if one["metric"] == metric)
    return found


@pytest.mark.parametrize("slope", [-0.5, -1.0, 0.3])
def test_exponents_that_were_put_in_are_found(slope: float):
    from fasweep.analysis.exponents import fit

    widths, random, covered = np.array([100, 200, 400, 800, 1600]), np.random.default_rng(7), 0
    for _ in range(40):
        table = 3 * widths**slope * np.exp(0.2 * random.standard_normal((30, 5)) + 0.2 * random.standard_normal((30, 1)))
        found = fit(widths, table)
        assert found and found.slope == pytest.approx(slope, abs=0.06)
        covered += found.low <= slope <= found.high
    assert covered >= 34  # 95 %, less what 30 seeds and 40 trials leave to chance
    exact = fit(widths, 3 * widths[np.newaxis].astype(float) ** slope)
    assert exact and exact.slope == pytest.approx(slope, rel=1e-12) and np.isnan(exact.low)


def test_signs_that_vary_have_an_exponent_of_their_root_mean_square_alone():
    from fasweep.analysis.exponents import fit

    widths = np.array([100, 400, 1600])
    table = np.random.default_rng(2).standard_normal((400, 3)) / np.sqrt(widths)

    found = fit(widths, table, squares=True)

    assert found and found.slope == pytest.approx(-0.5, abs=0.05)
    assert fit(widths, table) is None and fit(widths[:2], abs(table[:, :2])) is None


def test_a_drift_that_still_bends_down_is_not_called_wrong(changed: Callable[..., Path]):
    path = changed(
        max_output_change=lambda p, t, draw: p**-0.5 * t / 60 * (1 - 8 / (p + 4)) * np.exp(0.02 * draw),
        max_hidden_change=lambda p, t, draw: p**-0.2 * t / 60 * (1 + p / 100) * np.exp(0.02 * draw),
    )

    group = measured(path)

    beta, hidden = statement(group, "Theorem 3.2, (3.2) beta"), statement(group, "Theorem 3.2, (3.2) W")
    assert beta["numbers"]["growth_in_p"]["low"] > 0.1  # else it is no case
    assert (beta["verdict"], hidden["verdict"]) == ("not covered", "fails") and "wider ones would tell" in beta["why"]


def test_drift_and_alignment_have_the_exponents_of_the_file(changed: Callable[..., Path]):
    path = changed(
        max_output_change=lambda p, t, draw: 2 * p**-0.5 * t / 60 * np.exp(0.05 * draw),
        max_hidden_change=lambda p, t, draw: np.sqrt(np.log(p)) * p**-0.2 * t / 60 * np.exp(0.05 * draw),
        alignment=lambda p, t, draw: p**-0.5 * (draw + t / 60 * p**-0.5),
    )

    group = measured(path)

    assert group["exponents"]["at"] == "eta*t=3"
    for metric, slope, allowed in (("max_output_change", -0.5, 0.02), ("max_hidden_change", -0.2, 0.02), ("change of alignment", -1, 1e-6)):
        found = exponent(group, metric)
        assert found["slope"] == pytest.approx(slope, abs=allowed)
        assert found["low"] <= slope + 1e-6 and found["high"] >= slope - 1e-6
    beta, hidden = statement(group, "Theorem 3.2, (3.2) beta"), statement(group, "Theorem 3.2, (3.2) W")
    assert (beta["verdict"], hidden["verdict"]) == ("holds", "fails")
    with h5py.File(path) as file:
        gamma = file["kernel_eigenvalues"][:, 0, 0]
        constants = file["final_max_output_change"][...] * gamma * np.sqrt(file["p"][...]) / 4
    assert beta["numbers"]["c2"] == pytest.approx(constants.max(), rel=1e-12)
    assert hidden["numbers"]["growth_in_p"]["slope"] == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize(("factor", "verdict"), [(0.3, "holds"), (0.2, "fails")])
def test_contraction_has_the_factor_of_the_file(plain_file: Path, tmp_path: Path, factor: float, verdict: str):
    path = Path(shutil.copy(plain_file, tmp_path / "changed.h5"))
    with h5py.File(path, "r+") as file:
        gamma = file["kernel_eigenvalues"][:, 0, 0]
        file["error_norm"][...] = 5 * (1 - 0.05 * factor * gamma[:, np.newaxis]) ** file["step"][...]
        file["final_error_norm"][...] = file["error_norm"][:, -1]

    found = statement(measured(path), "Theorem 3.2, (3.1)")

    assert found["verdict"] == verdict
    assert found["numbers"]["largest_factor"] == pytest.approx(factor, rel=1e-6)


@pytest.mark.parametrize("schedule", ["constant", "cutoff(7)", "exponential(0.9)", "inverse-square(5)", "multistep(0.5, 4, 11)"])
def test_bounds_between_records_are_those_of_every_step(make_file: Callable[..., Path], schedule: str):
    from fasweep.analysis import theory
    from fasweep.analysis.results import read

    runs = read(make_file("bound", JOB.format(**DEFAULTS | {"ridge": 0.8, "seeds": 0, "schedule": schedule})), ("error_norm", "final_error_norm"))
    ridge = {
        "constant": lambda t: 0.8, "cutoff(7)": lambda t: 0.8 * (t < 7), "exponential(0.9)": lambda t: 0.8 * 0.9**t,
        "inverse-square(5)": lambda t: 0.8 / (1 + t / 5) ** 2, "multistep(0.5, 4, 11)": lambda t: 0.8 * 0.5 ** ((t >= 4) + (t >= 11)),
    }[schedule]
    pieces = theory.constant_pieces(runs, 0, runs.step)

    for between, begin, end in zip(pieces, runs.step, runs.step[1:]):
        error = 1.0
        for t in range(begin, end):
            error = (1 - 0.05 * 0.4 * 0.6 - 0.05 * ridge(t)) * error + 0.05 * ridge(t) * 0.3

        # The largest factor for which the bound is this error is the one that gave it.
        assert theory.factor_between(1.0, error, 0.6, 0.3, between) == pytest.approx(0.4, abs=2e-4)


def test_errors_that_grow_fail_whatever_the_constant(make_file: Callable[..., Path]):
    path = make_file("growing", JOB.format(**DEFAULTS | {"ridge": 0.5, "seeds": 1, "schedule": "exponential(0.5)"}))
    add(path, target_norm=np.ones(10))
    with h5py.File(path, "r+") as file:
        file["error_norm"][...] = 10.0 ** np.arange(file["step"].size)
        file["final_error_norm"][...] = file["error_norm"][:, -1]
        unit = file["kernel_eigenvalues"][:, 0, 0] ** 2 * np.sqrt(file["p"][...] / np.log(file["p"][...])) / (0.05 * 4**2)

    found = statement(measured(path), "Theorem 4.2, (4.2)")

    assert found["verdict"] == "fails" and set(found["numbers"]["share_by_width"].values()) == {0}
    assert found["numbers"]["c_S"] == pytest.approx((0.5 * 2 / unit).max(), rel=1e-6)


def test_real_runs_do_what_the_paper_says(make_file: Callable[..., Path]):
    job = JOB.format(**DEFAULTS | {"steps": 2000, "seeds": 15, "record": "log(60)"}).replace("p = 10*2^0..4", "p = 100*2^0..4")

    group = measured(make_file("real", job))

    for name in ("Theorem 3.2, (3.1)", "Theorem 3.2, (3.2) W", "Theorem 3.2, (3.2) beta", "Section 4.1", "Proposition 3.3"):
        assert statement(group, name)["verdict"] == "holds", statement(group, name)
    assert exponent(group, "max_hidden_change")["slope"] == pytest.approx(-0.5, abs=0.05)
    assert exponent(group, "alignment")["high"] < -0.3 and exponent(group, "change of alignment")["high"] < -0.7
    needs_ridge = statement(group, "Theorem 4.2, (4.2)")
    assert needs_ridge["verdict"] == "not covered" and "no run has lambda > 0" in needs_ridge["why"]


@pytest.fixture(scope="module")
def cut_file(make_file: Callable[..., Path]) -> Path:
    options = {"ridge": "0, 0.7", "activation": "linear", "schedule": "cutoff(30 * sqrt(p))", "steps": 1500, "seeds": 3, "record": "log(60)"}
    return make_file("cut", JOB.format(**DEFAULTS | options).replace("p = 10*2^0..4", "p = 100*4^0..2").replace("d = 40", "d = 200"))


def test_the_program_is_asked_for_what_the_file_lacks(cut_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import fasweep
    from conftest import BINARY
    from fasweep.analysis.problems import ask_program
    from fasweep.analysis.results import read

    monkeypatch.setenv("FASWEEP_BINARY", str(BINARY))
    lacking = measured(cut_file)
    group = measured(cut_file, ask=True)

    for name in ("Theorem 4.3, (4.3)", "Proposition 4.5"):
        assert "--problems asks the program" in statement(lacking, name)["why"]
        assert statement(group, name)["verdict"] == "holds", statement(group, name)
    problems = ask_program(read(cut_file, ()))
    for row in (0, 17):
        network = fasweep.state(cut_file, run=row, step=0, output=tmp_path / f"{row}.h5").load()
        assert problems.target_norm[row] == pytest.approx(np.linalg.norm(network.y.values), rel=1e-12)
        eigenvalues = np.linalg.eigvalsh(network.X.values @ network.X.values.T)
        assert [problems.smallest[row], problems.largest[row]] == pytest.approx(eigenvalues[[0, -1]].tolist(), rel=1e-10)
    isometry = statement(group, "Proposition 4.5")["numbers"]
    assert isometry["lambda_min"][0] == pytest.approx(problems.smallest.min()) and isometry["marchenko_pastur"][0] == pytest.approx((1 - 0.02**0.5) ** 2)
    eps = isometry["epsilon"]
    assert (problems.smallest >= 1 - eps).all() and (problems.largest <= (1 + 4 * eps) * (1 - eps)).all()
    constants = statement(group, "Theorem 4.6")["numbers"]["lambda=0.7"]
    with h5py.File(cut_file) as file:
        ridge, p = file["lambda"][...] > 0, file["p"][...]
    gamma, largest = problems.smallest, problems.largest
    unit = gamma**1.5 * np.sqrt(p) / (0.05 * np.sqrt(4) * largest)  # S_lambda / c_S of Theorem 4.3
    assert constants["L"] == pytest.approx((0.7 / gamma)[ridge].mean(), rel=1e-10)
    assert constants["c_S"] == pytest.approx((0.7 * 30 * np.sqrt(p) / unit)[ridge].mean(), rel=1e-10)


def test_alignment_after_the_cutoff_is_the_least_from_there_on(cut_file: Path):
    found = statement(measured(cut_file), "Theorem 4.6")

    assert found["verdict"] == "holds", found
    with h5py.File(cut_file) as file:
        rows = np.flatnonzero((file["p"][...] == 1600) & (file["lambda"][...] == 0.7))
        least = [file["alignment"][row][file["step"][...] >= 30 * 40].min() for row in rows]
    assert found["numbers"]["lambda=0.7"]["by_width"]["1600"] == pytest.approx(np.mean(least), rel=1e-12)
    assert found["numbers"]["lambda=0.7"]["c"] == pytest.approx(min(least), rel=1e-12)


def add(path: Path, **metrics: Any) -> None:
    """Metrics that the program records when a job names them: a value for each run, the same at every step."""
    with h5py.File(path, "r+") as file:
        runs, steps = file["loss"].shape
        for name, value in metrics.items():
            final = np.broadcast_to(np.asarray(value, dtype=float), (runs, *np.shape(value)[1:]))
            file[f"final_{name}"] = final
            file[name] = np.repeat(final[:, np.newaxis], steps, axis=1)


def test_what_the_program_measured_itself_is_believed(plain_file: Path, tmp_path: Path):
    path = Path(shutil.copy(plain_file, tmp_path / "added.h5"))
    gamma = np.linspace(0.2, 0.3, 60)
    add(
        path, expected_kernel_min_eigenvalue=gamma, slowest_contraction=0.6 * gamma, target_norm=np.ones(60), input_min_eigenvalue=np.full(60, 0.8),
        input_max_eigenvalue=np.full(60, 1.1), first_order_error=np.full(60, 0.02), alignment_terms=np.tile([0.1, 0.3, -0.01, 0, 0.2], (60, 1)),
    )

    group = measured(path)

    contraction = statement(group, "Theorem 3.2, (3.1)")
    assert contraction["verdict"] == "holds" and contraction["numbers"]["largest_factor"] == pytest.approx(0.6)
    assert "lambda_min(Gbar); at every step" in contraction["why"]
    with h5py.File(path) as file:
        widest = gamma[file["p"][...] == 160]
    assert statement(group, "Proposition 3.3")["numbers"]["gamma"] == pytest.approx([widest.min(), widest.max()])
    isometry = statement(group, "Proposition 4.5")
    assert isometry["numbers"]["epsilon"] == pytest.approx(0.2, abs=2e-4)  # 1 - eps <= 0.8
    order = statement(group, "Section 3, first order")
    assert order["verdict"] == "holds" and order["numbers"]["largest_error_over_eta"] == pytest.approx(0.02 / 0.05)
    law = statement(group, "Exact law")
    assert law["verdict"] == "not covered" and law["numbers"]["largest_defect"] == 0.2 and "growth of W 0.3" in law["why"]


def test_contraction_at_every_step_fails_where_the_program_says_so(plain_file: Path, tmp_path: Path):
    path = Path(shutil.copy(plain_file, tmp_path / "added.h5"))
    with h5py.File(path) as file:
        narrow = file["p"][...] < 80
    add(path, expected_kernel_min_eigenvalue=np.full(60, 0.2), slowest_contraction=np.where(narrow, 0.04, 0.06))

    found = statement(measured(path), "Theorem 3.2, (3.1)")

    assert found["verdict"] == "holds" and "from p = 80 on" in found["why"]
    assert found["numbers"]["share_by_width"] == {"10": 0, "20": 0, "40": 0, "80": 1, "160": 1}


def test_rounding_is_no_failure(plain_file: Path, tmp_path: Path):
    path = Path(shutil.copy(plain_file, tmp_path / "rounded.h5"))
    add(path, expected_kernel_min_eigenvalue=np.full(60, 0.2), slowest_contraction=np.full(60, 0.1))
    with h5py.File(path, "r+") as file:
        steps = file["step"].size
        file["error_norm"][...] = np.logspace(0, -16, steps)
        file["final_error_norm"][...] = 1e-16
        file["slowest_contraction"][:, steps // 2 + 1 :] = 0.08  # at 1e-8, of which rounding is a small part
        file["slowest_contraction"][:, -1] = file["final_slowest_contraction"][...] = -5

    assert statement(measured(path), "Theorem 3.2, (3.1)")["numbers"]["largest_factor"] == pytest.approx(0.4)


def test_deviations_are_fitted_where_they_are_largest(plain_file: Path, tmp_path: Path):
    path = Path(shutil.copy(plain_file, tmp_path / "added.h5"))
    with h5py.File(path) as file:
        p = file["p"][...]
    add(path, lazy_deviation=p**-0.5)
    with h5py.File(path, "r+") as file:
        file["lazy_deviation"][:, -1] = file["final_lazy_deviation"][...] = 1e-9

    assert exponent(measured(path), "lazy_deviation")["slope"] == pytest.approx(-0.5, abs=1e-9)


def test_each_schedule_of_a_job_is_a_group(make_file: Callable[..., Path]):
    from fasweep.analysis.theory import measure

    options = {"ridge": "0.2, 0.7", "seeds": 1, "schedule": "cutoff(3 * sqrt(p)), constant, cutoff(floor(9 / lambda))"}
    groups = measure(str(make_file("schedules", JOB.format(**DEFAULTS | options))))["groups"]

    assert [group["group"]["schedule"] for group in groups] == ["cutoff(3 * sqrt(p))", "constant", "cutoff(floor(9 / lambda))"]
    assert all(group["lambda"] == [0.2, 0.7] and len(group["widths"]) == 5 for group in groups)


def test_other_scalings_are_not_those_of_the_theorems(make_file: Callable[..., Path]):
    path = make_file("rich", JOB.format(**DEFAULTS).replace("[training]\n", "[training]\nrichness = 0.3\n"))

    assert "is about training.richness = lazy, not 0.3" in statement(measured(path), "Section 4.1")["why"]


@pytest.mark.parametrize("schedule", ["cutoff(9)", "exponential(0.8)", "inverse-square(4)"])
def test_sums_of_schedules_are_those_of_their_steps(schedule: str):
    from fasweep.analysis.schedules import factors
    from fasweep.analysis.theory import total_and_end

    total, end = total_and_end(schedule)
    values = factors(schedule, np.arange(10**6))

    assert total == pytest.approx(values.sum(), rel=1e-4)
    assert 0 <= values[int(end) + 1 :].sum() <= 0.055 * total and values[int(end) - 1 :].sum() > 0.03 * total


def command(*arguments: object) -> tuple[int, str, str]:
    from fasweep.analysis.__main__ import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["theory", *map(str, arguments)])
    return code, out.getvalue(), err.getvalue()


def test_the_page_and_json_say_the_same(plain_file: Path):
    code, printed, _ = command(plain_file)
    json_code, text, _ = command(plain_file, "--json", "--at", "eta*t=1")

    assert (code, json_code) == (0, 0)
    (group,) = json.loads(text)["groups"]
    assert group["exponents"]["at"] == "eta*t=1" and "exponents in p at eta*t=3" in printed
    said_once = printed[printed.index("not covered by any of these runs") :]
    for one in group["statements"]:
        assert f"  {one['verdict']:<12} {one['statement']}" in printed or f"  {one['statement']}" in said_once and one["verdict"] == "not covered"
        assert one["verdict"] in ("holds", "fails", "not covered") and one["why"]


def test_json_has_no_numbers_that_are_none(make_file: Callable[..., Path]):
    def no_number(text: str) -> None:
        raise AssertionError(text)

    code, text, _ = command(make_file("one_seed", JOB.format(**DEFAULTS | {"seeds": 0})), "--json")

    (group,) = json.loads(text, parse_constant=no_number)["groups"]
    assert code == 0 and exponent(group, "max_output_change")["low"] is None


def test_files_of_version_0_1_are_not_covered():
    from fasweep.analysis.theory import measure

    group = measure(str(ROOT / "tests" / "store" / "versions" / "0.1" / "teacher.h5"))["groups"][0]

    assert "fasweep 0.1" in statement(group, "Section 4.1")["why"]


def test_every_statement_is_in_the_documents(plain_file: Path):
    page = (ROOT / "docs" / "theory.md").read_text()

    for one in measured(plain_file)["statements"]:
        assert f"| {one['statement'].removesuffix(' W').removesuffix(' beta')} |" in page


def test_what_is_not_covered_says_what_would_cover_it(shared_file: Path, make_file: Callable[..., Path]):
    from fasweep.analysis.theory import measure

    groups = measure(str(shared_file))["groups"]

    assert [group["group"]["activation"] for group in groups] == ["linear", "relu", "tanh"]
    assert "expected_kernel_min_eigenvalue" in statement(groups[2], "Theorem 3.2, (3.1)")["why"]
    assert "jobs/theorem-4.6.cfg" in statement(groups[0], "Theorem 4.6")["why"]
    assert "data.inputs = gaussian-scaled" in statement(groups[2], "Proposition 3.3")["why"]
    assert statement(groups[1], "Theorem 3.2, (3.2) beta")["verdict"] in ("holds", "fails")  # three widths tell
    batches = make_file("batches", JOB.format(**DEFAULTS | {"seeds": 1}).replace("[record]", "batch-size = 2\n[record]").replace(", kernel_eigenvalues", ""))
    assert "is about training.batch-size = all, not 2" in statement(measured(batches), "Theorem 3.2, (3.1)")["why"]
    code, _, err = command(shared_file, "--where", "rule=backprop")
    assert (code, "no run of feedback-alignment" in err) == (2, True)


def test_outputs_of_finite_width_near_those_of_the_widest(make_file: Callable[..., Path]):
    """Outputs F + d/sqrt(p) in place of a run's own: the exponent is -1/2, and of the widest the mean alone counts."""
    job = JOB.format(**DEFAULTS | {"seeds": 3}).replace("kernel_eigenvalues", "outputs").replace("[training]", "teacher-width = 30\nseed = 0\n[training]")
    path = Path(shutil.copy(make_file("outputs", job), make_file("outputs", job).with_name("near.h5")))
    with h5py.File(path, "r+") as file:
        p, step = file["p"][...].astype(float), file["step"][...]
        limit = np.sin(1 + step)[:, np.newaxis] * np.array([3.0, 0, 4, 0])
        away = np.where((step == 7)[:, np.newaxis], np.array([0, 2.0, 0, 0]), 0)  # at one step alone, of the norm 2
        file["outputs"][...] = limit + away / np.sqrt(p)[:, np.newaxis, np.newaxis] * (p < p.max())[:, np.newaxis, np.newaxis]
        file["final_outputs"][...] = np.array([3.0, 0, 4, 0])

    group = measured(path)

    assert exponent(group, "finite-width error")["slope"] == pytest.approx(-0.5, abs=1e-9)
    (found,) = (one for one in group["exponents"]["of"] if one["metric"] == "finite-width error")
    assert found["by_width"] == {str(int(width)): pytest.approx(2 / 5 / np.sqrt(width)) for width in (10, 20, 40, 80)}
    assert found["of_the_widest_itself"] == pytest.approx(0, abs=1e-12)


def test_outputs_of_different_tasks_are_not_compared(make_file: Callable[..., Path]):
    job = JOB.format(**DEFAULTS | {"seeds": 1}).replace("kernel_eigenvalues", "outputs")

    assert "finite-width error" not in [one["metric"] for one in measured(make_file("tasks", job))["exponents"]["of"]]

"""Statement by statement, whether the results of a file do what Song, Xu and Lafferty 2021 prove, with the constants that make it so.

The statements are those of the paper with its misprints mended, as docs/theory.md writes them. What a file cannot tell is "not covered",
with the metric or the job that would tell it.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fasweep.analysis import exponents
from fasweep.analysis.averages import counted
from fasweep.analysis.exponents import by_seed_and_width, fit, shown, widest
from fasweep.analysis.problems import Problems, ask_program
from fasweep.analysis.plot import text, values_at
from fasweep.analysis.results import (
    AnalysisError, Results, check_only_seeds_vary, check_some_done, metric_names, points, read, select, trajectory, where,
)
from fasweep.analysis.schedules import each_run, factors, flow_time, parsed, written

RULE = "feedback-alignment"
BOUNDED = ("tanh", "sigmoid", "erf")  # and smooth, as Theorems 3.2 and 4.2 assume
SHARE = 0.95  # of the runs of a width for which a statement "with high probability" must hold
TOLERANCE = 0.1  # of exponents: the greatest of p bounded numbers nears its bound slowly; sqrt(log p) goes as p^0.07 up to p = 12800
FIRST_ORDER = 0.1  # of a step, that second order may be
LAW = {"float32": 1e-4, "float64": 1e-10}  # rounding of the sums of a run
ROUNDING = {"float32": 1e-6, "float64": 1e-13}  # of a recorded number, relative
STEP_ROUNDING = {"float32": 1.2e-7, "float64": 2.3e-16}  # of a step, relative to the outputs
OF_TASK = ("expected_kernel_min_eigenvalue", "input_min_eigenvalue", "input_max_eigenvalue", "target_norm")  # the same at every step
# metric: whether its root mean square is fitted, or its mean; after division by what; the paper's exponent in p
FITTED: dict[str, tuple[bool, str, str]] = {
    "alignment": (True, "", "<= -1/2, section 4.1"),
    "change of alignment": (False, "", "<= -1/2, section 4.1"),
    "max_hidden_change": (False, "sqrt(log p)", "<= -1/2, (3.2)"),
    "max_output_change": (False, "", "<= -1/2, (3.2)"),
    "hidden_change": (False, "", ""),
    "kernel_change": (False, "", ""),
    "feedback_kernel_norm": (False, "", ""),
    "feedback_kernel_change": (False, "", ""),
    "expected_kernel_distance": (False, "", ""),
    "lazy_deviation": (False, "", ""),
    "infinite_width_deviation": (False, "", ""),
}
WIDTH_ERROR = "finite-width error"
GREATEST = ("lazy_deviation", "infinite_width_deviation")  # fitted where they are largest, since they vanish with the error
USED = (
    *(name for name in FITTED if not name.startswith("change of")), *OF_TASK, "error_norm", "kernel_eigenvalues", "slowest_contraction",
    "first_order_error", "alignment_terms", "outputs",
)


@dataclass
class Verdict:
    statement: str
    claim: str
    verdict: str  # holds, fails, not covered
    why: str
    numbers: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    """Runs of feedback alignment that differ in p, lambda and seed, and what is known of their tasks."""

    values: dict[str, object]
    runs: Results
    gamma: np.ndarray  # a run; NaN where nothing tells it
    gamma_source: str
    problems: Problems | None


def print_theory(file: str, conditions: Sequence[str], at: str | None, ask: bool, as_json: bool) -> None:
    answer = measure(file, conditions, at, ask)
    print(json.dumps(finite(answer), indent=2, allow_nan=False) if as_json else report(answer))


def finite(value: Any) -> Any:
    """With null for what JSON has no number for: an interval of a single seed, a constant without bound."""
    if isinstance(value, dict):
        return {name: finite(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def measure(
    file: str, conditions: Sequence[str] = (), at: str | None = None, ask: bool = False, say_pending: bool = True
) -> dict[str, Any]:
    """Everything that is known, as JSON has it."""
    present = metric_names(file)
    metrics = [name for metric in USED if metric in present for name in (metric, f"final_{metric}")]
    results = where(read(file, metrics, say_pending), conditions)
    check_some_done(results)
    runs = counted(select(results, rule=RULE))
    if not len(runs):
        raise AnalysisError(f"file '{file}' has no run of {RULE} that ended as it should; the statements are about that rule")
    groups = [measured_group(group, at) for group in groups_of(runs, ask)]
    return {"file": file, "runs": len(results), "measured": len(runs), "groups": groups}


def measured_group(group: Group, at: str | None) -> dict[str, Any]:
    verdicts = [statement(group) for statement in STATEMENTS]
    time, fits = fitted(group, at)
    return {
        "group": {name: value for name, value in group.values.items()},
        "widths": np.unique(group.runs.p).tolist(),
        "lambda": np.unique(group.runs.ridge).tolist(),
        "seeds": len(np.unique(group.runs.seed)),
        "statements": [vars(verdict) for verdict in verdicts],
        "exponents": {"at": time, "of": fits},
    }


def groups_of(runs: Results, ask: bool) -> list[Group]:
    """By activation and every other axis that p, lambda and seed do not tell; a schedule may follow from all others."""
    names = ["activation"]
    others = [name for name in runs.columns if name not in ("p", "lambda", "seed", "rule", "activation", "schedule")]
    for name in others:
        known = [*names, "p", "lambda", *(["seed"] if name.endswith("_seed") else [])]
        if len(points(runs, [*known, name])) > len(points(runs, known)):
            names.append(name)
    groups = []
    for point in points(runs, names):
        for schedule, chosen in by_schedule(select(runs, **dict(zip(names, point))), [*names, "p", "lambda"]):
            check_only_seeds_vary(chosen, [*names, "p", "lambda"])
            problems = ask_program(chosen) if ask else problems_in(chosen)
            groups.append(Group(dict(zip(names, point)) | schedule, chosen, *gamma_of(chosen, problems), problems))
    return groups


def by_schedule(runs: Results, known: Sequence[str]) -> list[tuple[dict[str, object], Results]]:
    """The runs of each schedule of the job."""
    if "schedule" not in runs.columns or len(points(runs, [*known, "schedule"])) == len(points(runs, known)):
        return [({}, runs)]
    names = written(runs, known)
    return [({"schedule": str(name)}, runs.at(names == name)) for name in dict.fromkeys(names.tolist())]


def problems_in(runs: Results) -> Problems | None:
    """What the file itself says of the tasks."""
    known = {name: runs.metrics[f"final_{name}"] for name in OF_TASK if name in runs.metrics}
    if not known.keys() & {"target_norm", "input_min_eigenvalue"}:
        return None
    unknown = np.full(len(runs), np.nan)
    return Problems(*(known.get(name, unknown) for name in ("target_norm", "input_min_eigenvalue", "input_max_eigenvalue")))


def gamma_of(runs: Results, problems: Problems | None) -> tuple[np.ndarray, str]:
    """lambda_min(Gbar), or what is nearest to it."""
    if "expected_kernel_min_eigenvalue" in runs.metrics:
        return runs.metrics["final_expected_kernel_min_eigenvalue"], "gamma = lambda_min(Gbar)"
    if problems is not None and (runs.activation == "linear").all() and np.isfinite(problems.smallest).all():
        return problems.smallest, "gamma = lambda_min(XX^T)"
    if "kernel_eigenvalues" in runs.metrics and runs.step[0] == 0:
        return runs.metrics["kernel_eigenvalues"][:, 0, 0], "gamma = lambda_min(G(0))"
    return np.full(len(runs), np.nan), ""


# Statements


def theorem_3_2_contraction(group: Group) -> Verdict:
    result = Verdict("Theorem 3.2, (3.1)", "||e(t+1)|| <= (1 - eta gamma/4) ||e(t)||, lambda = 0", "not covered", "")
    return contraction(result, without_ridge(group), 1 / 4, "theorem-3.2")


def theorem_4_2(group: Group) -> Verdict:
    claim = "||e(t+1)|| <= (1 - eta gamma/4 - eta lambda(t)) ||e(t)|| + eta lambda(t) ||y||"
    return contraction(Verdict("Theorem 4.2, (4.2)", claim, "not covered", ""), with_ridge(group), 1 / 4, "theorem-4.2")


def theorem_4_3(group: Group) -> Verdict:
    claim = "||e(t+1)|| <= (1 - eta gamma/2 - eta lambda(t)) ||e(t)|| + eta lambda(t) ||y||, linear"
    result = Verdict("Theorem 4.3, (4.3)", claim, "not covered", "")
    if group.values["activation"] != "linear":
        result.why = "is about linear networks; grid.activation = linear, jobs/theorem-4.3.cfg"
        return result
    return contraction(result, group, 1 / 2, "theorem-4.3")


def contraction(result: Verdict, group: Group, factor: float, job: str) -> Verdict:
    """Whether ||e|| stays, from each record to the next, below what the bound gives when it is applied at every step
    between; and the largest constant in the place of `factor` for which it does."""
    runs = group.runs
    result.why = missing(group, job)
    if result.why:
        return result
    if not np.isfinite(group.gamma).all():
        result.why = f"gamma is not in the file; record.metrics = ..., expected_kernel_min_eigenvalue, or jobs/{job}.cfg"
        return result
    every_step = "slowest_contraction" in runs.metrics
    if every_step:
        largest = slowest_contraction(runs, group.gamma) / group.gamma
    else:
        norms = np.zeros(len(runs)) if not (runs.ridge > 0).any() else (group.problems.target_norm if group.problems else np.full(len(runs), np.nan))
        if not np.isfinite(norms).all():
            result.why = "||y|| is not in the file; record.metrics = ..., target_norm; or --problems asks the program for it"
            return result
        largest = np.array([largest_factor(runs, row, group.gamma[row], norms[row]) for row in range(len(runs))])
    counted_runs = ~np.isnan(largest)
    if not counted_runs.any():
        result.why = "no two records lie above rounding; record more steps"
        return result
    runs_, largest_ = runs.p[counted_runs], largest[counted_runs]
    judge_by_width(result, runs_, largest_ >= factor)
    at_widest = largest_[runs_ == runs_.max()]
    result.numbers |= {
        "factor": factor, "largest_factor": float(largest_.min()),
        "largest_factor_by_width": {str(p): float(largest_[runs_ == p].min()) for p in np.unique(runs_)},
        "gamma": [float(group.gamma.min()), float(group.gamma.max())],
    }
    every_step = every_step or bool((np.diff(runs.step) == 1).all())
    records = "at every step" if every_step else "from record to record (the metric slowest_contraction looks at every step)"
    assumed = "" if group.values["activation"] in BOUNDED or factor == 1 / 2 else "; psi is not bounded and smooth, as the theorem assumes"
    result.numbers["c_S"] = sum_of_ridge(group, factor)
    if np.isinf(result.numbers["c_S"]):
        assumed += "; lambda(t) has no finite sum, as the theorem assumes"
    elif result.numbers["c_S"] > 0:
        assumed += f"; lambda(t) sums up to {result.numbers['c_S']:.3g} S at most, S with the constant 1"
    result.why += (
        f"; in place of 1/{round(1 / factor)} a constant up to {largest_.min():.3g} would do, {shown(at_widest.tolist())} at p = {runs_.max()}; "
        f"{group.gamma_source}; {records}{assumed}"
    )
    return result


def sum_of_ridge(group: Group, factor: float) -> float:
    """The largest sum of lambda(t) of any run, in units of S of Theorem 4.3 (factor 1/2), gamma sqrt(gamma p) / (eta sqrt(n) M), or of
    Theorem 4.2, gamma^2 sqrt(p) / (eta n^2 sqrt(log p)). NaN where M is not known."""
    runs, gamma = group.runs, group.gamma
    eta, n = runs.columns["step_size"], runs.columns["n"].astype(float)
    if factor == 1 / 2:
        most = group.problems.largest if group.problems else np.full(len(runs), np.nan)
        unit = gamma * np.sqrt(gamma * runs.p) / (eta * np.sqrt(n) * most)
    else:
        unit = gamma**2 * np.sqrt(runs.p) / (eta * n**2 * np.sqrt(np.log(runs.p)))
    totals = np.array([total_and_end(str(one))[0] for one in each_run(runs, "schedule", "training.schedule", "constant")])
    sums = np.where(runs.ridge > 0, runs.ridge * np.where(runs.ridge > 0, totals, 0), 0)
    return float(np.max(sums / unit))


def slowest_contraction(runs: Results, gamma: np.ndarray) -> np.ndarray:
    """The program's running minimum, up to the last record where the rounding of a step is a tenth at most of what the
    bound takes from the error, eta gamma ||e||."""
    values = np.column_stack([runs.metrics["slowest_contraction"], runs.metrics["final_slowest_contraction"]])
    errors = np.column_stack([runs.metrics["error_norm"], runs.metrics["final_error_norm"]])
    precision = each_run(runs, "precision", "training.precision", "float32")
    least = 10 * np.array([STEP_ROUNDING[str(name)] for name in precision]) / (runs.columns["step_size"] * np.maximum(gamma, 1e-12))
    above = np.fmin.accumulate(errors, axis=1) > (least * errors[:, 0])[:, np.newaxis]
    # Runs that have ended have no value at later records, and theirs at the end stands last.
    found = np.where(above & np.isfinite(values), np.arange(values.shape[1]), 0).max(axis=1)
    return values[np.arange(len(runs)), found]


def largest_factor(runs: Results, row: int, gamma: float, target_norm: float) -> float:
    """The largest q with ||e(t+1)|| <= (1 - eta q gamma - eta lambda(t)) ||e(t)|| + eta lambda(t) ||y|| between all records
    of a run that lie above rounding; infinite where every q does that is tried, NaN without records."""
    steps, errors = trajectory(runs, "error_norm", row)
    precision = str(each_run(runs, "precision", "training.precision", "float32")[row])
    rounding = ROUNDING[precision]
    above = errors > 10 * rounding * errors[0]
    last = len(errors) if above.all() else int(np.argmin(above))
    if last < 2:
        return float("nan")
    pieces = constant_pieces(runs, row, steps[:last])
    return min(factor_between(errors[i], errors[i + 1] / (1 + rounding), gamma, target_norm, pieces[i]) for i in range(last - 1))


def constant_pieces(runs: Results, row: int, steps: np.ndarray) -> list[list[tuple[int, float, float]]]:
    """For each interval between two records, pieces of (steps, eta, eta lambda) over which these are constant."""
    step_size, ridge = runs.columns["step_size"][row], runs.ridge[row]
    schedules = [str(each_run(runs, name, f"training.{name.replace('_', '-')}", "constant")[row]) for name in ("schedule", "step_schedule")]
    if schedules == ["constant", "constant"]:
        return [[(int(count), step_size, step_size * ridge)] for count in np.diff(steps)]
    t = np.arange(steps[-1])
    eta = step_size * factors(schedules[1], t)
    decay = eta * ridge * factors(schedules[0], t)
    result = []
    for begin, end in zip(steps, steps[1:]):
        changes = np.flatnonzero((np.diff(eta[begin:end]) != 0) | (np.diff(decay[begin:end]) != 0)) + 1
        edges = [0, *map(int, changes), int(end - begin)]
        result.append([(b - a, float(eta[begin + a]), float(decay[begin + a])) for a, b in zip(edges, edges[1:])])
    return result


def factor_between(before: float, after: float, gamma: float, target_norm: float, pieces: Sequence[tuple[int, float, float]]) -> float:
    """The bound falls with q, so that the largest q is found by halving; one constant piece without ridge has it in closed form."""
    if gamma <= 0:
        return float("inf") if after <= before else -float("inf")
    if len(pieces) == 1 and pieces[0][2] == 0:
        count, eta, _ = pieces[0]
        return (1 - (after / before) ** (1 / count)) / (eta * gamma)

    def bound(q: float) -> float:
        error = before
        for count, eta, decay in pieces:
            kept = max(0.0, 1 - eta * q * gamma - decay)
            error = kept**count * error + decay * target_norm * (count if kept == 1 else (1 - kept**count) / (1 - kept))
        return error

    low, high = -8.0, 8.0
    if after <= bound(high):
        return float("inf")
    if after > bound(low):
        return -float("inf")
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (middle, high) if after <= bound(middle) else (low, middle)
    return low


def theorem_3_2_drift_hidden(group: Group) -> Verdict:
    claim = "||w_r(t) - w_r(0)|| <= c1 n sqrt(log p) / (gamma sqrt(p)) for all r and t, lambda = 0"
    return drift(Verdict("Theorem 3.2, (3.2) W", claim, "not covered", ""), group, "max_hidden_change", lambda p: np.sqrt(np.log(p) / p))


def theorem_3_2_drift_output(group: Group) -> Verdict:
    claim = "|beta_r(t) - beta_r(0)| <= c2 n / (gamma sqrt(p)) for all r and t, lambda = 0"
    return drift(Verdict("Theorem 3.2, (3.2) beta", claim, "not covered", ""), group, "max_output_change", lambda p: 1 / np.sqrt(p))


def section_4_1(group: Group) -> Verdict:
    claim = "|cos(b, beta(t))| <= c n / sqrt(p), lambda = 0"
    return drift(Verdict("Section 4.1", claim, "not covered", ""), group, "alignment", lambda p: 1 / np.sqrt(p))


def drift(result: Verdict, group: Group, metric: str, scale: Callable[[np.ndarray], np.ndarray]) -> Verdict:
    """A constant makes the bound true of any file; the statement is that it does for every p: that the smallest one, of
    each width, does not grow with p."""
    group = without_ridge(group)
    runs = group.runs
    result.why = missing(group, "theorem-3.2", metric)
    if result.why:
        return result
    everything = np.column_stack([runs.metrics[metric], runs.metrics[f"final_{metric}"]])
    largest = np.nanmax(np.abs(everything), axis=1)
    n = np.asarray(runs.columns["n"], dtype=float) if "n" in runs.columns else np.ones(len(runs))
    gamma = group.gamma if metric != "alignment" and np.isfinite(group.gamma).all() and (group.gamma > 0).all() else np.ones(len(runs))
    constants = largest / scale(runs.p) / n * gamma
    name = "c" if metric == "alignment" else ("c1" if metric == "max_hidden_change" else "c2")
    name += "" if metric == "alignment" or gamma is group.gamma else "/gamma"
    widths = np.unique(runs.p)
    of_width = {int(p): float(constants[runs.p == p].max()) for p in widths}
    result.numbers |= {name: max(of_width.values()), f"{name}_by_width": {str(p): value for p, value in of_width.items()}}
    last = widest(*by_seed_and_width(runs.p, runs.seed, largest / scale(runs.p)), 4)
    growth = fit(*last, squares=metric == "alignment")
    result.why = f"smallest {name} = {max(of_width.values()):.3g} ({of_width[int(widths[-1])]:.3g} at p = {widths[-1]})"
    if growth is None:
        result.why += "; whether it stays as p grows needs three widths"
        return result
    result.numbers["growth_in_p"] = exponents.as_json(growth)
    low = growth.slope if np.isnan(growth.low) else growth.low
    result.why += f"; over the widest {min(4, len(widths))} widths it goes as p^{exponents.text(growth)}, and must not grow"
    if low <= TOLERANCE:
        result.verdict = "holds"
    elif exponents.bends_down(*last, squares=metric == "alignment"):
        result.why += "; it grows less the wider the network: wider ones would tell"
    else:
        result.verdict = "fails"
    return result


def has_other_inputs(runs: Results, result: Verdict) -> bool:
    """Whether inputs are not from N(0, I/d), which the verdict then says."""
    if (each_run(runs, "input_law", "data.inputs", "gaussian") == "gaussian-scaled").all():
        return False
    result.why = "is about inputs from N(0, I/d); data.inputs = gaussian-scaled"
    return True


def proposition_3_3(group: Group) -> Verdict:
    result = Verdict("Proposition 3.3", "lambda_min(Gbar) >= gamma > 0 for x ~ N(0, I/d), d = Omega(n), psi sigmoid or tanh", "not covered", "")
    runs = group.runs
    if has_other_inputs(runs, result):
        return result
    if not np.isfinite(group.gamma).all():
        result.why = "gamma is not in the file; record.metrics = ..., expected_kernel_min_eigenvalue, or jobs/proposition-3.3.cfg"
        return result
    gamma = group.gamma[runs.p == runs.p.max()]
    result.verdict = "holds" if (gamma > 0).mean() >= SHARE else "fails"
    result.numbers = {"gamma": [float(gamma.min()), float(gamma.max())]}
    assumed = "" if group.values["activation"] in ("tanh", "sigmoid") else "; not of this activation by the letter"
    result.why = f"gamma = {shown(gamma.tolist())} over {len(gamma)} runs at p = {runs.p.max()}; {group.gamma_source}{assumed}"
    return result


def proposition_4_5(group: Group) -> Verdict:
    result = Verdict("Proposition 4.5", "X is (1 - eps, 4 eps)-isometric for some eps < 1/2, x ~ N(0, I/d)", "not covered", "")
    runs = group.runs
    if has_other_inputs(runs, result):
        return result
    if group.problems is None or not np.isfinite(group.problems.largest).all():
        result.why = "the spectrum of XX^T is not in the file; jobs/proposition-4.5.cfg, or --problems asks the program for it"
        return result
    smallest, largest = group.problems.smallest, group.problems.largest
    eps = np.array([smallest_isometry(low, high) for low, high in zip(smallest, largest)])
    n, d = (float(np.unique(runs.columns[name])[0]) for name in ("n", "d"))
    few, many = sorted((n, d))
    enough = smallest_isometry((1 - np.sqrt(n / d)) ** 2, (1 + np.sqrt(n / d)) ** 2) < 0.5
    edges = [float((1 - np.sqrt(few / many)) ** 2 * many / d), float((1 + np.sqrt(few / many)) ** 2 * many / d)]
    result.verdict = "holds" if (eps < 0.5).mean() >= SHARE else ("fails" if enough else "not covered")
    result.numbers = {
        "lambda_min": [float(smallest.min()), float(smallest.max())], "lambda_max": [float(largest.min()), float(largest.max())],
        "isometry_epsilon": float((largest / smallest - 1).max()), "epsilon": float(eps.max()), "marchenko_pastur": edges,
    }
    result.why = (
        f"lambda_min(XX^T) = {shown(list(smallest))}, lambda_max = {shown(list(largest))} (Marchenko and Pastur: {edges[0]:.3g} and {edges[1]:.3g}); "
        f"X is (gamma, eps)-isometric with eps = {shown(list(largest / smallest - 1))}; smallest eps of the proposition: "
        + (shown(list(eps[eps < 1])) if (eps < 1).any() else "none")
        + (f", none of {np.count_nonzero(eps == 1)} of {eps.size} runs" if (eps < 1).any() and (eps == 1).any() else "")
        + ("" if enough else "; d is too small for this n, which by Marchenko and Pastur leaves none")
    )
    return result


def smallest_isometry(low: float, high: float) -> float:
    """The smallest eps with low >= 1 - eps and high <= (1 + 4 eps)(1 - eps), up to 1/2; 1 if there is none."""
    eps = np.linspace(0, 0.5, 5001)
    good = (low >= 1 - eps) & (high <= (1 + 4 * eps) * (1 - eps))
    return float(eps[np.argmax(good)]) if good.any() else 1.0


def theorem_4_6(group: Group) -> Verdict:
    claim = "cos(b, beta(t)) >= c > 0 for all t after the ridge is cut off, c the same for every p; linear"
    result = Verdict("Theorem 4.6", claim, "not covered", "")
    schedule = each_run(group.runs, "schedule", "training.schedule", "constant")
    rows = (group.runs.ridge > 0) & np.isfinite([total_and_end(str(one))[0] for one in schedule])
    group = part(group, rows)
    result.why = missing(group, "theorem-4.6", "alignment")
    if not rows.any():
        result.why = "has no ridge that ends; training.schedule = cutoff(T), jobs/theorem-4.6.cfg"
    if result.why:
        return result
    after = np.array([after_cutoff(group.runs, row) for row in range(len(group.runs))])
    ended = np.isfinite(after[:, 0])
    if not ended.all():
        result.why = f"{np.count_nonzero(~ended)} of {len(ended)} runs ended before the ridge did; a larger training.max-steps"
        return result
    verdicts, texts = [], []
    for ridge in np.unique(group.runs.ridge):
        mine = group.runs.ridge == ridge
        growth = fit(*by_seed_and_width(group.runs.p[mine], group.runs.seed[mine], after[mine, 0]))
        at_widest = after[mine & (group.runs.p == group.runs.p.max()), 0]
        smallest = float(at_widest.min())
        key = f"lambda={ridge:g}"
        result.numbers[key] = {
            "c": smallest, "by_width": {str(p): float(after[mine & (group.runs.p == p), 0].mean()) for p in np.unique(group.runs.p)},
            "growth_in_p": exponents.as_json(growth), "fell_after_cutoff": float((after[mine, 1] - after[mine, 0]).max()),
            **theorem_4_6_constants(group, mine),
        }
        high = np.nan if growth is None else (growth.slope if np.isnan(growth.high) else growth.high)
        verdicts.append((at_widest > 0).mean() >= SHARE and (np.isnan(high) or high >= -TOLERANCE))
        texts.append(
            f"lambda = {ridge:.3g}: at p = {group.runs.p.max()} c = {smallest:.3g}, mean {at_widest.mean():.3g}, "
            + ("without an exponent in p" if growth is None else f"which goes as p^{exponents.text(growth)}")
        )
    few = len(np.unique(group.runs.p)) < exponents.LEAST_WIDTHS
    result.verdict = "not covered" if few and all(verdicts) else ("holds" if any(verdicts) else "fails")
    result.why = "; ".join(texts) + ("; whether c stays as p grows needs three widths" if few else "")
    if group.values["activation"] != "linear":
        result.why += "; psi is not linear, as the theorem assumes"
    if not np.char.startswith(schedule[rows].astype(str), "cutoff").all():
        result.why += "; by the remark after the theorem, from where 95 % of the sum of lambda(t) is spent"
    return result


def total_and_end(schedule: str) -> tuple[float, float]:
    """The sum of lambda(t) / lambda over all steps, and the step from which on no more than a twentieth of it is left; infinite
    of those without end. The sum of an inverse square is tau^2 trigamma(tau), here to 1/tau^5."""
    name, values = parsed(schedule)
    if name == "cutoff":
        return values[0], values[0]
    if name == "exponential" and values[0] < 1:
        return 1 / (1 - values[0]), float(np.log(0.05) / np.log(values[0]))
    if name == "inverse-square":
        return values[0] + 0.5 + 1 / (6 * values[0]) - 1 / (30 * values[0] ** 3), 19 * values[0]
    return np.inf, np.inf


def after_cutoff(runs: Results, row: int) -> tuple[float, float]:
    """The least alignment from the end of the ridge on, and that where it ends; NaN of a run that ended before."""
    _, cutoff = total_and_end(str(each_run(runs, "schedule", "training.schedule", "constant")[row]))
    steps, values = trajectory(runs, "alignment", row)
    later = values[steps >= cutoff]
    return (float(later.min()), float(later[0])) if later.size else (float("nan"), float("nan"))


def theorem_4_6_constants(group: Group, rows: np.ndarray) -> dict[str, float]:
    """L = lambda / gamma, and c_S of sum lambda(t) = c_S gamma sqrt(gamma p) / (eta sqrt(n) M), where XX^T is known."""
    if group.problems is None or not np.isfinite(group.problems.largest).all():
        return {}
    runs = group.runs
    gamma, largest = group.problems.smallest[rows], group.problems.largest[rows]
    schedule = each_run(runs, "schedule", "training.schedule", "constant")[rows]
    total = np.array([total_and_end(str(one))[0] for one in schedule]) * runs.ridge[rows]
    unit = gamma * np.sqrt(gamma * runs.p[rows]) / (runs.columns["step_size"][rows] * np.sqrt(runs.columns["n"][rows]) * largest)
    return {"L": float((runs.ridge[rows] / gamma).mean()), "c_S": float((total / unit).mean())}


def first_order(group: Group) -> Verdict:
    claim = "e(t+1) = [(1 - eta lambda) I - eta (G + H_b)] e(t) - eta lambda y to first order in eta"
    result = Verdict("Section 3, first order", claim, "not covered", missing(group, "first-order", "first_order_error"))
    if result.why:
        return result
    error, step_size = np.nanmax(group.runs.metrics["first_order_error"], axis=1), group.runs.columns["step_size"]
    result.verdict = "holds" if (error <= FIRST_ORDER).mean() >= SHARE else "fails"
    result.numbers = {"largest_error": float(error.max()), "largest_error_over_eta": float((error / step_size).max())}
    result.why = f"what is left of a step is at most {error.max():.3g} of it at eta = {shown(np.unique(step_size).tolist())}, and at most {(error / step_size).max():.3g} eta"
    return result


def exact_law(group: Group) -> Verdict:
    claim = "<b, beta(t) - beta(0)> = 1/2 (||W(t)||^2 - ||W(0)||^2) - 1/2 sum ||dW||^2 - sum eta lambda <b, beta>, psi linear or relu"
    result = Verdict("Exact law", claim, "not covered", missing(group, "exact-law", "alignment_terms"))
    if result.why:
        return result
    terms = group.runs.metrics["final_alignment_terms"]
    parts = ", ".join(f"{name} {value:.3g}" for name, value in zip(("beta(0)", "growth of W", "squares of steps", "ridge", "defect"), terms.mean(axis=0)))
    result.why = f"at the end cos(b, beta) is made of {parts}, means over all runs"
    defect = float(np.nanmax(np.abs(group.runs.metrics["alignment_terms"][..., 4])))
    result.numbers = {"largest_defect": defect, "terms": terms.mean(axis=0).tolist()}
    if group.values["activation"] not in ("linear", "relu"):
        result.why += "; psi is not homogeneous, and the defect says how far from it"
        return result
    precision = str(each_run(group.runs, "precision", "training.precision", "float32")[0])
    result.verdict = "holds" if defect <= LAW[precision] else "fails"
    result.why += f"; the largest defect is {defect:.3g}"
    return result


STATEMENTS = (
    theorem_3_2_contraction, theorem_3_2_drift_hidden, theorem_3_2_drift_output, proposition_3_3, first_order, section_4_1, theorem_4_2,
    theorem_4_3, proposition_4_5, theorem_4_6, exact_law,
)


# What statements share


def part(group: Group, rows: np.ndarray) -> Group:
    """The group's runs at these rows."""
    problems = group.problems
    if problems is not None:
        problems = Problems(problems.target_norm[rows], problems.smallest[rows], problems.largest[rows])
    return Group(group.values, group.runs.at(rows), group.gamma[rows], group.gamma_source, problems)


def without_ridge(group: Group) -> Group:
    return part(group, group.runs.ridge == 0)


def with_ridge(group: Group) -> Group:
    return part(group, group.runs.ridge > 0)


def missing(group: Group, job: str, metric: str = "error_norm") -> str:
    """What a statement needs that the file has not; empty if it has all."""
    runs = group.runs
    if not len(runs):
        wanted = "lambda > 0" if job in ("theorem-4.2", "theorem-4.6") else "lambda = 0"
        return f"no run has {wanted}; grid.lambda, jobs/{job}.cfg"
    if "step_size" not in runs.columns:
        return "the file is of fasweep 0.1, which kept no step sizes; sweep again"
    if metric not in runs.metrics:
        return f"{metric} is not in the file; record.metrics = ..., {metric}, jobs/{job}.cfg"
    for column, key, wanted in (
        ("loss_function", "training.loss", "squared"), ("reduction", "training.reduction", "sum"), ("batch_size", "training.batch-size", "all"),
        ("dropout", "training.dropout", "0"), ("k", "data.outputs", "1"), ("output_scale", "training.output-scale", "root-width"),
        ("biases", "training.biases", "no"), ("decay", "training.decay", "output"), ("richness", "training.richness", "lazy"),
        ("initial_output", "training.initial-output", "gaussian"), ("initial_feedback", "training.initial-feedback", "gaussian"),
        ("feedback_correlation", "training.feedback-correlation", "0"), ("error_delay", "training.error-delay", "0"),
        ("initial_checksum", "training.initial-checksum", "none"),
    ):
        values = each_run(runs, column, key, wanted)
        odd = values[~np.isin(values, [wanted, {"all": "0", "lazy": "0.0", "0": "0.0"}.get(wanted, wanted)])]
        if odd.size:
            return f"is about {key} = {wanted}, not {odd[0]}"
    laws = each_run(runs, "initial_weights", "training.initial-weights", "gaussian")
    odd = laws[~np.isin(laws, ["gaussian", "gaussian-scaled"])]
    return f"is about training.initial-weights = gaussian, not {odd[0]}" if odd.size else ""


def judge_by_width(result: Verdict, p: np.ndarray, good: np.ndarray) -> None:
    """"For p large enough, with high probability": from some width on, of nearly all runs of each."""
    widths = np.unique(p)
    shares = [good[p == width].mean() for width in widths]
    bad = np.flatnonzero(np.array(shares) < SHARE)
    result.verdict = "fails" if bad.size and bad[-1] == len(widths) - 1 else "holds"
    result.numbers["share_by_width"] = {str(width): float(share) for width, share in zip(widths, shares)}
    result.why = f"{np.count_nonzero(good)} of {good.size} runs"
    if bad.size and result.verdict == "holds":
        result.why += f", all but a few from p = {widths[bad[-1] + 1]} on"


def fitted(group: Group, at: str | None) -> tuple[str, list[dict[str, Any]]]:
    """Exponents in p at equal time, for each lambda with a constant schedule: of all widths and of the widest four."""
    runs = group.runs
    constant = each_run(runs, "schedule", "training.schedule", "constant") == "constant"
    runs = runs.at(constant | (runs.ridge == 0))
    if not len(runs):
        return "", []
    at = at or latest_common_time(runs)
    result: list[dict[str, Any]] = []
    for ridge in np.unique(runs.ridge):
        mine = select(runs, ridge=ridge)
        for name, (squares, divisor, paper) in FITTED.items():
            metric = name.removeprefix("change of ")
            if metric not in mine.metrics:
                continue
            values, _ = values_at(greatest(mine, metric) if metric in GREATEST else mine, metric, at)
            if metric != name:
                values = values - mine.metrics[metric][:, 0]
            if divisor:
                values = values / np.sqrt(np.log(mine.p))
            table = by_seed_and_width(mine.p, mine.seed, values)
            result.append(exponent_entry(name, divisor, squares, float(ridge), table, paper if ridge == 0 else ""))
        if "outputs" in mine.metrics and has_one_task(mine):
            narrower, errors, own = width_errors(mine)
            table = by_seed_and_width(narrower.p, narrower.seed, errors)
            entry = exponent_entry(WIDTH_ERROR, "", True, float(ridge), table, "")
            entry["by_width"] = {str(p): float(np.sqrt((errors[narrower.p == p] ** 2).mean())) for p in np.unique(narrower.p)}
            entry["of_the_widest_itself"] = own
            result.append(entry)
    return at, result


def exponent_entry(name: str, divisor: str, squares: bool, ridge: float, table: tuple[np.ndarray, np.ndarray], paper: str) -> dict[str, Any]:
    every, last = fit(*table, squares=squares), fit(*widest(*table, 4), squares=squares)
    return {
        "metric": name, "divided_by": divisor, "average": "root mean square" if squares else "mean", "lambda": ridge,
        "all_widths": exponents.as_json(every), "widest_four": exponents.as_json(last), "paper": paper,
        "texts": [exponents.text(every), exponents.text(last)],
    }


def has_one_task(runs: Results) -> bool:
    """Whether all runs have the same samples, so that outputs of different widths are about the same."""
    is_read = each_run(runs, "source", "data.source", "teacher") != "teacher"
    is_shared = (each_run(runs, "teacher_width", "data.teacher-width", "width") != "width") & (each_run(runs, "data_seed", "data.seed", "") != "")
    return bool(np.all(is_read | is_shared)) and len(points(runs, [name for name in ("data_seed", "n", "d") if name in runs.columns])) == 1


def width_errors(runs: Results) -> tuple[Results, np.ndarray, float]:
    """Of every run but the widest the greatest ||f - F|| / ||F at the end|| over the recorded steps, F the mean output of the widest at the
    step, which stands for an infinitely wide network; and how far F itself may be off, by the spread of the widest over seeds, NaN of a
    single one. The greatest, since all outputs end at the targets."""
    outputs = runs.metrics["outputs"]  # runs x steps x samples, NaN after the last step
    wide = runs.p == runs.p.max()
    limit = outputs[wide].mean(axis=0)
    size = np.linalg.norm(runs.metrics["final_outputs"][wide].mean(axis=0))
    errors = np.nanmax(np.linalg.norm(outputs[~wide] - limit, axis=2), axis=1) / size
    count = int(wide.sum())
    own = np.sqrt(np.nanmax(outputs[wide].var(axis=0, ddof=1).sum(axis=1) / count)) / size if count > 1 else np.nan
    return runs.at(~wide), errors, float(own)


def greatest(runs: Results, metric: str) -> Results:
    """The metric's greatest value so far in place of its own."""
    so_far = np.fmax.accumulate(runs.metrics[metric], axis=1)
    return runs.with_metrics({metric: so_far, f"final_{metric}": np.fmax(runs.metrics[f"final_{metric}"], np.nanmax(so_far, axis=1))})


def latest_common_time(runs: Results) -> str:
    """The latest time that every run reaches."""
    if "step_size" not in runs.columns:
        return f"step={runs.step[runs.step <= runs.steps.min()][-1]}"
    ends = flow_time(runs, runs.steps[:, np.newaxis])[:, 0]
    return f"eta*t={float(ends.min()):.6g}"


def report(answer: dict[str, Any]) -> str:
    lines = [f"{answer['file']}: {answer['measured']} runs of {RULE} that ended as they should, of {answer['runs']} in all"]
    nowhere = covered_nowhere(answer["groups"])
    for group in answer["groups"]:
        of = ", ".join(str(value) if isinstance(value, str) else f"{name} = {text(value, name)}" for name, value in group["group"].items())
        widths, ridges = group["widths"], ", ".join(f"{ridge:g}" for ridge in group["lambda"])
        lines += ["", f"{of}: p = {', '.join(map(str, widths))}; lambda = {ridges}; {group['seeds']} seeds"]
        for statement in group["statements"]:
            if statement["statement"] in nowhere:
                continue
            lines.append(f"  {statement['verdict']:<12} {statement['statement']:<24} {statement['claim']}")
            lines += textwrap.wrap(statement["why"], 120, initial_indent=" " * 15, subsequent_indent=" " * 15)
        lines += exponent_lines(group["exponents"])
    if nowhere:
        lines += ["", "not covered by any of these runs"]
    for name, (claim, why) in nowhere.items():
        lines += [f"  {name:<24} {claim}", *textwrap.wrap(why, 120, initial_indent=" " * 27, subsequent_indent=" " * 27)]
    return "\n".join(lines)


def covered_nowhere(groups: Sequence[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    """Claim, and why, of the statements that no group covers, which are said once."""
    result = {}
    for several in zip(*(group["statements"] for group in groups)):
        if all(one["verdict"] == "not covered" and not one["numbers"] for one in several):
            reasons = dict.fromkeys(one["why"] for one in several)
            result[several[0]["statement"]] = (several[0]["claim"], "; or ".join(reasons))
    return result


def exponent_lines(fits: dict[str, Any]) -> list[str]:
    if not fits["of"]:
        return ["  exponents in p are fitted where lambda is constant"]
    rows = [entry for entry in fits["of"] if entry["all_widths"] or entry["widest_four"]]
    if not rows:
        return ["  exponents in p need three widths"]
    cells: list[tuple[str, ...]] = [("lambda", "of", "all widths", "widest four", "paper")]
    for entry in rows:
        divisor = f" / {entry['divided_by']}" if entry["divided_by"] else ""
        squares = ", rms" if entry["average"] == "root mean square" else ""
        cells.append((f"{entry['lambda']:g}", entry["metric"] + divisor + squares, *entry["texts"], entry["paper"]))
    widths = [max(map(len, column)) for column in zip(*cells)]
    lines = ["    " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
    for entry in rows:
        if "by_width" in entry:
            errors = ", ".join(f"{error:.2g} at p = {p}" for p, error in entry["by_width"].items())
            lines.append(f"    lambda = {entry['lambda']:g}: outputs differ from the widest network's by up to {errors}; its own are known to {entry['of_the_widest_itself']:.1g}")
    return [f"  exponents in p at {fits['at']}, with what 95 % of resampled seeds give", *lines]

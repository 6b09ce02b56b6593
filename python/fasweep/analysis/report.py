"""One self-contained page of a result file: HTML with its figures inside, nothing fetched from anywhere, every text escaped."""

from __future__ import annotations

import base64
import io
import itertools
import platform
import re
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from fasweep._errors import Error
from fasweep.analysis import style, theory
from fasweep.analysis.drawing import check_output, write_whole
from fasweep.analysis.plot import Request, draw, text
from fasweep.analysis.results import AnalysisError, Results, counted_by_status, listed, metric_names, points, provenance, read, where
from fasweep.analysis.summary import lines_of

FIRST_AXES = ("p", "lambda", "activation")  # that are x, hue and column if they vary
MOST_FIGURES = 8  # of one kind; further ones are a command away
STYLE = """body { font: 15px/1.5 sans-serif; max-width: 62em; margin: 2em auto; padding: 0 1em; color: #222 }
img { max-width: 100% } table { border-collapse: collapse; font-size: 90% } th, td { text-align: left; padding: .1em .8em .1em 0;
border-bottom: 1px solid #ddd } pre { background: #f5f5f5; padding: .8em; overflow-x: auto; font-size: 85% } h2 { margin-top: 2em }"""


def write_report(file: str, output: str, job: str | None, conditions: Sequence[str] = ()) -> None:
    path = Path(output)
    check_output(path, (".html",))
    html = page(file, job, conditions)
    write_whole(path, lambda temporary: temporary.write_text(html, encoding="utf-8"))


def page(file: str, job: str | None = None, conditions: Sequence[str] = ()) -> str:
    present = metric_names(file)
    metrics = [metric for metric in ("alignment", "loss", "test_accuracy") if metric in present] or present[:2]
    results = where(read(file, [name for metric in metrics for name in (metric, f"final_{metric}")]), conditions)
    of = provenance(file)
    axes = varying(results)
    sections = [
        ("Question", f"<p>{escape(question(job, metrics, axes))}</p>"),
        ("Axes", table([("axis", "values", "of"), *(axis_line(results, axis) for axis in axes)]) + ended(results)),
        ("Figures", "".join(figures(results, metrics, axes))),
        ("Values at the end of training", f"<p>Mean and standard deviation over seeds, of runs with status done.</p>{table(lines_of(results, metrics))}"),
        ("Statements of the paper", statements(file, conditions)),
        ("Failures", preformatted(of.get("failures", "")) if of.get("failures") else "<p>None.</p>"),
        ("Provenance", facts(file, of)),
        ("To repeat it", repeat(file, of)),
    ]
    body = "".join(f"<h2>{escape(title)}</h2>\n{section}\n" for title, section in sections)
    name = escape(Path(file).name)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{name}</title><style>{STYLE}</style></head>\n'
        f"<body>\n<h1>{name}</h1>\n{body}</body>\n</html>\n"
    )


def varying(results: Results) -> list[str]:
    """Axes with several values that do not follow from those before, the usual ones first."""
    names: list[str] = []
    for name in [*FIRST_AXES, *(name for name in results.columns if name not in FIRST_AXES)]:
        if name in results.columns and len(points(results, [*names, name])) > len(points(results, names)):
            names.append(name)
    return names


def question(job: str | None, metrics: Sequence[str], axes: Sequence[str]) -> str:
    """The job's first comment, else what its axes ask."""
    if job is not None:
        try:
            lines = itertools.takewhile(lambda line: line.startswith("#"), Path(job).read_text().splitlines())
        except (OSError, UnicodeDecodeError) as error:
            raise AnalysisError(f"job '{job}' cannot be read ({error}); give the file that was run, or none") from error
        asked = re.split(r"\s{2,}(?:feeds|cost):", " ".join(line.lstrip("# ") for line in lines))[0].strip()
        if asked:
            return asked
    others = [axis for axis in axes if axis != "seed"]
    on = f" depend on {', '.join(others)}" if others else " come out"
    return f"How do {' and '.join(metrics)}{on}?"


def axis_line(results: Results, axis: str) -> tuple[str, str, str]:
    values = results.columns[axis]
    return axis, listed(values), str(len(np.unique(values)))


def ended(results: Results) -> str:
    return f"<p>{len(results)} runs: {escape(counted_by_status(results))}.</p>"


def figures(results: Results, metrics: Sequence[str], axes: Sequence[str]) -> Iterator[str]:
    """Each metric at the end against the first numeric axis, then over time in its middle; a figure for each value of what
    has no place in one."""
    numeric = [axis for axis in axes if axis != "seed" and results.columns[axis].dtype.kind != "U"]
    x = numeric[0] if numeric else None
    others = [axis for axis in axes if axis not in (x, "seed")]
    hue = others[0] if others else None
    # A legend of many entries is better than a panel of each, but for names.
    column = next((axis for axis in others[1:] if len(np.unique(results.columns[axis])) <= 4), None)
    rest = [axis for axis in others if axis not in (hue, column)]
    for metric in metrics:
        if x is not None:
            yield from drawn(results, Request(x, metric, hue, column), rest)
        levels = [] if x is None else np.unique(results.columns[x]).tolist()
        middle = [f"{x}={level}" for level in levels[len(levels) // 2 :][:1]]
        time = "eta*t" if "step_size" in results.columns else "step"
        yield from drawn(where(results, middle), Request(time, metric, hue, column, spread="median"), rest)


def drawn(results: Results, request: Request, rest: Sequence[str]) -> Iterator[str]:
    combinations = points(results, rest)
    for combination in combinations[:MOST_FIGURES]:
        conditions = [f"{axis}={value}" for axis, value in zip(rest, combination)]
        try:
            with matplotlib.rc_context(style.PARAMETERS):
                image = encoded(draw(where(results, conditions), request))
        except AnalysisError as error:
            yield f"<p>No figure of {escape(request.y)} against {escape(request.x)}: {escape(str(error))}</p>\n"
            continue
        of = f" for {', '.join(conditions)}" if conditions else ""
        words = escape(f"{request.y} against {request.x}{of}")
        yield f'<figure><img src="data:image/png;base64,{image}" alt="{words}"><figcaption>{words}</figcaption></figure>\n'
    if len(combinations) > MOST_FIGURES:
        yield f"<p>{len(combinations) - MOST_FIGURES} more such figures are left out; <code>python3 -m fasweep.analysis plot</code> draws them.</p>\n"


def encoded(figure: Figure) -> str:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", bbox_inches="tight")
    return base64.b64encode(picture.getvalue()).decode()


def statements(file: str, conditions: Sequence[str]) -> str:
    try:
        return preformatted(theory.report(theory.measure(file, conditions, say_pending=False)))
    except Error as error:
        return f"<p>{escape(str(error))}</p>"


def facts(file: str, of: dict[str, str]) -> str:
    lines = [("file", file), *((name, of[name]) for name in ("schema", "plan_hash", "complete") if name in of)]
    lines.append(("read with", f"Python {platform.python_version()}, numpy {np.__version__}, matplotlib {matplotlib.__version__}"))
    texts = ((name, of.get(name, "")) for name in ("sessions", "agents", "build"))
    return table(lines, header=False) + "".join(f"<h3>{name}</h3>{preformatted(value)}" for name, value in texts if value)


def repeat(file: str, of: dict[str, str]) -> str:
    name = escape(Path(file).name)
    commands = (
        f"fasweep run job.cfg -o {name}       # the job below, into a new file; or into this one, to continue it\n"
        f"fasweep verify {name}               # is the file sound?\n"
        f"fasweep check {name} --runs 5       # some runs once more, in plain loops"
    )
    return f"<pre>{commands}</pre><h3>job.cfg</h3>{preformatted(of.get('job', ''))}"


def preformatted(value: str) -> str:
    return f"<pre>{escape(value)}</pre>"


def table(lines: Sequence[Sequence[object]], header: bool = True) -> str:
    tags = itertools.chain(["th"] if header else [], itertools.repeat("td"))
    rows = ("".join(f"<{tag}>{escape(text(cell))}</{tag}>" for cell in line) for tag, line in zip(tags, lines))
    return "<table>" + "".join(f"<tr>{row}</tr>\n" for row in rows) + "</table>\n"

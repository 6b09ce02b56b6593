"""The functions of the package: each writes a job if it needs one, runs a command of the program, and reads its output."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from fasweep._errors import Error
from fasweep._job import Data, Section, write_sections
from fasweep._program import output_of, program, sweep

if TYPE_CHECKING:
    import xarray

PathText = Union[str, "PathLike[str]"]


def run(
    job: PathText | None = None,
    *,
    output: PathText,
    grid: Section | Sequence[Section] | None = None,
    data: Data | None = None,
    training: Section | None = None,
    record: Section | None = None,
    launcher: str | None = None,
    progress: bool = True,
    **options: Any,
) -> xarray.Dataset:
    """Trains every run of a grid and returns what `fasweep.open(output)` gives. The same call again continues an
    interrupted sweep, and skips finished runs; a larger grid extends it.

        fasweep.run(grid={"p": [100, 400], "lambda": [0, 0.1], "seed": range(5)}, data={"n": 50, "d": 150},
                    training={"max-steps": 5000}, output="width.h5")

    job       a job file, in place of grid, data, training and record
    output    the result file, FILE.h5; the job is written beside it as FILE.h5.cfg, arrays as FILE.h5.data.h5
    grid      keys and values of [grid], and any other key that should be an axis; a list of these for a union of grids
    data      keys of [data]; or X (samples, inputs) or (samples, rows, columns) and y (samples) or (samples, outputs), as
              a tuple or in a dict, with X_test, y_test and keys (`normalize`) if wanted: whole numbers in y are labels from
              0, others are regressed on; or the path of a table in CSV or HDF5
    training  keys of [training]; step sizes and times count in steps
    record    keys of [record]: at which steps, which metrics
    launcher  None: threads on every core of this machine; otherwise the command that starts ranks, "mpirun -n 8" or "srun"
    progress  whether to show a bar
    options   of `fasweep run`: workers=2, time_limit="2h", backend="cpu", retry="failed", ...

    Names of keys are those of `fasweep.keys()`; `_` stands for `-`, and `lambda_` for lambda.

    What ends a sweep early: an interrupt (ctrl-C, a notebook's stop button) is passed on, the program finishes or saves the
    current runs, and then KeyboardInterrupt is raised; a second one stops at once. A time limit returns the results so far, with
    a warning. Failed runs are missing values, and `status` says so. Anything else raises fasweep.Error with the program's message.
    """
    path = Path(output)
    if job is None:
        job = path.with_name(path.name + ".cfg")
        _write(Path(job), grid, data, training, record, path)
    elif any(given is not None for given in (grid, data, training, record)):
        raise Error(f"job '{job}' and other settings are not accepted together (which counts?); give one of them")
    sweep(Path(job), path, launcher, options, progress)
    return open(path)


def plan(
    job: PathText | None = None,
    *,
    grid: Section | Sequence[Section] | None = None,
    data: Data | None = None,
    training: Section | None = None,
    record: Section | None = None,
) -> dict[str, Any]:
    """What `run` would do, from the same arguments: number of `runs`, `predicted_core_seconds`, `file_bytes`,
    `recorded_steps`, `solvers` and how many runs each takes, `job` with every key, ... Trains nothing."""
    with _job_file(job, grid, data, training, record) as path:
        return json.loads(output_of("plan", str(path), "--json"))


def points(
    job: PathText | None = None,
    *,
    grid: Section | Sequence[Section] | None = None,
    data: Data | None = None,
    training: Section | None = None,
    record: Section | None = None,
) -> list[dict[str, Any]]:
    """Every run of the plan with its value on each axis, in the order of the file's rows."""
    with _job_file(job, grid, data, training, record) as path:
        return json.loads(output_of("plan", str(path), "--points", "json"))


def write_job(
    job: PathText,
    *,
    grid: Section | Sequence[Section],
    data: Data | None = None,
    training: Section | None = None,
    record: Section | None = None,
) -> Path:
    """Writes a job file from the arguments of `run`, for `fasweep run` elsewhere; arrays go beside it."""
    _write(Path(job), grid, data, training, record, None)
    return Path(job)


def status(file: PathText) -> dict[str, Any]:
    """How far a sweep is, also while it runs: `runs`, `counts` by how they ended, `complete`, `failures`, `training_seconds`."""
    return json.loads(output_of("status", str(file), "--json"))


@lru_cache(maxsize=1)
def _keys(path: Path) -> dict[str, dict[str, Any]]:
    return {key["key"]: key for key in json.loads(output_of("keys", "--json"))}


def keys() -> dict[str, dict[str, Any]]:
    """Every key of a job by its name, `training.step-size`: `meaning`, `accepted`, `default`, `type`, `column` in files, ..."""
    return _keys(program())


def state(
    file: PathText,
    *,
    output: PathText,
    run: int | None = None,
    where: Mapping[str, Any] | None = None,
    step: int | Sequence[int] | None = None,
    data: PathText | None = None,
    initial_state: PathText | None = None,
) -> xarray.Dataset:
    """The network of one run: weights, outputs and errors, by training it again on one core.

    run     its row in the file, or
    where   its values, {"p": 200, "lambda": 0.1, "rule": "backprop", "seed": 3}
    step    training steps to write out; by default the run's last
    output  the file that is written; never overwritten
    data    where the run's data set is now, if it has moved
    initial_state  where its initial state is now, likewise

    X (sample, input), y (sample, output), W (step, unit, input), beta and b (step, unit, output), Z (step, unit, sample),
    f and e (step, sample, output), step_size and ridge (step), in float64, read on demand.
    """
    from fasweep._dataset import open_state

    if (run is None) == (where is None):
        raise Error("a run is named by its row or by its values (none or both were given); give run=5 or where={'p': 200, ...}")
    command = ["state", str(file), "-o", str(output)]
    command += ["--run", str(run)] if where is None else ["--where", ",".join(f"{name}={value}" for name, value in where.items())]
    if step is not None:
        command += ["--step", *(str(one) for one in ([step] if isinstance(step, int) else step))]
    if data is not None:
        command += ["--data", str(data)]
    if initial_state is not None:
        command += ["--initial-state", str(initial_state)]
    output_of(*command)
    return open_state(Path(output))


def open(file: PathText) -> xarray.Dataset:
    """The results of a file, also while its sweep runs, as an xarray Dataset with one labelled dimension per axis.

    Dimensions are p, lambda, activation, rule and seed, and every other key that has several values (`step_size`, `n`,
    `batch_size`, ...); a key whose value follows from others (a step size for each activation) is a coordinate over these,
    one that is the same for all runs a scalar. Each metric is over (axes..., step), and `final_<metric>` over the axes: its
    value at the run's own last step, which `steps` names. `status` is done, diverged, failed, cancelled or pending; runs
    without results are NaN. Names are text.

    Axes that were zipped or sampled so that they do not fill a grid stay one dimension, `run`, with the axes as coordinates:
    `data.where(data.p > 200, drop=True)` chooses. `data.attrs["layout"]` says which of the two applies, and why.

    Numbers are read from the file on demand; choose first, then compute:
    `data.loss.sel({"lambda": 0.1, "rule": "backprop"}).mean("seed")`. `data.fasweep.table()` is a pandas DataFrame of final values.
    """
    from fasweep._dataset import open_results

    return open_results(Path(file))


def report(file: PathText, *, output: PathText | None = None, job: PathText | None = None) -> Path:
    """Writes one self-contained page of a result file, and returns its path: question, axes, figures, tables, what the paper's statements
    come to, failures, provenance, how to repeat it.

    output  OUT.html; by default FILE.html beside the file
    job     the job file that was run, whose first comment is the question; a result file does not keep comments
    """
    from fasweep.analysis.report import write_report

    path = Path(file).with_suffix(".html") if output is None else Path(output)
    write_report(str(file), str(path), None if job is None else str(job))
    return path


def _write(
    path: Path, grid: Section | Sequence[Section] | None, data: Data | None, training: Section | None,
    record: Section | None, results: Path | None,
) -> None:
    if grid is None:
        raise Error("a sweep without a grid is not accepted (the grid says which networks to train); give grid={'p': [100, 200]} or a job file")
    write_sections(path, grid, data, training, record, results)


@contextmanager
def _job_file(
    job: PathText | None, grid: Section | Sequence[Section] | None, data: Data | None, training: Section | None,
    record: Section | None,
) -> Iterator[Path]:
    """The job file that is named, or one of these settings for as long as it is needed."""
    if job is not None:
        yield Path(job)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "job.cfg"
        _write(path, grid, data, training, record, None)
        yield path

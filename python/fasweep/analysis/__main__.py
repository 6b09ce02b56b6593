"""The command line of the package: names the subcommands, turns what the user can mend into one sentence and exit 2."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import fields

from fasweep._errors import Error
from fasweep.analysis.figure2 import write_figure2
from fasweep.analysis.figure3 import ALIGNMENTS, write_figure3
from fasweep.analysis.online import print_order_parameters
from fasweep.analysis.plot import SPREADS, Request, write_plot
from fasweep.analysis.published import print_published
from fasweep.analysis.report import write_report
from fasweep.analysis.summary import print_summary
from fasweep.analysis.theory import print_theory


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(prog="python3 -m fasweep.analysis", description="figures and tables of fasweep's results")
    commands = result.add_subparsers(required=True, metavar="COMMAND")
    chosen = argparse.ArgumentParser(add_help=False)
    chosen.add_argument(
        "--where", action="append", default=[], metavar="AXIS=VALUE", help="only these runs, rule=backprop; several times for several axes"
    )
    drawn = argparse.ArgumentParser(add_help=False, parents=[chosen])
    drawn.add_argument("-o", dest="output", required=True, metavar="OUT", help="OUT.png, OUT.svg or OUT.pdf")
    figure2 = commands.add_parser("figure2", parents=[drawn], help="alignment against width, and loss trajectories")
    figure2.add_argument("files", nargs="+", metavar="FILE.h5", help="result files, each activation in one of them")
    figure2.add_argument(
        "--width", type=int, metavar="P", help="p of the loss panels; default 3200 if present, else the middle width"
    )
    figure2.set_defaults(run=lambda given: write_figure2(given.files, given.output, given.width, given.where))
    figure3 = commands.add_parser("figure3", parents=[drawn], help="alignment and test accuracy against epochs")
    figure3.add_argument("file", metavar="FILE.h5")
    figure3.add_argument(
        "--alignment", choices=ALIGNMENTS, default=next(iter(ALIGNMENTS)), help="metric of the left panel; %(default)s"
    )
    figure3.add_argument("--runs", action="store_true", help="one line a run instead of mean and deviation")
    figure3.set_defaults(run=lambda given: write_figure3(given.file, given.output, given.alignment, given.runs, given.where))
    plot = commands.add_parser(
        "plot", parents=[drawn], help="any metric against any axis or time",
        epilog="example: plot FILE.h5 --x p --y alignment --hue lambda --at eta*t=20 --where rule=feedback-alignment -o OUT.png",
    )
    plot.add_argument("file", metavar="FILE.h5")
    plot.add_argument("--x", required=True, metavar="AXIS", help="an axis of the file, or step, or eta*t")
    plot.add_argument("--y", required=True, metavar="METRIC", help="a recorded metric, or A/B, the ratio of two")
    plot.add_argument("--hue", metavar="AXIS", help="a curve for each of its values")
    plot.add_argument("--col", dest="column", metavar="AXIS", help="a panel for each of its values")
    plot.add_argument("--at", default="end", metavar="TIME", help="end, step=N or eta*t=T, the nearest record; %(default)s")
    plot.add_argument("--paired", action="store_true", help="the change from step 0, run by run")
    plot.add_argument("--spread", choices=SPREADS, default="mean", help="mean with its 95 %% interval, or median with quantiles; %(default)s")
    plot.add_argument("--guide", dest="guides", action="append", type=float, default=[], metavar="SLOPE", help="a line of this slope, -0.5")
    plot.add_argument("--log", choices=("auto", "none", "x", "y", "xy"), default="auto", help="logarithmic axes; %(default)s")
    plot.add_argument("--map", action="store_true", help="the values of --hue upwards, the metric as colour")
    plot.set_defaults(run=run_plot)
    summary = commands.add_parser("summary", parents=[chosen], help="final alignment and loss of every point, as text")
    summary.add_argument("file", metavar="FILE.h5")
    summary.set_defaults(run=lambda given: print_summary(given.file, given.where))
    theory = commands.add_parser(
        "theory", parents=[chosen], help="statement by statement of the paper, whether the results do what it says",
    )
    theory.add_argument("file", metavar="FILE.h5")
    theory.add_argument("--at", metavar="TIME", help="time of the exponents, step=N or eta*t=T; default the last that all runs reach")
    theory.add_argument("--problems", action="store_true", help="ask the program for ||y|| and the spectrum of XX^T of each task")
    theory.add_argument("--json", action="store_true", help="the same, for programs")
    theory.set_defaults(run=lambda given: print_theory(given.file, given.where, given.at, given.problems, given.json))
    published = commands.add_parser("published", parents=[chosen], help="published numbers beside those of a file of jobs/published")
    published.add_argument("file", metavar="FILE.h5")
    published.add_argument("--table", metavar="NAME", help="akrout-2019, ...; default the one whose recipe the file follows")
    published.set_defaults(run=lambda given: print_published(given.file, given.where, given.table))
    online = commands.add_parser(
        "order-parameters", parents=[chosen], help="overlaps of student and teacher, learnt from fresh samples, beside their equations",
    )
    online.add_argument("file", metavar="FILE.h5")
    online.add_argument("-o", dest="output", metavar="OUT", help="a figure too, OUT.png, OUT.svg or OUT.pdf")
    online.set_defaults(run=lambda given: print_order_parameters(given.file, given.where, given.output))
    page = commands.add_parser("report", parents=[chosen], help="one self-contained page: question, figures, tables, provenance")
    page.add_argument("file", metavar="FILE.h5")
    page.add_argument("-o", dest="output", required=True, metavar="OUT.html")
    page.add_argument("--job", metavar="JOB.cfg", help="the job that was run; its first comment is the question")
    page.set_defaults(run=lambda given: write_report(given.file, given.output, given.job, given.where))
    return result


def run_plot(given: argparse.Namespace) -> None:
    names = [field.name for field in fields(Request)]
    write_plot(given.file, given.output, Request(**{name: getattr(given, name) for name in names}), given.where)


def main(arguments: Sequence[str]) -> int:
    given = parser().parse_args(arguments)
    try:
        given.run(given)
        sys.stdout.flush()
    except Error as error:
        print(f"analysis: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `... | head` has read what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

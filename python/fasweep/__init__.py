"""Sweeps of feedback-alignment training runs from Python: `run` a grid, get an xarray Dataset with one axis per key.

The program's own files and JSON are the interface; there are no bindings. Heavy imports wait until they are first needed.
"""

from fasweep._commands import keys, open, plan, points, report, run, state, status, write_job
from fasweep._errors import Error, ProgramError
from fasweep._program import program

__all__ = ["Error", "ProgramError", "keys", "open", "plan", "points", "program", "report", "run", "state", "status", "write_job"]

"""Figures and tables from the result files of fasweep: `python3 -m analysis --help`."""

"""Figures and tables from result files: `python3 -m fasweep.analysis --help`, or `python3 -m analysis` in the repository."""

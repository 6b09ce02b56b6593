"""The fixtures of the tests of slurm/."""

from local_cluster import cluster, site

__all__ = ["cluster", "site"]

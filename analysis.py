"""`python3 -m analysis` in the repository, or with PYTHONPATH=PREFIX/share/fasweep: the package's `fasweep.analysis`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "python"))

from fasweep.analysis.__main__ import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

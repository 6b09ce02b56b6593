"""What the user can mend."""

from __future__ import annotations


class Error(Exception):
    """One sentence, the program's own where it is the program that refuses: problem (why); what to do."""


class ProgramError(Error):
    """The program ended with another exit code than those of results; `exit_code` is it (`fasweep --help` lists them)."""

    def __init__(self, sentence: str, exit_code: int) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code

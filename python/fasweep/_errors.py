"""Errors that the user can fix."""

from __future__ import annotations


class Error(Exception):
    """One sentence, from the program itself if it refuses something: problem (why); what to do."""


class ProgramError(Error):
    """The program ended with an `exit_code` that means no results (`fasweep --help` lists them)."""

    def __init__(self, sentence: str, exit_code: int) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code

"""The errors that a user sees: one line with the next step, and an exit code."""

from __future__ import annotations


class LatentdError(Exception):
    """A failure that is not a bug. `cli` prints it as one line and exits with `exit_code`.

    Args:
        message: what went wrong and where: the value found, what is allowed.
        hint: the next step for the user, an imperative sentence.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message


class UserError(LatentdError):
    """The user's own mistake: a wrong option, file, name or value."""

    exit_code = 2

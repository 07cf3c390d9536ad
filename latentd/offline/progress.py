"""A progress bar for work of many steps, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def bar() -> Progress:
    """A bar on the terminal's error stream; silent where that is none, so that pipes and logs stay clean."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True)


class Counted:
    """Work of many steps, each of which ends with a line for the user."""

    def __init__(self, shown: Progress, total: int, what: str) -> None:
        self._bar = shown
        self._task = shown.add_task(what, total=total, visible=total > 1)  # one alone needs no bar

    def done(self, line: str, err: bool = False) -> None:
        """One step is done: its line, above the bar where both are on the terminal."""
        if not self._bar.disable and (sys.stderr if err else sys.stdout).isatty():
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            click.echo(line, err=err)
        self._bar.advance(self._task)


@contextmanager
def counted(total: int, what: str) -> Iterator[Counted]:
    """A bar for so many steps."""
    with bar() as shown:
        yield Counted(shown, total, what)

"""A progress bar on the terminal for work of many steps."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def bar() -> Progress:
    """A bar on standard error if that is a terminal, else nothing, so that pipes and logs stay clean."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True)


class Counted:
    """A progress bar for work of many steps, each of which prints a line at its end."""

    def __init__(self, shown: Progress, total: int, what: str) -> None:
        self._bar = shown
        self._task = shown.add_task(what, total=total, visible=total > 1)

    def done(self, line: str, err: bool = False) -> None:
        """Advance by one step and print its line, above the bar if both are on the terminal."""
        line = click.format_filename(line)  # it may hold a file name that is not UTF-8
        if not self._bar.disable and (sys.stderr if err else sys.stdout).isatty():
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            click.echo(line, err=err)
        self._bar.advance(self._task)


@contextmanager
def counted(total: int, what: str) -> Iterator[Counted]:
    """A progress bar for `total` steps."""
    with bar() as shown:
        yield Counted(shown, total, what)

"""The progress of work of many steps: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

_A_MINUTE = 60.0


_LINE_EVERY_S = 30.0


def bar(*columns: ProgressColumn, transient: bool = True) -> Progress:
    """A bar on standard error if that is a terminal, with more columns at its end; else a line every 30 seconds."""
    if not sys.stderr.isatty():
        return Lines()
    first = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*first, *columns, console=Console(stderr=True), transient=transient)


class Lines(Progress):
    """Progress as lines: `rendering: 120 of 2500, about 4 min left`. Nothing of work that is over sooner.

    Args:
        get_time: monotonic seconds.
    """

    def __init__(self, get_time: Callable[[], float] = time.monotonic) -> None:
        super().__init__(console=Console(stderr=True), disable=True, get_time=get_time)
        self._due = get_time() + _LINE_EVERY_S

    def update(self, task_id: TaskID, **changes: Any) -> None:
        """As `Progress.update`."""
        super().update(task_id, **changes)
        self._show(task_id)

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """As `Progress.advance`."""
        super().advance(task_id, advance)
        self._show(task_id)

    def _show(self, task_id: TaskID) -> None:
        if self.get_time() >= self._due:
            self._due = self.get_time() + _LINE_EVERY_S
            click.echo(_line(self._tasks[task_id]), err=True)


def _line(task: Task) -> str:
    left = task.time_remaining
    if left is None:
        about = ""
    elif left < _A_MINUTE:
        about = ", less than a minute left"
    else:
        about = f", about {left / _A_MINUTE:.0f} min left"
    return f"{task.description}: {task.completed:.0f} of {task.total or 0:.0f}{about}"


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

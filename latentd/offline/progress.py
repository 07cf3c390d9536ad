"""A progress bar for work of many steps, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

T = TypeVar("T")


def bar() -> Progress:
    """A bar on the terminal's error stream; silent where that is none, so that pipes and logs stay clean."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True)


def track(things: Iterable[T], total: int, what: str) -> Iterator[T]:
    """Pass things through and count them; one alone needs no bar."""
    with bar() as shown:
        task = shown.add_task(what, total=total, visible=total > 1)
        for thing in things:
            yield thing
            shown.advance(task)

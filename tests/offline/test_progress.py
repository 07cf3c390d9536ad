"""The progress bar and the lines beside it, on a terminal and without one."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from latentd.offline import progress

pytestmark = pytest.mark.offline

LINES = [
    f"/a/folder/with/a/very/long/name/that/goes/on/beyond/the/width/of/any/terminal/{n}_[red].wav" for n in range(5)
]
WORK = f"""
from latentd.offline.progress import counted
with counted(5, "working") as count:
    for line in {LINES!r}:
        count.done(line)
"""


def _on_a_terminal(stdout: int | None) -> tuple[str, str]:
    """The output on the terminal, and that in a pipe at standard output."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "80"}
    command = [sys.executable, "-c", WORK]
    with subprocess.Popen(command, stdout=stdout or theirs, stderr=theirs, env=environment, text=True) as program:
        os.close(theirs)
        shown = b""
        while piece := _read(ours):
            shown += piece
        piped = program.stdout.read() if program.stdout else ""
    os.close(ours)
    assert program.returncode == 0
    return shown.decode(), piped


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end is closed
        return b""


def test_on_a_terminal_the_lines_are_above_the_bar() -> None:
    shown, _ = _on_a_terminal(None)
    assert "working" in shown
    left = [line.rpartition("\x1b[2K")[2].rstrip("\r") for line in shown.split("\n")]
    assert [line for line in left if ".wav" in line] == LINES


def test_a_pipe_gets_only_the_lines() -> None:
    shown, piped = _on_a_terminal(subprocess.PIPE)
    assert piped.splitlines() == LINES
    assert "working" in shown and ".wav" not in shown


def test_without_a_terminal_there_is_a_line_every_30_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    now = 100.0
    with progress.Lines(lambda: now) as lines:
        task = lines.add_task("rendering", total=200)
        for done in range(101):
            now = 100.0 + 1.5 * done
            lines.update(task, completed=done)
        lines.update(task, description="training", completed=0, total=4)
        now += 40.0
        lines.advance(task)
        now += 20.0
        lines.advance(task)
    out, shown = capsys.readouterr()
    assert not out
    assert shown.splitlines() == [
        "rendering: 20 of 200, about 4 min left",
        "rendering: 40 of 200, about 4 min left",
        "rendering: 60 of 200, about 4 min left",
        "rendering: 80 of 200, about 3 min left",
        "rendering: 100 of 200, about 2 min left",
        "training: 1 of 4",  # no speed is known of it yet
    ]


def test_short_work_leaves_a_log_clean(capsys: pytest.CaptureFixture[str]) -> None:
    now = 100.0
    with progress.Lines(lambda: now) as lines:
        task = lines.add_task("rendering", total=20)
        for done in range(21):
            now = 100.0 + done
            lines.update(task, completed=done)
    assert capsys.readouterr() == ("", "")

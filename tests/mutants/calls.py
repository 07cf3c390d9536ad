"""A pytest plugin that notes which test calls which function, in its own process or in one that it started.

PYTEST_DONT_REWRITE: pytest finds it already imported.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import sys
import threading
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

# Of the code to watch, and of what is noted: `calls` gets a line for each call (number of the test, file, function),
# each test (number, "", name), and each part of one (name, "seconds", time); `now` holds the number of the test that
# runs, since a daemon may serve several tests.
_WATCHED, _NOTED = "LATENTD_MUTANTS_WATCHED", "LATENTD_MUTANTS_NOTED"

# Python runs a module named sitecustomize at its start: so pytest is watched, and every process that a test starts.
_SITE = "from tests.mutants import calls\ncalls.watch()\n"

_NUMBER = struct.Struct("=Q")


def prepare(watched: Path, noted: Path) -> dict[str, str]:
    """Make the folder `noted`; returns the environment in which processes note what they call of `watched`."""
    (noted / "site").mkdir(parents=True)
    (noted / "site" / "sitecustomize.py").write_text(_SITE, encoding="utf-8")
    (noted / "now").write_bytes(_NUMBER.pack(0))
    return {_WATCHED: str(watched), _NOTED: str(noted), "PYTHONPATH": f"{noted / 'site'}:{watched}"}


def watch() -> None:
    """Note every function of the watched code that this process calls, once a test, whichever thread calls it."""
    watched = os.environ[_WATCHED]
    running = _running()
    seen: set[CodeType] = set()
    last = b""

    def called(frame: FrameType, _event: str, _arg: object) -> None:
        nonlocal last
        now = running[:]
        if now != last:
            seen.clear()
            last = now
        code = frame.f_code
        if code not in seen:
            seen.add(code)
            if code.co_filename.startswith(watched):
                _note(str(*_NUMBER.unpack(now)), code.co_filename[len(watched) + 1 :], code.co_qualname)

    threading.settrace(called)
    sys.settrace(called)


def read(folder: Path) -> tuple[dict[tuple[str, str], set[str]], dict[str, float]]:
    """What was noted: (file, function) -> tests, and how many seconds each test took."""
    calls: list[tuple[str, str, str]] = []
    names: dict[str, str] = {}
    seconds: dict[str, float] = {}
    for line in (folder / "calls").read_text(encoding="utf-8").splitlines():
        first, second, third = line.split("\t")
        if second == "":
            names[first] = third
        elif second == "seconds":
            seconds[first] = seconds.get(first, 0.0) + float(third)
        else:
            calls.append((first, second, third))
    callers: dict[tuple[str, str], set[str]] = {}
    for number, file, function in calls:
        if number in names:  # not while pytest imports its tests
            callers.setdefault((file, function), set()).add(names[number])
    return callers, seconds


def _running() -> mmap.mmap:
    with (Path(os.environ[_NOTED]) / "now").open("r+b") as file:
        return mmap.mmap(file.fileno(), _NUMBER.size)


def _note(*fields: str) -> None:
    # Some tests limit the size of files: what cannot be noted there is noted by the functions before it.
    with contextlib.suppress(OSError), (Path(os.environ[_NOTED]) / "calls").open("a", encoding="utf-8") as file:
        file.write("\t".join(fields) + "\n")


def pytest_runtest_logstart(nodeid: str) -> None:
    """From here on calls are this test's."""
    with _running() as running:
        number = _NUMBER.unpack(running[:])[0] + 1
        running[:] = _NUMBER.pack(number)
    _note(str(number), "", nodeid)


def pytest_runtest_logreport(report: Any) -> None:
    """Note how long it took."""
    _note(report.nodeid, "seconds", str(report.duration))

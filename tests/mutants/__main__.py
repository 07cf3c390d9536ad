"""Change one thing at a time in a copy of the code, and see whether a pure test fails."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import importlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from tests.mutants import calls
from tests.mutants.operators import Mutant, mutants

_ROOT = Path(__file__).parents[2]
_LIVE_HALF = ("latentd/daemon", "latentd/instrument", "latentd/outputs", "latentd/inputs")
_PURE = ("-m", "not real and not offline", "-p", "no:cacheprovider", "-q")
# Imported once, not by every run of a test.
_COMMON = ("numpy", "pydantic", "yaml", "click", "rich.live", "rtmidi", "jack", "pythonosc.osc_message_builder")
_PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>
_MEMORY = 4 << 30
_GRACE_S = 20.0
_SLOWER = 10.0  # than the tests took on the code as it is: a mutant that takes longer hangs


@dataclass(frozen=True)
class Result:
    """What became of one mutant: `survived`, `killed`, or `hung`, which a test run sees, too."""

    module: str
    function: str
    line: int
    operator: str
    before: str
    after: str
    outcome: str
    tests: int
    key: str


def main() -> None:
    """Print each survivor as it is found, then the figures of each module."""
    options = _options()
    os.environ["CI"] = "1"  # Hypothesis tries the same examples each time
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory(prefix="latentd-mutants-") as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(_ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        os.chdir(copy)
        os.environ["PYTHONPATH"] = str(copy)
        noted = options.calls or Path(folder) / "noted"
        if not noted.exists():
            _survey(copy, noted, options.tests)
        callers, seconds = calls.read(noted)
        if _outcome(sorted(seconds, key=seconds.__getitem__)[:300], 300.0) != "survived":
            raise SystemExit("the tests fail on the code as it is")
        results: list[Result] = []
        for path in _files(options.modules):
            source = path.read_text(encoding="utf-8")
            for mutant in _drawn(source, options):
                tests = sorted(_tests(callers, str(path), mutant.function), key=seconds.__getitem__)
                results.append(_try(path, mutant, tests, sum(seconds[test] for test in tests)))
                if results[-1].outcome == "survived":
                    _show(results[-1])
            _write(path, source)
            if options.json:
                options.json.write_text(json.dumps([asdict(result) for result in results], indent=1), encoding="utf-8")
    _table(results)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", default=_LIVE_HALF, help="files or folders; default: the live half")
    parser.add_argument("--function", default="", help="only functions that have this in their name")
    parser.add_argument("--operator", default="", help="only operators that have this in their name")
    parser.add_argument("--tests", nargs="+", default=["tests"], help="files or folders; default: all pure tests")
    parser.add_argument("--share", type=float, default=1.0, help="of the mutants, drawn by --seed (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=_absolute, help="write all results to this file")
    parser.add_argument("--calls", type=_absolute, help="keep here which test calls what; use it if it is there")
    return parser.parse_args()


def _absolute(path: str) -> Path:
    return Path(path).absolute()


def _drawn(source: str, options: argparse.Namespace) -> list[Mutant]:
    return [
        mutant
        for mutant in mutants(source, options.seed)
        if options.function in mutant.function
        and options.operator in mutant.operator
        and int(mutant.key[:8], 16) < options.share * 2**32
    ]


def _files(names: Iterable[str]) -> list[Path]:
    paths = [Path(name) for name in names]
    return [file for path in paths for file in (sorted(path.rglob("*.py")) if path.is_dir() else [path])]


def _survey(copy: Path, noted: Path, tests: list[str]) -> None:
    """Run the tests on the code as it is: which call which function, and how long each takes."""
    argv = [sys.executable, "-m", "pytest", "-p", "tests.mutants.calls", *_PURE, *tests]
    subprocess.run(argv, env=os.environ | calls.prepare(copy, noted), check=True)


def _tests(callers: Mapping[tuple[str, str], set[str]], path: str, function: str) -> set[str]:
    """The tests that call a function; for what stands outside of one, those that call any of the module."""
    if function == "<module>":
        return {test for (file, _), tests in callers.items() if file == path for test in tests}
    return callers.get((path, function), set())


def _try(path: Path, mutant: Mutant, tests: list[str], usual_s: float) -> Result:
    outcome = "survived"
    if tests:
        _write(path, mutant.source)
        outcome = _outcome(tests, _GRACE_S + _SLOWER * usual_s)
    m = mutant
    return Result(str(path), m.function, m.line, m.operator, m.before, m.after, outcome, len(tests), m.key)


_written = 0


def _write(path: Path, source: str) -> None:
    """A time of its own for each version: Python tells by it whether what it compiled before still holds."""
    global _written
    _written += 1
    path.write_text(source, encoding="utf-8")
    os.utime(path, (_written, _written))


def _outcome(tests: list[str], limit_s: float) -> str:
    """Run these tests up to the first that fails, in a process of their own."""
    child = os.fork()
    if child == 0:
        _run(tests)
    ends = time.monotonic() + limit_s
    try:
        while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
            if time.monotonic() > ends:
                return "hung"
            time.sleep(0.02)
        return "survived" if os.waitstatus_to_exitcode(ended[1]) == 0 else "killed"
    finally:
        _end_children()


def _run(tests: list[str]) -> None:
    code = 1
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(nowhere, fd)
        os.setsid()
        sys.path[0] = str(Path.cwd())
        for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
            del sys.modules[name]  # ours; the copy has its own
        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
        code = pytest.main([*_PURE, "-x", *tests])
    finally:
        os._exit(code)


def _end_children() -> None:
    """The run of the tests if it still goes on, and what it left behind: that has become our child, see below."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children")
    while pids := listed.read_text(encoding="ascii").split():
        for pid in map(int, pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _show(result: Result) -> None:
    where = f"{result.module}:{result.line} {result.function}"
    tested = f"{result.tests} tests" if result.tests else "no test calls it"
    change = f"{_one_line(result.before)} -> {_one_line(result.after)}"
    print(f"{where}: {result.operator}: {change} ({tested})", flush=True)


def _one_line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 100 else f"{text[:99]}…"


def _table(results: list[Result]) -> None:
    made = Counter(result.module for result in results)
    left = Counter(result.module for result in results if result.outcome == "survived")
    print(f"\n{'module':45} {'mutants':>8} {'killed':>8} {'survived':>8}")
    rows = [(module, made[module], left[module]) for module in made]
    for module, count, survived in [*rows, ("all", made.total(), left.total())]:
        print(f"{module:45} {count:8} {count - survived:8} {survived:8}")


if __name__ == "__main__":
    # Before anything is started: what a mutant leaves running comes to us.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for module in _COMMON:
        importlib.import_module(module)
    main()

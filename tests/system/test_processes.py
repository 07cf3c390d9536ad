"""Programs beside a command: started, ended in order, and their end explained."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from latentd.errors import LatentdError
from latentd.system.processes import Programs, need
from tests.support.rig import wait_for


def test_a_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(LatentdError, match=r"jackd not found.*apt-get install jackd2"):
        need("jackd")


def test_programs_end_in_reverse_order_and_a_stubborn_one_is_killed(tmp_path: Path) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    with Programs(tmp_path) as programs:
        first = programs.start("first", [sys.executable, "-c", stubborn], {})
        second = programs.start("second", ["sleep", "60"], {"PATH": "/usr/bin:/bin"})
        wait_for(lambda: first.last_line() == "up", "the stubborn one")
    assert second.process.returncode == -15
    assert first.process.returncode == -9


def test_a_program_that_ends_by_itself_is_reported_with_its_last_line(tmp_path: Path) -> None:
    with Programs(tmp_path) as programs:
        program = programs.start("amsynth", [sys.executable, "-c", "print('no voice'); print(); exit(3)"], {})
        program.process.wait(20)
        with pytest.raises(LatentdError, match="amsynth ended with exit code 3: no voice"):
            programs.check()


def test_standard_error_says_more_than_a_licence_on_standard_output(tmp_path: Path) -> None:
    speech = "import sys; sys.stderr.write('no memory\\n'); print('ABSOLUTELY NO WARRANTY'); exit(3)"
    with Programs(tmp_path) as programs:
        program = programs.start("jackd", [sys.executable, "-c", speech], {})
        program.process.wait(20)
        with pytest.raises(LatentdError, match="jackd ended with exit code 3: no memory"):
            programs.check()


def test_a_licence_is_no_reason(tmp_path: Path) -> None:
    licence = """\
jackdmp 1.9.21
Copyright 2001-2005 Paul Davis and others.
jackdmp comes with ABSOLUTELY NO WARRANTY
This is free software, and you are welcome to redistribute it
under certain conditions; see the file COPYING for details
"""
    for reason, expected in (("", r"exit code 3\. Start again"), ("no driver\n", r"exit code 3: no driver\. Start")):
        with Programs(tmp_path) as programs:
            speech = f"print({reason + licence!r}); exit(3)"
            program = programs.start("jackd", [sys.executable, "-c", speech], {})
            program.process.wait(20)
            with pytest.raises(LatentdError, match=expected):
                programs.check()


def test_a_known_cause_replaces_the_last_line(tmp_path: Path) -> None:
    def diagnose(text: str, code: int) -> LatentdError | None:
        return LatentdError("the disk is full", "Make room") if (text, code) == ("E28\n", 3) else None

    with Programs(tmp_path) as programs:
        speech = "import sys; sys.stderr.write('E28\\n'); exit(3)"
        program = programs.start("synth", [sys.executable, "-c", speech], {}, diagnose=diagnose)
        program.process.wait(20)
        with pytest.raises(LatentdError, match=r"^the disk is full\. Make room$"):
            programs.check()


def test_a_program_that_was_killed_is_reported_with_the_signal(tmp_path: Path) -> None:
    with Programs(tmp_path) as programs:
        program = programs.start("amsynth", ["sleep", "60"], {"PATH": "/usr/bin:/bin"})
        program.process.kill()
        program.process.wait(20)
        with pytest.raises(LatentdError, match=r"amsynth was killed by signal 9 \(SIGKILL\)\. Start again"):
            programs.check()


def test_a_program_that_does_not_exist_is_one_line(tmp_path: Path) -> None:
    with Programs(tmp_path) as programs, pytest.raises(LatentdError, match="cannot be started"):
        programs.start("x", ["/nowhere/x"], {})

"""The JACK port's process as the engine sees it, with a small program in its place."""

from __future__ import annotations

import logging
import select
import sys
from pathlib import Path

import pytest

from latentd.outputs.jack.process import HEALTHY_S, UNMATCHED, JackProcess
from tests.support.rig import LIMIT_S, wait_for


def run_until_it_ends(process: JackProcess, now: float) -> float:
    """Start it and let it end at `now`; returns when the next one is due."""
    process.start(now)
    wait_for(lambda: not process.poll(now), "its end")
    assert process.restart_at is not None
    return process.restart_at


def open_fds() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def process() -> JackProcess:
    return JackProcess([sys.executable, "-S", "-c", "print('waiting: no luck')"], ())


def test_restarts_for_weeks_fill_no_log_and_leave_no_descriptor_open(
    process: JackProcess, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "latentd")
    now = run_until_it_ends(process, 100.0)
    logged, fds = list(caplog.messages), open_fds()
    assert [text.removeprefix("JACK port: ") for text in logged] == [
        "waiting: no luck",
        "ended with code 0; restarting it",
    ]
    for _ in range(30):
        now = run_until_it_ends(process, now)
    assert caplog.messages == logged
    assert open_fds() == fds


def test_after_a_healthy_process_everything_is_logged_again(
    process: JackProcess, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "latentd")
    run_until_it_ends(process, 100.0)
    logged = len(caplog.messages)
    process.start(200.0)
    wait_for(lambda: not process.poll(200.0 + 2 * HEALTHY_S), "its end")
    assert len(caplog.messages) == 2 * logged


def fake(process: JackProcess, program: str) -> JackProcess:
    process._command = [sys.executable, "-S", "-c", program]
    return process


def test_patterns_without_a_port_are_no_problem_and_not_in_the_log_and_end_with_the_process(
    process: JackProcess, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "latentd")
    program = "import sys; print('connected to x'); print('receiving from y'); print('{} 0 12'); sys.stdin.read()"
    fake(process, program.format(UNMATCHED).replace("; ", "\n")).start(10.0)
    wait_for(lambda: process.poll(10.0) and process.unmatched == (0, 12), "its lines")
    assert process.problem == ""
    assert caplog.messages == ["JACK port: connected to x", "JACK port: receiving from y"]
    process.kill()
    wait_for(lambda: not process.poll(10.0), "its end")
    assert not process.unmatched


def test_while_it_runs_it_is_watched_and_what_it_reports_is_the_problem_until_it_is_connected(
    process: JackProcess, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "latentd")
    fake(process, "import sys; [print(line, end='', flush=True) for line in sys.stdin]")
    assert (process.poll(9.0), process.filenos()) == (False, [])
    process.start(10.0)
    child = process._process
    assert child is not None and child.stdin is not None
    assert process.restart_at is None
    for line, problem in (("waiting: no server", "waiting: no server"), ("connected to amsynth:midi_in", "")):
        child.stdin.write(f"{line}\n".encode())
        child.stdin.flush()
        assert select.select(process.filenos(), [], [], LIMIT_S)[0]
        assert process.poll(10.0)
        assert process.problem == problem
    assert caplog.messages == ["JACK port: waiting: no server", "JACK port: connected to amsynth:midi_in"]
    process.close()
    assert process.pid is None


def test_ones_that_die_young_are_tried_ever_more_seldom_and_after_a_healthy_one_quickly_again(
    process: JackProcess,
) -> None:
    now, delays = 100.0, []
    for _ in range(5):
        due = run_until_it_ends(process, now)
        delays.append(round(due - now, 6))
        now = due
    assert delays == [0.05, 0.25, 0.5, 0.5, 0.5]
    process.start(now)
    now += HEALTHY_S + 0.01
    wait_for(lambda: not process.poll(now), "its end")
    assert process.restart_at == pytest.approx(now + 0.05)


@pytest.mark.parametrize(
    ("code", "problem", "delay_s"),
    [
        (3, "the JACK server is gone", 0.05),
        (4, "no JACK library on this machine; install jackd2 or pipewire-jack", 10.0),
        (5, "no JACK server", 0.05),
        (0, "ended with code 0", 0.05),
    ],
)
def test_p11_why_it_ended_is_the_problem(process: JackProcess, code: int, problem: str, delay_s: float) -> None:
    due = run_until_it_ends(fake(process, f"raise SystemExit({code})"), 100.0)
    assert process.problem == problem
    assert due == pytest.approx(100.0 + delay_s)


def test_p8_a_program_that_cannot_be_started_is_tried_again_and_waits_for_nobody(process: JackProcess) -> None:
    process._command = ["/nowhere/at/all"]
    process.start(100.0)
    assert process.pid is None
    assert process.problem == "cannot start a process: No such file or directory"
    assert process.restart_at == pytest.approx(100.05)


def test_p9_one_that_does_not_heed_its_leash_is_ended_by_force(process: JackProcess) -> None:
    fake(process, "import time; print('up', flush=True); time.sleep(1000)").start(100.0)
    assert select.select(process.filenos(), [], [], LIMIT_S)[0]
    pid = process.pid
    process.close()
    assert not Path(f"/proc/{pid}").exists()
    process.close()


def test_one_that_closes_its_output_is_ended_and_replaced(process: JackProcess) -> None:
    fake(process, "import os, time; os.close(1); time.sleep(1000)")
    run_until_it_ends(process, 100.0)
    assert process.problem == "ended by signal 9"

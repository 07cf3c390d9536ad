"""`latentd demo` as a new user runs it: as a process, on a machine where nothing is prepared."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import uuid
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latentd.osc import packets
from latentd.synth.amsynth import Array
from tests.support.daemon import free_port
from tests.support.oracle import read_beside, udp_port
from tests.support.rig import LIMIT_S, Server, jackd, need, pipewire, wait_for

pytestmark = pytest.mark.real
Servers = Callable[[], contextlib.AbstractContextManager[Server]]


class Demo:
    """One `latentd demo` with a mark in its environment, which all its programs inherit."""

    def __init__(self, folder: Path, *options: str, env: dict[str, str] | None = None, port: int | None = None) -> None:
        need("jackd", "amsynth")
        self._mark = f"LATENTD_TEST_MARK={uuid.uuid4().hex}".encode()
        self.port = port or free_port()
        run = folder / "run"
        run.mkdir(mode=0o700)
        # A server of this name does not exist, whatever runs on this machine.
        environment = {"JACK_DEFAULT_SERVER": "latentd-test-none", **os.environ, **(env or {})}
        if "PIPEWIRE" not in environment.get("LD_LIBRARY_PATH", "").upper():
            environment["XDG_RUNTIME_DIR"] = str(run)
        environment |= {
            "XDG_CONFIG_HOME": str(folder / "config"), "XDG_STATE_HOME": str(folder / "state"), "TMPDIR": str(folder),
            "PYTHONUNBUFFERED": "1", "LATENTD_TEST_MARK": self._mark.decode().partition("=")[2],
        }  # fmt: skip
        argv = [sys.executable, "-W", "error", "-m", "latentd", "demo", "--port", str(self.port), "--json", *options]
        self.process = subprocess.Popen(
            argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def programs(self) -> dict[int, str]:
        """Process id -> name of everything that it has started, itself included."""
        found = {}
        for process in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                if self._mark in (process / "environ").read_bytes().split(b"\0"):
                    found[int(process.name)] = (process / "comm").read_text().strip()
        return found

    def line(self) -> dict[str, Any]:
        """Its next status line."""
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], LIMIT_S)
        assert ready, "no status line came"
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        found: dict[str, Any] = json.loads(line)
        return found

    def until(self, **wanted: object) -> dict[str, Any]:
        """The first line in which these facts have these values."""
        end = time.monotonic() + LIMIT_S
        while any((line := self.line())[name] != value for name, value in wanted.items()):
            assert time.monotonic() < end, f"waited in vain for {wanted}, last {line}"
        return line

    def end(self) -> tuple[int, str]:
        """Its exit code and standard error; all programs that it started must have ended."""
        _, output = self.process.communicate(timeout=60)
        wait_for(lambda: not self.programs(), f"its programs to end: {self.programs()}")
        return self.process.returncode, output


@contextlib.contextmanager
def demo(folder: Path, *options: str, env: dict[str, str] | None = None, port: int | None = None) -> Iterator[Demo]:
    started = Demo(folder, *options, env=env, port=port)
    try:
        yield started
    finally:
        for pid in started.programs():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        started.process.communicate()


def samples(path: Path) -> Array:
    """A 24-bit WAV file as (frames, channels) of -1..1."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 3, 48000)
        data = np.frombuffer(file.readframes(file.getnframes()), np.uint8).reshape(-1, 2, 3).astype(np.int32)
    whole = (data[..., 2] << 24 | data[..., 1] << 16 | data[..., 0] << 8) >> 8
    return whole / 2.0**23


def test_it_records_a_changing_sound_removes_its_files_and_keeps_the_users(tmp_path: Path) -> None:
    path = tmp_path / "a name with spaces.wav"
    # amSynth moves the files of its first versions from HOME to the folders that the demo removes at its end.
    (tmp_path / "home" / ".amsynth").mkdir(parents=True)
    (tmp_path / "home" / ".amSynthControllersrc").write_text("null\n")
    home = {"HOME": str(tmp_path / "home")}
    with demo(tmp_path, "--seconds", "5", "--record", str(path), env=home) as running:
        running.until(output="osc")
        synth = next(pid for pid, name in running.programs().items() if name == "amsynth")
        first = read_beside(udp_port(synth))
        line = running.line()
        assert line["notes"]["state"] == "sent to the synth"
        assert line["counters"]["faults"] == 0

        def changed() -> int:
            held = read_beside(udp_port(synth))
            return sum(first[name] != held[name] for name in first)

        wait_for(lambda: changed() > 10, "the synth's own values to change")
        code, output = running.end()
    assert code == 0, output
    assert "0 samples clipped" in output
    sound = samples(path)
    seconds = len(sound) // 48000
    assert seconds >= 2
    assert 0.01 < float(np.abs(sound).max()) < 1.0
    assert np.sqrt(np.mean(np.square(sound))) > 0.003  # -50 dBFS; the phrase has no rest
    spectra = [np.abs(np.fft.rfft(sound[i * 48000 : (i + 1) * 48000].mean(axis=1))) for i in range(seconds)]
    shapes = [spectrum / np.linalg.norm(spectrum) for spectrum in spectra]
    assert float(shapes[0] @ shapes[-1]) < 0.9
    assert not list(tmp_path.glob("latentd-demo-*"))
    assert {file.name for file in (tmp_path / "home").iterdir()} >= {".amsynth", ".amSynthControllersrc"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_in_the_middle_ends_it_in_order_with_the_recording_complete(tmp_path: Path, number: int) -> None:
    path = tmp_path / "f.wav"
    with demo(tmp_path, "--seconds", "60", "--record", str(path)) as running:
        running.until(output="osc")
        running.line()
        running.process.send_signal(number)
        code, output = running.end()
    assert code == 0, output
    assert "0 samples clipped" in output
    assert len(samples(path)) > 10_000


def test_a_killed_demo_leaves_no_program_running(tmp_path: Path) -> None:
    with demo(tmp_path, "--seconds", "60") as running:
        running.until(output="osc")
        running.process.kill()
        running.end()


def test_another_source_takes_over_and_the_demo_goes_on_after_it(tmp_path: Path) -> None:
    with demo(tmp_path, "--seconds", "60", "--no-notes") as running, socket.socket(type=socket.SOCK_DGRAM) as phone:
        assert running.until(idle="moving")["notes"]["state"] == "off"
        for i in range(20):
            phone.sendto(packets.write("/xy", 0.9, 0.1 + 0.01 * i), ("127.0.0.1", running.port))
            time.sleep(0.02)
        running.until(idle="waiting", source="xy", xy=pytest.approx([0.9, 0.29], abs=0.02))
        running.until(idle="moving")
        running.process.terminate()
        assert running.end()[0] == 0


def test_a_landmark_a_walk_and_a_freeze_take_the_point_from_the_demo(tmp_path: Path) -> None:
    there = pytest.approx([0.875, 0.125])
    with demo(tmp_path, "--seconds", "120") as running, socket.socket(type=socket.SOCK_DGRAM) as phone:

        def send(address: str, *args: float | str) -> None:
            phone.sendto(packets.write(f"/latentd/{address}", *args), ("127.0.0.1", running.port))

        running.until(output="osc")
        send("xy", 0.875, 0.125)
        send("landmark/save", "there")
        running.until(landmarks=["there"])
        running.until(idle="moving")
        send("landmark/goto", "there")
        running.until(idle="waiting", xy=there)
        running.until(idle="moving")
        send("wander", 1)
        running.until(idle="waiting", motion="wander")
        for _ in range(5):  # each second
            line = running.line()
            assert (line["idle"], line["motion"]) == ("waiting", "wander"), "the demo's own motion must not take over"
        send("freeze", 1)
        frozen = running.until(frozen=True)
        for _ in range(5):
            line = running.line()
            assert (line["xy"], line["idle"]) == (frozen["xy"], "waiting")
        running.process.terminate()
        assert running.end()[0] == 0


def test_it_keeps_the_session_of_a_rig_on_its_port_and_the_landmarks_that_are_saved(tmp_path: Path) -> None:
    state = tmp_path / "state" / "latentd"
    state.mkdir(parents=True)
    port = free_port()
    kept = {state / f"session-{port}.json": b'{"rig": 1}', state / f"amsynth-{port}.json": b"{}"}
    for file, content in kept.items():
        file.write_bytes(content)
    with demo(tmp_path, "--seconds", "60", port=port) as running:
        running.until(output="osc")
        with socket.socket(type=socket.SOCK_DGRAM) as phone:
            phone.sendto(packets.write("/latentd/xy", 0.25, 0.75), ("127.0.0.1", port))
            phone.sendto(packets.write("/latentd/landmark/save", "here"), ("127.0.0.1", port))
        running.until(landmarks=["here"])
        wait_for(lambda: (state / f"session-{port}.json").read_bytes() != b'{"rig": 1}', "its own session")
        running.process.terminate()
        assert running.end()[0] == 0
    assert {file: file.read_bytes() for file in kept} == kept
    assert "here" in (state / "landmarks.json").read_text()
    assert {file.name for file in state.glob("*-*.json*")} == {file.name for file in kept}


@pytest.mark.parametrize("kind", [jackd, pipewire])
def test_it_plays_on_the_running_server_and_leaves_it_running(kind: Servers, tmp_path: Path) -> None:
    path = tmp_path / "f.wav"
    options = ("--seconds", "4", "--record", str(path))
    with kind() as server, demo(tmp_path, *options, env=dict(server.env)) as running:
        running.until(output="osc")
        assert "jackd" not in running.programs().values()
        assert "amsynth:midi_in" in server.ports()
        code, output = running.end()
        assert code == 0, output
        assert "the running server" in output
        assert server.main.running()
    assert float(np.abs(samples(path)).max()) > 0.01


def test_a_program_that_ends_during_the_demo_is_named_in_one_line(tmp_path: Path) -> None:
    with demo(tmp_path, "--seconds", "60") as running:
        running.until(output="osc")
        os.kill(next(pid for pid, name in running.programs().items() if name == "amsynth"), signal.SIGKILL)
        code, output = running.end()
    assert code == 1
    assert output.strip().split("\n")[-1].startswith("latentd: amsynth was killed by signal 9 (SIGKILL)")


def test_two_demos_at_once_play_each_on_a_server_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with demo(tmp_path, "--seconds", "60") as first, demo(tmp_path / "other", "--seconds", "60") as second:
        for running in (first, second):
            running.until(output="osc")
        assert "jackd" in second.programs().values()
        for running in (second, first):
            running.process.terminate()
            assert running.end()[0] == 0


def test_without_amsynth_it_names_the_package_to_install(tmp_path: Path) -> None:
    with demo(tmp_path, env={"PATH": str(tmp_path)}) as running:
        code, output = running.end()
    assert code == 1
    assert output == "latentd: amsynth not found. Install with: sudo apt-get install amsynth\n"


def test_a_taken_port_is_an_error_if_it_is_an_option(tmp_path: Path) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        with demo(tmp_path, "--port", str(other.getsockname()[1])) as running:
            code, output = running.end()
    assert code == 1
    assert "is taken" in output

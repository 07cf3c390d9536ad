"""Private JACK servers, PipeWire sessions and amSynths for tests, apart from those of the machine.

Each program runs in a session of its own with its own temporary folders and is ended by its process id. All waits
are for conditions, with a limit that only a broken machine exceeds.

    with jackd() as server, amsynth(server, nsm_port=9999) as synth:
        subprocess.Popen([...], env=server.env)   # any JACK client, on that server
        synth.kill(); synth.start()               # a crash, and the synth back again
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

LIMIT_S = 60.0
# jack_lsp can hang while a server starts or ends: it is killed after this time and run again.
ANSWER_S = 4.0
# How long a program has to end after its signal: a jackd that has lost a client to SIGKILL sometimes never ends.
PATIENCE_S = 2.0
# Program -> the Debian package that installs it.
PACKAGES = {
    "jackd": "jackd2",
    "jack_lsp": "jackd2 (Debian 13: jack-example-tools)",
    "jack_connect": "jackd2 (Debian 13: jack-example-tools)",
    "jack_disconnect": "jackd2 (Debian 13: jack-example-tools)",
    "amsynth": "amsynth",
    "pipewire": "pipewire",
    "pw-jack": "pipewire-jack",
    "pw-metadata": "pipewire-bin",
    "wireplumber": "wireplumber",
    "dbus-daemon": "dbus-x11",
}
# As pw-jack sets it: the dynamic linker itself replaces ${LIB}.
PIPEWIRE_LIBJACK = "/usr/${LIB}/pipewire-0.3/jack"
# JACK allows 8 servers on a machine, and counts a killed one until a server of its name starts: so there are few names,
# and a lock on each while it is in use.
SERVER_NAMES = [f"latentd-test-{n}" for n in range(8)]


class Missing(AssertionError):
    """A program that these tests need is not installed: the test fails with its name."""


class Refused(AssertionError):
    """A server ended as soon as it was started."""


def need(*programs: str) -> None:
    """Raise `Missing` with the packages to install unless all programs are on PATH."""
    missing = [p for p in programs if shutil.which(p) is None]
    if missing:
        packages = sorted({PACKAGES.get(p, p) for p in missing})
        raise Missing(f"{', '.join(missing)} not found; install {', '.join(packages)} (./setup.sh test does)")


def wait_for(condition: Callable[[], object], what: str, limit_s: float = LIMIT_S) -> None:
    """Wait until `condition()` is true; `what` names it in the failure."""
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, f"waited {limit_s:g} s for {what}"
        time.sleep(0.01)


class Program:
    """One program in a session of its own, its output in a log file. `start` may be called again after its end."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self.argv = list(argv)
        self.env = dict(env)
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the current run."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it; returns at once."""
        need(self.argv[0])
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.argv, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def running(self) -> bool:
        """False before `start` and after its end."""
        return self._process is not None and self._process.poll() is None

    def exit_code(self) -> int | None:
        """How the last run ended: minus the number of the signal that ended it; None while it runs."""
        assert self._process is not None
        return self._process.poll()

    def send_signal(self, number: int) -> None:
        """Send one signal to the program itself."""
        assert self._process is not None
        self._process.send_signal(number)

    def pause(self) -> None:
        """Stop it, like a program that hangs."""
        self.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Continue it after `pause`."""
        self.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it like a crash; returns when it has ended."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order, or kill it if that takes too long; does nothing if it has ended."""
        self._end(signal.SIGINT)

    def _end(self, number: int) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(number)
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Server:
    """A private JACK: `env` is the environment in which clients find it, `name` what to call it in messages."""

    def __init__(self, name: str, env: dict[str, str], programs: Sequence[Program]) -> None:
        self.name = name
        self.env = env
        self.programs = programs

    @property
    def main(self) -> Program:
        """The program that is the server: jackd or pipewire."""
        return self.programs[0]

    def start(self) -> None:
        """Start all its programs; returns when clients can connect."""
        for program in self.programs:
            program.start()
            if program is self.main:
                wait_for(lambda: self.answers() or not self.main.running(), f"{self.name} to answer")
                if not self.main.running():
                    raise Refused(f"{self.name} ended at once: {self.main.log.read_text(errors='replace')[-600:]}")

    def _wait_for_answer(self) -> None:
        try:
            wait_for(self.answers, f"{self.name} to answer")
        except AssertionError as error:
            # The log's folder is gone when the test's report is read.
            log = self.main.log.read_text(encoding="utf-8", errors="replace")
            raise AssertionError(f"{error}; its log:\n{log}") from error

    def answers(self) -> bool:
        """True when a client can list the ports."""
        return self._list([]) is not None

    def kill(self) -> None:
        """End the server like a crash."""
        for program in self.programs:
            program.kill()

    def stop(self) -> None:
        """End it in order."""
        for program in reversed(self.programs):
            program.stop()

    def ports(self) -> list[str]:
        """Full names of all ports; empty when the server does not answer."""
        return (self._list([]) or "").split("\n")[:-1]

    def connections(self, port: str) -> list[str]:
        """Full names of the ports that `port` is connected to."""
        lines = (self._list(["-c"]) or "").split("\n")
        found: list[str] = []
        inside = False
        for line in lines:
            if not line.startswith("   "):
                inside = line == port
            elif inside:
                found.append(line.strip())
        return found

    def connect(self, source: str, destination: str) -> None:
        """Make one connection, as a patch bay would."""
        need("jack_connect")
        subprocess.run(["jack_connect", source, destination], env=self.env, check=True, timeout=LIMIT_S)

    def disconnect(self, source: str, destination: str) -> None:
        """Remove one connection."""
        need("jack_disconnect")
        subprocess.run(["jack_disconnect", source, destination], env=self.env, check=True, timeout=LIMIT_S)

    def _list(self, options: Sequence[str]) -> str | None:
        need("jack_lsp")
        try:
            done = subprocess.run(
                ["jack_lsp", *options], env=self.env, capture_output=True, text=True, timeout=ANSWER_S, check=False
            )
        except subprocess.TimeoutExpired:
            return None
        return done.stdout if done.returncode == 0 else None


@contextlib.contextmanager
def jackd(period: int = 64) -> Iterator[Server]:
    """A JACK server of its own on the dummy driver: 48 kHz, `period` frames, no real-time scheduling."""
    need("jackd", "jack_lsp")
    with _folder() as folder, contextlib.ExitStack() as stack:
        for name in SERVER_NAMES:
            lock = stack.enter_context(_lock_of(name).open("w"))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            env = _environment() | {"JACK_DEFAULT_SERVER": name, "JACK_NO_START_SERVER": "1"}
            argv = ["jackd", "-r", "-n", name, "-d", "dummy", "-r", "48000", "-p", str(period)]
            server = Server("jackd", env, [Program(argv, env, folder / f"{name}.log")])
            with contextlib.suppress(Refused):
                stack.enter_context(_running(server))
                break
        else:
            raise Refused(f"no JACK server starts under any of the names {', '.join(SERVER_NAMES)}")
        yield server


@contextlib.contextmanager
def pipewire() -> Iterator[Server]:
    """A PipeWire of its own with its session manager and message bus; clients get its libjack."""
    need("pipewire", "pw-jack", "wireplumber", "dbus-daemon", "jack_lsp")
    with _folder() as folder:
        run = folder / "run"
        run.mkdir(mode=0o700)
        address = f"unix:path={run}/bus"
        env = _environment() | {
            "XDG_RUNTIME_DIR": str(run),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_STATE_HOME": str(folder / "state"),
            "DBUS_SESSION_BUS_ADDRESS": address,
        }
        before = os.environ.get("LD_LIBRARY_PATH")
        env["LD_LIBRARY_PATH"] = f"{PIPEWIRE_LIBJACK}:{before}" if before else PIPEWIRE_LIBJACK
        argv = ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--address", address]
        bus = Program(argv, env, folder / "bus.log")
        programs = [Program([name], env, folder / f"{name}.log") for name in ("pipewire", "wireplumber")]
        try:
            bus.start()
            with _running(Server("PipeWire", env, programs)) as server:
                yield server
        finally:
            bus.stop()


class Synth(Program):
    """A headless amSynth. `config` and `data` are its own XDG folders; `midi_in` its JACK port."""

    def __init__(self, server: Server, name: str, env: Mapping[str, str], folder: Path) -> None:
        super().__init__(["amsynth", "-x", "-a", "jack", "-n", name], env, folder / "amsynth.log")
        self.server = server
        self.midi_in = f"{name}:midi_in"
        self.config = folder / "config"
        self.data = folder / "data"

    def start(self) -> None:
        """Start it; returns when its MIDI port is there."""
        super().start()
        wait_for(lambda: self.midi_in in self.server.ports(), f"amSynth's port (see {self.log})")


@contextlib.contextmanager
def amsynth(
    server: Server,
    name: str = "amsynth",
    nsm_port: int | None = None,
    controllers: str | bytes | None = None,
    old_controllers: str | None = None,
    config: str | None = None,
    options: Sequence[str] = (),
) -> Iterator[Synth]:
    """A headless amSynth on `server`.

    Args:
        nsm_port: UDP port on this machine of the NSM server that it announces itself to; None for none.
        controllers: content of its controllers file; None for none.
        old_controllers: text of the file of its first versions, ~/.amSynthControllersrc; None for none.
        config: text of its config file; None for none.
        options: more of its command line.
    """
    need("amsynth")
    with _folder() as folder:
        env = dict(server.env)
        # HOME too: amSynth moves the files of its first versions, ~/.amSynth*, into the XDG folders.
        env |= {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "XDG_DATA_HOME": str(folder / "data")}
        env.pop("NSM_URL", None)
        if nsm_port is not None:
            env["NSM_URL"] = f"osc.udp://127.0.0.1:{nsm_port}/"
        synth = Synth(server, name, env, folder)
        synth.argv += options
        (synth.config / "amsynth").mkdir(parents=True)
        synth.data.mkdir()
        if controllers is not None:
            data = controllers if isinstance(controllers, bytes) else controllers.encode()
            (synth.config / "amsynth" / "controllers").write_bytes(data)
        if config is not None:
            (synth.config / "amsynth" / "config").write_text(config, encoding="utf-8")
        if old_controllers is not None:
            (folder / ".amSynthControllersrc").write_text(old_controllers, encoding="utf-8")
        try:
            synth.start()
            yield synth
        finally:
            synth.stop()


def _lock_of(name: str) -> Path:
    return Path(tempfile.gettempdir()) / f"{name}.{os.getuid()}.lock"


def _environment() -> dict[str, str]:
    """The test's environment without the variables by which a client finds the machine's own server."""
    foreign = ("JACK_", "PIPEWIRE_", "NSM_", "XDG_RUNTIME_DIR")
    return {k: v for k, v in os.environ.items() if not k.startswith(foreign)}


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="latentd-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextlib.contextmanager
def _running(server: Server) -> Iterator[Server]:
    try:
        server.start()
        yield server
    finally:
        server.stop()

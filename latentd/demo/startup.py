"""Starts what the demo needs, in order: a JACK server, the daemon, an amSynth, the demo's JACK client."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from latentd.config.config import Config, found_file
from latentd.demo import phrase
from latentd.errors import LatentdError
from latentd.osc.address import bound, join_address, resolve
from latentd.osc.client import Client
from latentd.system import files, jackd, machine
from latentd.system.machine import JackFacts
from latentd.system.processes import Program, Programs, need
from latentd.system.resources import python_environment

# For any program to start; only a broken or very slow machine exceeds it.
_LIMIT_S = 20.0
_RETRY_S = 0.1
# As pw-jack sets it: the dynamic linker itself replaces ${LIB}.
_PIPEWIRE_LIBJACK = "/usr/${LIB}/pipewire-0.3/jack"
# JACK allows 8 servers on a machine and counts those that were killed, so a few names are used again and again.
_SERVER_NAMES = ("latentd-demo", "latentd-demo-2", "latentd-demo-3")
_RATE_HZ = 48000
# A sound card gets short periods. Without one nobody notices a delay, but a recording keeps every period that a busy
# machine without real-time scheduling has missed: so they are long, and the server waits for its clients (-S).
_CARD_OPTIONS = ("-p", "128", "-n", "2")
_DUMMY_FRAMES = "512"
# The point wanders once nobody has played for so long.
IDLE_AFTER_S = 3

Say = Callable[[str], None]


class JackServer(NamedTuple):
    """The JACK server that the demo plays on."""

    env: dict[str, str]  # in which clients find it
    facts: JackFacts
    description: str
    silent: bool  # no sound card


class DemoOptions(NamedTuple):
    """What the user chose."""

    config: Config
    host: str
    port: int
    allow: list[str]
    model: str | None
    record: Path | None
    notes: bool


def start_all(
    programs: Programs, folder: Path, options: DemoOptions, client: Client, say: Say
) -> tuple[JackServer, Program]:
    """Start everything that does not run yet; returns the JACK server and the demo's JACK client.

    Args:
        folder: a temporary one, for the files of the synth and the daemon.
        client: sends to the daemon's port.
        say: prints one line about the progress.

    Raises:
        LatentdError: a program is missing or ended; names it and the next step.
    """
    need("amsynth")
    server = find_server(programs, say)
    say(f"JACK: {server.description}")
    # Others on the same server keep their names, and a latentd that waits for its amSynth must not connect to this one.
    taken = {port.partition(":")[0] for port in server.facts.midi_sinks}
    suffix = f"-demo-{os.getpid()}" if taken & {"amsynth", "latentd"} else ""
    synth, name = f"amsynth{suffix}", f"latentd{suffix}"
    _start_daemon(programs, folder, options, server, synth, name)
    _wait(lambda: _answers(client), "the daemon", programs)
    _start_synth(programs, folder, options, server, synth)
    return server, _start_jack_client(programs, options, server, synth)


@contextlib.contextmanager
def port_state_kept(folder: Path, port: int) -> Iterator[None]:
    """Restore what a daemon on this port keeps in the state folder: what it plays, and its synth's address.

    They are those of a rig on the same port. Landmarks and banks, which have no port in their names, stay as saved.
    """
    before = {file: files.read(file) for file in _port_files(folder, port) if file.is_file()}
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            for file in _port_files(folder, port):
                if file not in before:
                    file.unlink()
            for file, content in before.items():
                files.replace(file, content)


def _port_files(folder: Path, port: int) -> list[Path]:
    return [file for name in ("session", "amsynth") for file in folder.glob(f"{name}-{port}.json*")]


# -- JACK -----------------------------------------------------------------------------------------


class NoAnswerError(LatentdError):
    """A program runs, but does not answer."""


def find_server(programs: Programs, say: Say) -> JackServer:
    """The running server, JACK's own or PipeWire's; else a private one."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("NSM_")}
    env["JACK_NO_START_SERVER"] = "1"
    answer = machine.ask_jack(env=env)
    if isinstance(answer, str) and machine.jack_is_pipewire():
        before = env.get("LD_LIBRARY_PATH")
        through_pipewire = env | {"LD_LIBRARY_PATH": f"{_PIPEWIRE_LIBJACK}{':' + before if before else ''}"}
        answer = machine.ask_jack(env=through_pipewire)
        if not isinstance(answer, str):
            env = through_pipewire
    if not isinstance(answer, str):
        return JackServer(env, answer, f"the running server ({answer.rate_hz} Hz, {answer.frames} frames)", False)
    return _private_server(programs, env, say)


def _private_server(programs: Programs, env: dict[str, str], say: Say) -> JackServer:
    """With the sound card if that works, else without one."""
    need("jackd")
    card = machine.best_card()
    if card is not None:
        say(f"no JACK server runs: trying the sound card {card}")
        driver = ["-d", "alsa", "-d", f"hw:{card}", "-r", str(_RATE_HZ), *_CARD_OPTIONS]
        try:
            started = _start_server(programs, env, next(_free_names(env), _SERVER_NAMES[0]), driver)
        except LatentdError as error:
            say(f"cannot use the sound card {card} ({error.message}): playing without it")
        else:
            return JackServer(*started, f"a private server on the sound card {card}", False)
    failure: LatentdError | None = None
    for name in _free_names(env):
        try:
            started = _start_server(
                programs, env, name, ["-S", "-d", "dummy", "-r", str(_RATE_HZ), "-p", _DUMMY_FRAMES]
            )
        except NoAnswerError:
            raise  # it would take as long under each name
        except LatentdError as error:
            failure = error
        else:
            return JackServer(*started, "a private server without a sound card: silent", True)
    raise failure or LatentdError(
        f"{len(_SERVER_NAMES)} demos run already, and more are not possible", "End one with q"
    )


def _free_names(env: Mapping[str, str]) -> Iterator[str]:
    """The names that no other demo's server has."""
    for name in _SERVER_NAMES:
        if isinstance(machine.ask_jack(env={**env, "JACK_DEFAULT_SERVER": name}), str):
            yield name


def _start_server(
    programs: Programs, env: Mapping[str, str], name: str, options: Sequence[str]
) -> tuple[dict[str, str], JackFacts]:
    client_env = {**env, "JACK_DEFAULT_SERVER": name}
    realtime = ["-R", "-P", "70"] if machine.limits().realtime_priority >= 70 else ["-r"]
    argv = ["jackd", *realtime, "-n", name, *options]
    program = programs.start("jackd", argv, client_env, diagnose=jackd.diagnose)
    facts: list[JackFacts] = []

    def answers() -> bool:
        answer = machine.ask_jack(env=client_env)
        if not isinstance(answer, str):
            facts.append(answer)
        return bool(facts)

    try:
        _wait(answers, "jackd", programs)
        programs.check()  # if two demos start at once, the answer can be the other one's server
    except LatentdError:
        programs.close(program)
        raise
    return client_env, facts[0]


# -- what plays on it ------------------------------------------------------------------------------


def _start_daemon(
    programs: Programs, folder: Path, options: DemoOptions, server: JackServer, synth: str, name: str
) -> Program:
    """`latentd run` with the user's configuration, the demo's synth, and as a rig that sounds by itself."""
    notes: dict[str, str] = {}
    if options.notes:
        notes["file"] = str(folder / "phrase.mid")
        phrase.write(folder / "phrase.mid")
    settings = {
        "home": "[0.5, 0.5]",
        "idle": f"{{after_s: {IDLE_AFTER_S}, then: wander}}",
        "notes": json.dumps(notes),
        "allow": f"[{', '.join(options.allow)}]",
        "jack.client": name,
        "jack.playback": f"{synth}:midi_in",
    }
    argv = [sys.executable, "-m", "latentd", "run", "--fresh", "--output", "auto"]
    argv += ["--listen", join_address(options.host, options.port)]
    if (own := found_file()) is not None:
        argv += ["--config", str(own)]
    for key, value in settings.items():
        argv += ["--set", f"{key}={value}"]
    if options.model is not None:
        argv += ["--model", options.model]
    # Where the demo's amSynth has its config file; the user's own is not the one that it reads.
    env = server.env | {"XDG_CONFIG_HOME": str(folder / "config")}
    return programs.start("latentd", argv, python_environment(env))


def _start_synth(programs: Programs, folder: Path, options: DemoOptions, server: JackServer, name: str) -> Program:
    """A headless amSynth with folders of its own, so that it changes no file of the user's.

    With the user's HOME it would move the files of its first versions, ~/.amSynth*, into these temporary folders.
    """
    own = {"HOME": folder / "home", "XDG_CONFIG_HOME": folder / "config", "XDG_DATA_HOME": folder / "data"}
    for path in own.values():
        path.mkdir()
    env = server.env | {key: str(path) for key, path in own.items()}
    env["NSM_URL"] = f"osc.udp://127.0.0.1:{options.port}/"
    return programs.start("amsynth", ["amsynth", "-x", "-a", "jack", "-n", name], env, end_signal=signal.SIGINT)


def _start_jack_client(programs: Programs, options: DemoOptions, server: JackServer, synth: str) -> Program:
    record = str(options.record.resolve()) if options.record is not None else ""
    argv = [sys.executable, "-m", "latentd.demo.jack_client", "latentd-audio", synth, record]
    return programs.start("audio", argv, python_environment(server.env), pipes=True)


def _answers(client: Client) -> bool:
    try:
        client.ask("/latentd/ping", limit_s=_RETRY_S)
    except LatentdError:
        return False
    return True


def _wait(condition: Callable[[], bool], what: str, programs: Programs) -> None:
    """Wait until `condition` is true.

    Raises:
        NoAnswerError: it took too long.
        LatentdError: a program ended meanwhile.
    """
    end = time.monotonic() + _LIMIT_S
    while not condition():
        programs.check()
        if time.monotonic() > end:
            raise NoAnswerError(f"{what} did not answer within {_LIMIT_S:g} s", "`latentd doctor` may know why")
        time.sleep(_RETRY_S)


def free_port(host: str, preferred: int) -> int:
    """`preferred` if no program listens there, else a port that is free now.

    Raises:
        LatentdError: `host` is no address of this machine.
    """
    for port in (preferred, 0):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(resolve(bound(host), port)[1])
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise LatentdError(f"cannot listen on {host}", "Set `listen:` to an address of this machine")

"""Everything the demo needs, started in order: a JACK server, the daemon, an amSynth, the band. Ended in reverse."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from latentd.config.config import Config
from latentd.demo import hand
from latentd.errors import LatentdError
from latentd.osc.client import Client
from latentd.system import machine
from latentd.system.machine import JackFacts
from latentd.system.processes import Child, Children, need
from latentd.system.resources import python_environment

# For anything to come up; only a broken or very slow machine meets it.
_LIMIT_S = 20.0
_LOOK_S = 0.1
# As pw-jack sets it: the dynamic linker itself replaces ${LIB}.
_PIPEWIRE_LIBJACK = "/usr/${LIB}/pipewire-0.3/jack"
# JACK knows 8 servers a machine and remembers those that were killed: few names, used again.
_SERVER_NAMES = ("latentd-demo", "latentd-demo-2", "latentd-demo-3")
_RATE_HZ = 48000
# A card is played at once. Without one nobody hears a delay, but a recording shows each period that a busy machine
# without real-time scheduling missed: long ones, and the server waits for its clients (-S).
_CARD_OPTIONS = ("-p", "128", "-n", "2")
_DUMMY_FRAMES = "512"

Say = Callable[[str], None]


class Server(NamedTuple):
    """The JACK that everything plays on."""

    env: dict[str, str]  # in which clients find it
    facts: JackFacts
    what: str  # for people
    dummy: bool  # nobody hears it


class Wishes(NamedTuple):
    """What the user asked of the demo."""

    config: Config
    host: str
    port: int
    allow: list[str]
    model: str | None
    record: Path | None
    notes: bool


def set_up(children: Children, folder: Path, wishes: Wishes, client: Client, say: Say) -> tuple[Server, Child]:
    """Start everything that is missing; returns the server and the band.

    Args:
        folder: a temporary one, for the synth's and the daemon's own files.
        client: speaks to the daemon's port.
        say: takes one line about what goes on.

    Raises:
        LatentdError: a program is missing or ended; names it and the next step.
    """
    need("amsynth")
    server = find_server(children, say)
    say(f"JACK: {server.what}")
    # Others on the same server keep their names, and a latentd that waits for its amSynth must not take ours for it.
    taken = {port.partition(":")[0] for port in server.facts.midi_sinks}
    suffix = f"-demo-{os.getpid()}" if taken & {"amsynth", "latentd"} else ""
    synth, name = f"amsynth{suffix}", f"latentd{suffix}"
    _start_daemon(children, folder, wishes, server, synth, name)
    _wait(lambda: _answers(client), "the daemon", children)
    _start_synth(children, folder, wishes, server, synth)
    return server, _start_band(children, wishes, server, synth)


# -- JACK -----------------------------------------------------------------------------------------


def find_server(children: Children, say: Say) -> Server:
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
        return Server(env, answer, f"the running server ({answer.rate_hz} Hz, {answer.frames} frames)", False)
    return _private_server(children, env, say)


def _private_server(children: Children, env: dict[str, str], say: Say) -> Server:
    """On the sound card where there is one that lets us, else on none."""
    need("jackd")
    card = machine.best_card()
    if card is not None:
        say(f"no JACK server runs: trying the sound card {card}")
        driver = ["-d", "alsa", "-d", f"hw:{card}", "-r", str(_RATE_HZ), *_CARD_OPTIONS]
        try:
            started = _start_server(children, env, next(_free_names(env), _SERVER_NAMES[0]), driver)
        except LatentdError as error:
            say(f"the sound card {card} refuses ({error.message}): playing without it")
        else:
            return Server(*started, f"a private server on the sound card {card}", False)
    failure: LatentdError | None = None
    for name in _free_names(env):
        try:
            started = _start_server(
                children, env, name, ["-S", "-d", "dummy", "-r", str(_RATE_HZ), "-p", _DUMMY_FRAMES]
            )
        except LatentdError as error:
            failure = error
        else:
            return Server(*started, "a private dummy server, nobody hears it", True)
    raise failure or LatentdError("other demos play already, as many as can", "End one of them with q")


def _free_names(env: Mapping[str, str]) -> Iterator[str]:
    """The names that no other demo's server has."""
    for name in _SERVER_NAMES:
        if isinstance(machine.ask_jack(env={**env, "JACK_DEFAULT_SERVER": name}), str):
            yield name


def _start_server(
    children: Children, env: Mapping[str, str], name: str, options: Sequence[str]
) -> tuple[dict[str, str], JackFacts]:
    named = {**env, "JACK_DEFAULT_SERVER": name}
    realtime = ["-R", "-P", "70"] if machine.limits().realtime_priority >= 70 else ["-r"]
    argv = ["jackd", *realtime, "-n", name, *options]
    child = children.start("jackd", argv, named)
    facts: list[JackFacts] = []

    def answers() -> bool:
        answer = machine.ask_jack(env=named)
        if not isinstance(answer, str):
            facts.append(answer)
        return bool(facts)

    try:
        _wait(answers, "jackd", children)
        children.check()  # of two demos that start at once, one hears the other's server answer
    except LatentdError:
        children.give_up(child)
        raise
    return named, facts[0]


# -- what plays on it ------------------------------------------------------------------------------


def _start_daemon(children: Children, folder: Path, wishes: Wishes, server: Server, synth: str, name: str) -> Child:
    """`latentd run` with the user's configuration, but the demo's own synth and hand. What is saved stays."""
    own = folder / f"{hand.SOURCE}.yaml"
    own.write_text(hand.MAPPING, encoding="utf-8")
    settings = {
        "allow": f"[{', '.join(wishes.allow)}]",
        "jack.client": name,
        "jack.playback": f"{synth}:midi_in",
    }
    argv = [sys.executable, "-m", "latentd", "run", "--output", "auto", "--listen", f"{wishes.host}:{wishes.port}"]
    for mapping in (*wishes.config.mappings, own):
        argv += ["--mapping", str(mapping)]
    for key, value in settings.items():
        argv += ["--set", f"{key}={value}"]
    if wishes.model is not None:
        argv += ["--model", wishes.model]
    return children.start("latentd", argv, python_environment(server.env))


def _start_synth(children: Children, folder: Path, wishes: Wishes, server: Server, name: str) -> Child:
    """A headless amSynth with folders of its own, so that it changes no file of the user's.

    With the user's HOME it would move the files of its first versions, ~/.amSynth*, into these temporary folders.
    """
    own = {"HOME": folder / "home", "XDG_CONFIG_HOME": folder / "config", "XDG_DATA_HOME": folder / "data"}
    for path in own.values():
        path.mkdir()
    env = server.env | {key: str(path) for key, path in own.items()}
    env["NSM_URL"] = f"osc.udp://127.0.0.1:{wishes.port}/"
    return children.start("amsynth", ["amsynth", "-x", "-a", "jack", "-n", name], env, end_signal=signal.SIGINT)


def _start_band(children: Children, wishes: Wishes, server: Server, synth: str) -> Child:
    record = str(wishes.record.resolve()) if wishes.record is not None else ""
    notes = "notes" if wishes.notes else "silent"
    argv = [sys.executable, "-m", "latentd.demo.band", "latentd-band", synth, notes, record]
    return children.start("band", argv, python_environment(server.env), talks=True)


def _answers(client: Client) -> bool:
    try:
        client.ask("/latentd/ping", limit_s=_LOOK_S)
    except LatentdError:
        return False
    return True


def _wait(condition: Callable[[], bool], what: str, children: Children) -> None:
    """Wait until it is true.

    Raises:
        LatentdError: a child ended meanwhile, or it took too long.
    """
    end = time.monotonic() + _LIMIT_S
    while not condition():
        children.check()
        if time.monotonic() > end:
            raise LatentdError(f"{what} did not answer within {_LIMIT_S:g} s", "`latentd doctor` may know why")
        time.sleep(_LOOK_S)


def free_port(host: str, wanted: int) -> int:
    """`wanted` if nobody listens there, else one that is free now."""
    for port in (wanted, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise LatentdError(f"cannot listen on {host}", "Name an address of this machine with `listen:`")

"""`latentd doctor`: what keeps this machine from playing, and the next step for each. Looks only; never hangs."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import shlex
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import click

from latentd.config.config import Config, found_file, load_config
from latentd.errors import LatentdError
from latentd.inputs.mapping import load_mappings
from latentd.model import bundle
from latentd.osc import packets
from latentd.osc.client import Client
from latentd.schema.documents import DocumentErrors
from latentd.synth import amsynth, midimap
from latentd.system import machine

State = Literal["ok", "weak", "bad"]  # bad: cannot play; weak: plays, but not as well as it could
_ANSWER_S = 1.0
_LITTLE_DISK = 50_000_000  # bytes
_FEW = 3  # words of a file that are shown
_REALTIME_FILE = Path("/etc/security/limits.d/audio.conf")  # where jackd2 grants it to the group audio


class Check(NamedTuple):
    """One thing looked at: what was found, and what to do about it."""

    name: str
    state: State
    found: str
    step: str = ""


@click.command("doctor", epilog="\b\nExamples:\n  latentd doctor\n  latentd doctor --json")
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="A configuration file to go by.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(config_file: Path | None, as_json: bool) -> int:
    """Find out what keeps this machine from playing, and the next step.

    Exits with 0 when it can play, 1 when it cannot.
    """
    config, configuration = _configuration(config_file)
    checks = [configuration, *examine(config)]
    bad = sum(check.state == "bad" for check in checks)
    if as_json:
        click.echo(json.dumps({"can_play": not bad, "checks": [check._asdict() for check in checks]}))
        return 1 if bad else 0
    for check in checks:
        found = check.found.replace("\n", f"\n{'':<23}")
        click.echo(f"{_mark(check.state)}  {check.name:<16} {found}")
        if check.step:
            click.echo(f"{'':<24}-> {check.step}")
    click.echo("This machine can play." if not bad else f"To mend before this machine can play: {bad}.")
    return 1 if bad else 0


def _mark(state: State) -> str:
    return click.style(f"{state:<4}", fg={"ok": "green", "weak": "yellow", "bad": "red"}[state], bold=state == "bad")


def _configuration(file: Path | None) -> tuple[Config, Check]:
    """What to go by: the configuration, or the defaults where it has mistakes; and what was found in it."""
    try:
        config = load_config(file)
    except LatentdError as error:
        step = error.hint or " ".join(["latentd check", *(["--config", shlex.quote(str(file))] if file else [])])
        return Config(), Check("configuration", "bad", error.message, f"{step} (the rest here goes by the defaults)")
    read = file or found_file()
    return config, Check("configuration", "ok", str(read) if read else "the defaults")


def examine(config: Config) -> list[Check]:
    """All checks, the ones that nothing works without first."""
    ways = _ways(config)
    checks: list[tuple[str, Callable[[], Check]]] = [
        ("Python", _python),
        ("amSynth", _amsynth),
        ("JACK", lambda: _jack(ways)),
        ("rig", lambda: _rig(ways)),
        ("model", lambda: _model(config)),
        ("mappings", lambda: _mappings(config)),
        ("OSC port", lambda: _port(config)),
        ("state folder", lambda: _folder(config.state_folder)),
        ("controllers", lambda: _controllers(config)),
        ("real time", _realtime),
        ("sound card", _card),
        ("MIDI library", _rtmidi),
        ("ALSA sequencer", _sequencer),
        ("memory folder", _memory),
        ("processor", _governor),
    ]
    return [_guarded(name, look) for name, look in checks]


def _guarded(name: str, look: Callable[[], Check]) -> Check:
    try:
        return look()
    except LatentdError as error:
        return Check(name, "bad", error.message, error.hint)


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check("Python", "ok", f"{version} in {sys.prefix}")


def _amsynth() -> Check:
    version = machine.amsynth_version()
    if version is None:
        return Check("amSynth", "bad", "not found", "sudo apt install amsynth")
    return Check("amSynth", "ok", version or "does not say its version")


def _jack(ways: dict[str, Any]) -> Check:
    if machine.libjack() is None:
        return Check("JACK", "bad", "no libjack", "sudo apt install jackd2")
    answer = machine.ask_jack()
    if isinstance(answer, machine.JackFacts):
        priority = "real-time" if answer.realtime else "without real-time priority"
        return Check("JACK", "ok", f"{answer.version}: {answer.frames} frames at {answer.rate_hz} Hz, {priority}")
    if ways.get("jack", {}).get("running"):
        return Check("JACK", "ok", f"{answer} by the usual name, but the running latentd plays on one (a demo's own?)")
    if machine.jack_is_pipewire() and shutil.which("pw-jack"):
        return Check("JACK", "weak", f"{answer}, but PipeWire is", "Start JACK programs as: pw-jack latentd run")
    if shutil.which("jackd") is None:
        return Check("JACK", "bad", f"{answer}, and no jackd to start", "sudo apt install jackd2")
    return Check("JACK", "weak", answer, "`latentd demo` starts one; ./setup.sh install keeps one running")


def _ways(config: Config) -> dict[str, Any]:
    """What the daemon that runs here says of its ways into the synth; empty when none runs."""
    with contextlib.suppress(LatentdError, OSError, ValueError, LookupError), Client(config.listen) as client:
        ways: dict[str, Any] = client.status(limit_s=_ANSWER_S)["ways"]
        return ways
    return {}


def _rig(ways: dict[str, Any]) -> Check:
    """Do the daemon and the synth that run here reach each other?"""
    jack, synth = ways.get("jack", {}), ways.get("osc", {})
    if not ways:
        return Check("rig", "ok", "no latentd runs here yet")
    if synth.get("connected") and jack.get("running") and not jack.get("connected"):
        step = "If you do not hear it, start amSynth again, behind JACK"
        return Check("rig", "weak", "amSynth answers, but its MIDI port is not on latentd's JACK server", step)
    reached = [name for name, facts in ways.items() if facts.get("connected")]
    if reached:
        return Check("rig", "ok", f"latentd reaches the synth by {' and '.join(reached)}")
    return Check("rig", "weak", "latentd runs and waits for a synth", "Start amSynth; README.md has the line")


def _model(config: Config) -> Check:
    model = bundle.load(config.model)
    return Check("model", "ok", f"{model.name}, {len(model.landmarks)} landmarks")


def _mappings(config: Config) -> Check:
    try:
        names = [mapping.name for mapping in load_mappings(config.mappings)]
    except DocumentErrors as error:
        return Check("mappings", "bad", error.message, "Mend these; `latentd check FILE` lists those of one file")
    if not names:
        return Check("mappings", "weak", "none", "Only latentd's own OSC addresses move the point; set `mappings:`")
    return Check("mappings", "ok", ", ".join(names))


def _port(config: Config) -> Check:
    host, port = config.address
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, port))
        except PermissionError:
            return Check("OSC port", "bad", f"UDP port {port} is for root", "Take a port from 1024: listen: HOST:8000")
        except OSError as error:
            return _port_taken(config, error)
    return Check("OSC port", "ok", f"{host}:{port} is free")


def _port_taken(config: Config, error: OSError) -> Check:
    port = config.address[1]
    with contextlib.suppress(LatentdError, OSError, packets.Malformed), Client(config.listen) as client:
        if client.ask("/latentd/ping", limit_s=_ANSWER_S).address == "/latentd/pong":
            return Check("OSC port", "ok", f"a latentd is running on {config.listen}")
    step = f"Find its owner (sudo ss -ulpn 'sport = :{port}'), or give latentd another port: listen: 127.0.0.1:8001"
    return Check("OSC port", "bad", f"{config.listen}: {error.strerror}", step)


def _folder(folder: Path) -> Check:
    there = next(f for f in (folder, *folder.absolute().parents) if f.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        step = f"Give {getpass.getuser()} the right to write {there}, or set `state:` to another folder"
        return Check("state folder", "bad", f"{folder} cannot be written", step)
    if shutil.disk_usage(there).free < _LITTLE_DISK:
        return Check(
            "state folder", "weak", f"{folder}: the disk is almost full", "Make room: takes and patches need it"
        )
    return Check("state folder", "ok", str(folder))


def _controllers(config: Config) -> Check:
    path, found = midimap.controllers_path(), midimap.BUILT_IN
    try:
        if config.controllers:
            path = Path(config.controllers).expanduser()
            found = midimap.read_required(path)
        else:
            path, found = midimap.installed() or (path, found)
    except (
        LatentdError
    ) as error:  # amSynth's OSC interface needs no map, but a file in the configuration has to be there
        return Check("controllers", "bad" if config.controllers else "weak", error.message, error.hint)
    unknown = f"; unknown words in it: {', '.join(map(repr, found.unknown[:_FEW]))}" if found.unknown else ""
    reached = f"MIDI reaches {amsynth.COUNT - len(found.missing)} of {amsynth.COUNT} parameters ({path}{unknown})"
    if found.missing:
        step = "latentd midimap --install, then start amSynth again (its OSC interface needs no map)"
        return Check("controllers", "weak", reached, step)
    return Check("controllers", "ok", reached)


def _realtime() -> Check:
    priority, locked = machine.limits()
    if priority > 0 and (locked < 0 or locked >= 64_000_000):
        return Check("real time", "ok", f"priority up to {priority}")
    step = f"sudo usermod -aG audio {getpass.getuser()}, then log in again"
    if not _REALTIME_FILE.exists():
        step = f"sudo dpkg-reconfigure -p high jackd2 (answer yes); {step}"
    found = (
        f"not allowed (priority {priority}, {locked // 1024} KiB of locked memory)" if locked >= 0 else "not allowed"
    )
    return Check("real time", "weak", f"{found}: JACK may crackle", step)


def _card() -> Check:
    cards = [card.name for card in machine.playback_cards()]
    if not cards:
        return Check(
            "sound card", "weak", "none", "Plug one in; `latentd demo --record F.wav` writes what one would hear"
        )
    return Check("sound card", "ok", f"{machine.best_card()} (of {', '.join(cards)})")


def _rtmidi() -> Check:
    try:
        import rtmidi
    except ImportError as error:
        return Check("MIDI library", "bad", f"python-rtmidi: {error}", "Run ./setup.sh demo again")
    return Check("MIDI library", "ok", f"python-rtmidi {rtmidi.__version__}")


def _sequencer() -> Check:
    ports = machine.alsa_midi_ports()
    if isinstance(ports, str):
        return Check("ALSA sequencer", "weak", ports, "For USB MIDI: sudo modprobe snd-seq")
    return Check("ALSA sequencer", "ok", f"{len(ports[0])} MIDI sources, {len(ports[1])} sinks")


def _memory() -> Check:
    """Where whole patches pass from latentd to amSynth, up to 250 a second (see outputs/patch_folder.py)."""
    choices = (os.environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm", tempfile.gettempdir())  # noqa: S108 - looked at only
    folder = next(f for f in choices if f and os.access(f, os.W_OK | os.X_OK))
    if not machine.is_tmpfs(Path(folder)):
        return Check("memory folder", "weak", f"{folder} is on a disk", "Point XDG_RUNTIME_DIR at a tmpfs")
    return Check("memory folder", "ok", folder)


def _governor() -> Check:
    found = machine.governors()
    if found and found != {"performance"}:
        step = "For a stage: echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
        return Check("processor", "weak", f"saves power ({', '.join(sorted(found))})", step)
    return Check("processor", "ok", "full speed" if found else "its speed is not ours to choose")

"""`latentd doctor`: what prevents this machine from playing, and the next step. It changes nothing and never hangs."""

from __future__ import annotations

import contextlib
import errno
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
from latentd.daemon import home, midi_channel
from latentd.daemon.synth_link import cc_map, ignored_lines
from latentd.errors import LatentdError
from latentd.inputs.mapping import load_mappings
from latentd.model import bundle
from latentd.osc import packets
from latentd.osc.address import bound, join_address, resolve
from latentd.osc.client import Client
from latentd.schema.documents import DocumentErrors
from latentd.synth import amsynth, amsynth_config, midimap
from latentd.system import jackd, machine, port_owner
from latentd.system.machine import JackFacts
from latentd.system.port_patterns import alsa_matcher, matches_jack

State = Literal["ok", "weak", "bad"]  # bad: cannot play; weak: plays, but not as well as it could
_ANSWER_S = 1.0
_MIN_FREE_BYTES = 50_000_000  # of the disk with the state folder
_SHOWN_WORDS = 3  # of a controllers file
_REALTIME_FILE = Path("/etc/security/limits.d/audio.conf")  # where jackd2 grants real time to the group audio


class Check(NamedTuple):
    """The result of one check: what was found, and the next step."""

    name: str
    state: State
    found: str
    step: str = ""


@click.command("doctor", epilog="\b\nExamples:\n  latentd doctor\n  latentd doctor --json")
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="Check with this configuration file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(config_file: Path | None, as_json: bool) -> int:
    """Find out what prevents this machine from playing, and the next step.

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
    click.echo("This machine can play." if not bad else f"Problems to solve before this machine can play: {bad}.")
    return 1 if bad else 0


def _mark(state: State) -> str:
    return click.style(f"{state:<4}", fg={"ok": "green", "weak": "yellow", "bad": "red"}[state], bold=state == "bad")


def _configuration(file: Path | None) -> tuple[Config, Check]:
    """The configuration, or the defaults where it has mistakes, and the result of checking it."""
    try:
        config = load_config(file)
    except LatentdError as error:
        step = error.hint or " ".join(["latentd check", *(["--config", shlex.quote(str(file))] if file else [])])
        return Config(), Check("configuration", "bad", error.message, f"{step} (the other checks use the defaults)")
    read = file or found_file()
    if mistake := home.mistake(config.home, config.state_folder):
        return config, Check("configuration", "weak", f"{read}: home: {mistake[0]}", mistake[1])
    return config, Check("configuration", "ok", str(read) if read else "the defaults")


def examine(config: Config) -> list[Check]:
    """All checks, the most important ones first."""
    status = _status(config)
    outputs: dict[str, Any] = status.get("ways", {})
    answer = machine.ask_jack()
    checks: list[tuple[str, Callable[[], Check]]] = [
        ("Python", _python),
        ("amSynth", _amsynth),
        ("JACK", lambda: _jack(answer, outputs)),
        ("shared memory", lambda: _shared_memory(answer, outputs)),
        ("rig", lambda: _rig(config, status)),
        ("model", lambda: _model(config)),
        ("mappings", lambda: _mappings(config)),
        ("OSC port", lambda: _port(config)),
        ("state folder", lambda: _folder(config.state_folder)),
        ("controllers", lambda: _controllers(config, status)),
        ("port patterns", lambda: _port_patterns(config, status, answer)),
        ("MIDI channel", lambda: _midi_channel(config, outputs)),
        ("ignored", lambda: _ignored(config)),
        ("real time", _realtime),
        ("sound card", _card),
        ("MIDI library", _rtmidi),
        ("ALSA sequencer", _sequencer),
        ("memory folder", _memory),
        ("processor", _governor),
    ]
    return [_checked(name, check) for name, check in checks]


def _checked(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except LatentdError as error:
        return Check(name, "bad", error.message, error.hint)


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check("Python", "ok", f"{version} in {sys.prefix}")


def _amsynth() -> Check:
    version = machine.amsynth_version()
    if version is None:
        return Check("amSynth", "bad", "not found", "sudo apt install amsynth")
    return Check("amSynth", "ok", version or "unknown version")


def _jack(answer: JackFacts | str, outputs: dict[str, Any]) -> Check:
    if machine.libjack() is None:
        return Check("JACK", "bad", "no libjack", "sudo apt install jackd2")
    if isinstance(answer, JackFacts):
        priority = "real-time" if answer.realtime else "without real-time priority"
        return Check("JACK", "ok", f"{answer.version}: {answer.frames} frames at {answer.rate_hz} Hz, {priority}")
    if outputs.get("jack", {}).get("running"):
        return Check("JACK", "ok", f"{answer} under the default name, but the running latentd has one (of a demo?)")
    if machine.pw_jack_needed():
        return Check("JACK", "weak", f"{answer}, but PipeWire is", "Start JACK programs as: pw-jack latentd run")
    if shutil.which("jackd") is None:
        return Check("JACK", "bad", f"{answer}, and jackd is not installed", "sudo apt install jackd2")
    return Check("JACK", "weak", answer, "`latentd demo` starts one; ./setup.sh install keeps one running")


def _shared_memory(answer: JackFacts | str, outputs: dict[str, Any]) -> Check:
    problem = jackd.shared_memory_problem()
    if problem is None or isinstance(answer, JackFacts) or outputs.get("jack", {}).get("running"):
        return Check("shared memory", "ok", f"{jackd.SHARED_MEMORY}, where JACK keeps its memory")
    found, step = problem
    return Check("shared memory", "weak" if machine.pw_jack_needed() else "bad", found, step)


def _status(config: Config) -> dict[str, Any]:
    """What the daemon on this machine reports; empty when none runs."""
    with contextlib.suppress(LatentdError, OSError, ValueError, LookupError), Client(config.listen) as client:
        return client.status(limit_s=_ANSWER_S)
    return {}


def _rig(config: Config, status: dict[str, Any]) -> Check:
    """Whether the running daemon and the running synth reach each other."""
    outputs: dict[str, Any] = status.get("ways", {})
    if not outputs:
        return Check("rig", "ok", "latentd is not running")
    jack, synth = outputs.get("jack", {}), outputs.get("osc", {})
    if jack.get("running") and not jack.get("connected"):  # it outlives its server, mute, and never joins another
        mute = ["amSynth answers"] if synth.get("connected") else []
        mute += [f"amSynth (pid {synth.pid}) runs" for synth in midi_channel.reached(config)]
        if mute:
            found = f"{mute[0]}, but is not on latentd's JACK server, where it would be heard"
            return Check("rig", "bad", found, "Restart amSynth while JACK runs")
    reached = [name for name, facts in outputs.items() if facts.get("connected")]
    plays = status["output"]
    if plays in reached:
        return Check("rig", "ok", f"latentd reaches the synth by {' and '.join(reached)}")
    problem = outputs[plays].get("problem")
    found = f"latentd runs and waits for a synth{f' ({plays}: {problem})' if problem else ''}"
    return Check("rig", "weak", found, "Start amSynth as README.md shows")


def _model(config: Config) -> Check:
    model = bundle.load(config.model)
    return Check("model", "ok", f"{model.name}, {len(model.landmarks)} landmarks")


def _mappings(config: Config) -> Check:
    try:
        names = [mapping.name for mapping in load_mappings(config.mappings)]
    except DocumentErrors as error:
        return Check("mappings", "bad", error.message, "Correct these; `latentd check FILE` checks one file")
    if not names:
        return Check("mappings", "weak", "none", "Set `mappings:`; without one only latentd's own OSC messages move it")
    return Check("mappings", "ok", ", ".join(names))


def _port(config: Config) -> Check:
    host, port = config.address
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(resolve(bound(host), port)[1])
        except PermissionError:
            step = "Choose a port from 1024 on, such as listen: 127.0.0.1:8000"
            return Check("OSC port", "bad", f"UDP port {port} needs root", step)
        except OSError as error:
            return _unbound(config, error)
    return Check("OSC port", "ok", f"{config.listen} is free")


def _unbound(config: Config, error: OSError) -> Check:
    with contextlib.suppress(LatentdError, OSError, packets.Malformed), Client(config.listen) as client:
        if client.ask("/latentd/ping", limit_s=_ANSWER_S).address == "/latentd/pong":
            return Check("OSC port", "ok", f"latentd is running on {config.listen}")
    host, port = config.address
    if error.errno != errno.EADDRINUSE:
        step = "Set listen: to an address of this machine (`latentd ports` lists them)"
        return Check("OSC port", "bad", f"{config.listen}: {error.strerror}", step)
    other = join_address(host, 8001)
    step = f"End that program (sudo ss -ulpn 'sport = :{port}' shows it), or choose another port: listen: {other}"
    return Check("OSC port", "bad", port_owner.taken(bound(host), port), step)


def _folder(folder: Path) -> Check:
    existing = next(f for f in (folder, *folder.absolute().parents) if f.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        step = f"Let {getpass.getuser()} write to {existing}, or set `state:` to another folder"
        return Check("state folder", "bad", f"{folder} is not writable", step)
    if shutil.disk_usage(existing).free < _MIN_FREE_BYTES:
        step = "Free some space: recordings and patches are saved there"
        return Check("state folder", "weak", f"{folder}: the disk is almost full", step)
    return Check("state folder", "ok", str(folder))


def _controllers(config: Config, status: dict[str, Any]) -> Check:
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
    unknown = f"; unknown words in it: {', '.join(map(repr, found.unknown[:_SHOWN_WORDS]))}" if found.unknown else ""
    reached = f"MIDI reaches {amsynth.COUNT - len(found.missing)} of {amsynth.COUNT} parameters ({path}{unknown})"
    unreached = status.get("unreached", [])
    if len(unreached) > len(found.missing):
        reached = f"{path} is newer than the latentd that runs: its MIDI reaches {amsynth.COUNT - len(unreached)}"
        return Check("controllers", "weak", f"{reached} of {amsynth.COUNT} parameters", "Restart amSynth and latentd")
    if found.missing:
        step = "latentd midimap --install, then start amSynth again (its OSC interface needs no map)"
        return Check("controllers", "weak", reached, step)
    return Check("controllers", "ok", reached)


def _port_patterns(config: Config, status: dict[str, Any], answer: JackFacts | str) -> Check:
    """Whether every pattern of the configuration matches a MIDI port: as a running daemon says, or by the ports now."""
    found = status["patterns_without_port"] if status else _patterns_without_port(config, answer)
    lines = [f"{key}: no port matches {pattern!r}" for key, patterns in found.items() for pattern in patterns]
    if not lines:
        silent = [] if status else _lists_no_ports(config, answer)
        return Check(
            "port patterns", "ok", f"unknown without {' and '.join(silent)}" if silent else "each matches a port"
        )
    step = "Connect the device or start the program, or take a name from `latentd ports`"
    return Check("port patterns", "weak", "\n".join(lines), step)


def _patterns_without_port(config: Config, answer: JackFacts | str) -> dict[str, list[str]]:
    """Those of the configuration, by key. Where no server lists its ports, another check says so."""
    jack, alsa, sequencer = config.jack, config.alsa, machine.alsa_midi_ports()
    found = {}
    if isinstance(answer, JackFacts) and config.output in ("auto", "osc", "jack"):
        # The default is amSynth's own port, and whether that runs is for another check.
        if jack.playback != Config().jack.playback:
            found["jack.playback"] = _unmatched_jack([jack.playback], answer.midi_sinks, answer)
        found["jack.sources"] = _unmatched_jack(jack.sources, answer.midi_sources, answer)
        found["jack.keyboards"] = _unmatched_jack(jack.keyboards, answer.midi_sources, answer)
    if not isinstance(sequencer, str):
        sources, sinks = sequencer
        found["alsa.inputs"] = _unmatched_alsa(alsa.inputs, sources)
        found["alsa.out"] = _unmatched_alsa([alsa.out] if config.output == "alsa" else [], sinks)
    return found


def _lists_no_ports(config: Config, answer: JackFacts | str) -> list[str]:
    """What the configuration has patterns for, but cannot be asked for its ports."""
    by_jack = config.jack.sources or config.jack.keyboards or config.jack.playback != Config().jack.playback
    jack = bool(by_jack) and config.output in ("auto", "osc", "jack") and not isinstance(answer, JackFacts)
    by_alsa = config.alsa.inputs or config.output == "alsa"
    alsa = bool(by_alsa) and isinstance(machine.alsa_midi_ports(), str)
    return ["a JACK server"] * jack + ["an ALSA sequencer"] * alsa


def _unmatched_jack(patterns: list[str], ports: list[str], answer: JackFacts) -> list[str]:
    names = [[port, *answer.aliases.get(port, ())] for port in ports]
    return [pattern for pattern in patterns if not any(matches_jack(pattern, those) for those in names)]


def _unmatched_alsa(patterns: list[str], ports: list[str]) -> list[str]:
    return [pattern for pattern in patterns if not any(map(alsa_matcher(pattern).search, ports))]


def _midi_channel(config: Config, outputs: dict[str, Any]) -> Check:
    """Whether amSynth listens to the channel that latentd sends on, or would send on."""
    try:
        chosen = midi_channel.midi_channel(config, amsynth_config.installed())
        output = outputs.get("jack") or outputs.get("alsa") or {}
        plays = output.get("channel", chosen)
        found = list(midi_channel.mismatches(config, plays))
    except LatentdError as error:  # it may be right all the same
        return Check("MIDI channel", "weak", error.message, error.hint)
    if found:
        by_osc = config.output == "osc" or outputs.get("osc", {}).get("connected")  # only notes and panic are lost
        return Check("MIDI channel", "weak" if by_osc else "bad", "\n".join(m.found for m in found), found[0].step)
    return Check("MIDI channel", "ok", f"{plays}")


def _ignored(config: Config) -> Check:
    """Whether amSynth ignores parameters of patches over its OSC interface, and whether CCs reach them."""
    try:
        names = amsynth_config.installed().ignored
        ccs = cc_map(config).cc
    except LatentdError as error:
        return Check("ignored", "weak", error.message, error.hint)
    ignored = {name: ccs[amsynth.INDEX[name]] for name in names}
    if not ignored or config.output not in ("auto", "osc"):
        return Check("ignored", "ok", "no parameters")
    found = "\n".join(ignored_lines(ignored))
    if None not in ignored.values():
        return Check("ignored", "ok", found)
    step = f"Take ignored_parameters out of {amsynth_config.config_path()}, or run `latentd midimap --install`"
    return Check("ignored", "weak", found, f"{step}; then start amSynth again")


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
        step = "Connect one; without it, `latentd demo --record F.wav` writes the sound to a file"
        return Check("sound card", "weak", "none", step)
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
    """Where latentd writes whole patches for amSynth, up to 250 a second (see outputs/amsynth_osc/patch_folder.py)."""
    choices = (os.environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm", tempfile.gettempdir())  # noqa: S108 - only read
    folder = next(f for f in choices if f and os.access(f, os.W_OK | os.X_OK))
    if not machine.is_tmpfs(Path(folder)):
        return Check("memory folder", "weak", f"{folder} is on a disk", "Set XDG_RUNTIME_DIR to a folder on a tmpfs")
    return Check("memory folder", "ok", folder)


def _governor() -> Check:
    found = machine.governors()
    if found and found != {"performance"}:
        step = (
            "For the lowest latency: echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
        )
        return Check("processor", "weak", f"saves power ({', '.join(sorted(found))})", step)
    return Check("processor", "ok", "full speed" if found else "no frequency scaling")

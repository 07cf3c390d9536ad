"""`latentd ports`: where to aim a controller. Asks JACK, ALSA, the kernel and a running daemon."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import NamedTuple

import click

from latentd.config.config import Config, load_config
from latentd.errors import LatentdError
from latentd.osc.address import split_address
from latentd.osc.client import Client
from latentd.system import machine

_ANY = "0.0.0.0"  # noqa: S104 - what the configuration says, compared here and bound nowhere
_ANSWER_S = 1.0
_USUAL = Config().listen  # a demo listens there, whatever the configuration says


class Aim(NamedTuple):
    """One of this machine's own addresses; `heard` tells whether latentd listens there."""

    interface: str
    host: str
    port: int
    heard: bool


class Ears(NamedTuple):
    """Where OSC and TUIO arrive, and which networks may speak."""

    host: str
    port: int
    allow: list[str]
    running: bool  # a daemon said so itself


class MidiPorts(NamedTuple):
    """Ports by name, or why there are none."""

    sources: list[str]
    sinks: list[str]
    trouble: str = ""


@click.command("ports", epilog="\b\nExamples:\n  latentd ports\n  latentd ports --json")
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="A configuration file to go by.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(config_file: Path | None, as_json: bool) -> None:
    """List MIDI ports (JACK and ALSA) and network addresses to aim a controller at."""
    ears = find_ears(load_config(config_file))
    osc, jack, alsa = aims(ears), _jack(), _alsa()
    if as_json:
        facts = {"running": ears.running, "allow": ears.allow, "networks": machine.networks()}
        facts |= {"osc": [aim._asdict() for aim in osc]}
        click.echo(json.dumps(facts | {"jack": jack._asdict(), "alsa": alsa._asdict()}))
        return
    _show("OSC and TUIO over UDP", [*map(_aim_line, osc), *_advice(ears, osc)])
    _show("JACK MIDI", _port_lines(jack))
    _show("ALSA MIDI", _port_lines(alsa))


def find_ears(config: Config) -> Ears:
    """Where the running daemon listens; the configuration's word where none answers."""
    for place in dict.fromkeys((config.listen, _USUAL)):
        with contextlib.suppress(LatentdError, OSError, ValueError, LookupError), Client(place) as client:
            facts = client.status(limit_s=_ANSWER_S)
            return Ears(*split_address(facts["listen"]), facts["allow"], True)
    return Ears(*config.address, config.allow, False)


def aims(ears: Ears) -> list[Aim]:
    """Where a controller could send to, this machine's inner address last."""
    return [Aim(name, address, ears.port, ears.host in (_ANY, address)) for name, address in machine.addresses()]


def _jack() -> MidiPorts:
    answer = machine.ask_jack()
    if isinstance(answer, str):
        return MidiPorts([], [], answer)
    return MidiPorts(answer.midi_sources, answer.midi_sinks)


def _alsa() -> MidiPorts:
    answer = machine.alsa_midi_ports()
    return MidiPorts([], [], answer) if isinstance(answer, str) else MidiPorts(*answer)


def _show(title: str, lines: list[str]) -> None:
    click.echo(click.style(title, bold=True))
    for line in lines:
        click.echo(f"  {line}")


def _aim_line(aim: Aim) -> str:
    return f"{aim.host}:{aim.port}  ({aim.interface}{'' if aim.heard else ', not listened to'})"


def _advice(ears: Ears, osc: list[Aim]) -> list[str]:
    networks = ", ".join(machine.networks()) or "192.168.1.0/24"
    lines = [] if ears.running else ["No latentd runs: this is what the configuration says"]
    if not all(aim.heard for aim in osc):
        lines.append(f"For a phone: latentd run --listen {_ANY}:{ears.port} --set 'allow=[{networks}]'")
    elif not ears.allow:
        lines.append(f"Only this machine is heard: name the phone's network under `allow:`, as [{networks}]")
    return lines


def _port_lines(ports: MidiPorts) -> list[str]:
    if ports.trouble:
        return [ports.trouble]
    return [f"sends  {name}" for name in ports.sources] + [f"takes  {name}" for name in ports.sinks] or ["none"]

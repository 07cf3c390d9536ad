"""`latentd ports`: where to aim a controller. Asks JACK, ALSA and the kernel; sends nothing to anybody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import click

from latentd import machine
from latentd.config import Config, load_config

_ANY = "0.0.0.0"  # noqa: S104 - what the configuration says, compared here and bound nowhere


class Aim(NamedTuple):
    """One of this machine's own addresses; `heard` tells whether latentd listens there."""

    interface: str
    host: str
    port: int
    heard: bool


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
    config = load_config(config_file)
    osc, jack, alsa = aims(config), _jack(), _alsa()
    if as_json:
        facts = {"allow": config.allow, "osc": [aim._asdict() for aim in osc]}
        click.echo(json.dumps(facts | {"jack": jack._asdict(), "alsa": alsa._asdict()}))
        return
    _show("OSC and TUIO over UDP", [*map(_aim_line, osc), *_advice(config, osc)])
    _show("JACK MIDI", _port_lines(jack))
    _show("ALSA MIDI", _port_lines(alsa))


def aims(config: Config) -> list[Aim]:
    """Where a controller could send to, this machine's inner address last."""
    host, port = config.address
    return [Aim(name, address, port, host in (_ANY, address)) for name, address in machine.addresses()]


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


def _advice(config: Config, osc: list[Aim]) -> list[str]:
    if not all(aim.heard for aim in osc):
        return [f"For a phone: latentd run --listen {_ANY}:{config.address[1]}, and its network under `allow:`"]
    if not config.allow:
        return ["Only this machine is heard: name the phone's network under `allow:`, e.g. [192.168.1.0/24]"]
    return []


def _port_lines(ports: MidiPorts) -> list[str]:
    if ports.trouble:
        return [ports.trouble]
    return [f"sends  {name}" for name in ports.sources] + [f"takes  {name}" for name in ports.sinks] or ["none"]

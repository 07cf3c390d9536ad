"""`latentd ports`: where to send from a controller. Asks JACK, ALSA, the kernel and a running daemon."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click

from latentd.config.config import Config, load_config
from latentd.errors import LatentdError
from latentd.midi.names import lasting_name
from latentd.osc.address import bound, is_any, split_address
from latentd.osc.client import Client
from latentd.system import machine

_ANY = "0.0.0.0"  # noqa: S104 - a configuration's value, compared here and never bound
_ANSWER_S = 1.0
_USUAL = Config().listen  # a demo listens there, whatever the configuration says


class Target(NamedTuple):
    """One of this machine's addresses, as a target for a controller; `listening`: latentd listens there."""

    interface: str
    host: str
    port: int
    listening: bool


class ListenAddress(NamedTuple):
    """Where latentd receives OSC and TUIO, and from which networks."""

    host: str
    port: int
    allow: list[str]
    running: bool  # as a running daemon says, not the configuration


class MidiPorts(NamedTuple):
    """Ports by name, or why there are none."""

    sources: list[str]
    sinks: list[str]
    aliases: dict[str, list[str]]  # other names of JACK's ports, which `jack.sources` and its like may name, too
    trouble: str = ""


@click.command("ports", epilog="\b\nExamples:\n  latentd ports\n  latentd ports --json")
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="The configuration file to use.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with the full names of ALSA ports.")
def command(config_file: Path | None, as_json: bool) -> None:
    """List MIDI ports (JACK and ALSA) and the network addresses for a controller.

    JACK ports are listed with their aliases, which `jack.playback`, `jack.sources` and `jack.keyboards` match, too.
    ALSA ports are listed without their numbers, which change: write them like this in `alsa.inputs` and `alsa.out`.
    """
    listener = find_listener(load_config(config_file))
    osc, jack, alsa = targets(listener), _jack(), _alsa()
    if as_json:
        facts = {"running": listener.running, "allow": listener.allow, "networks": machine.networks()}
        facts |= {"osc": [{**target._asdict(), "heard": target.listening} for target in osc]}
        click.echo(json.dumps(facts | {"jack": jack._asdict(), "alsa": alsa._asdict()}))
        return
    _show("OSC and TUIO over UDP", [*map(_target_line, osc), *_advice(listener, osc)])
    _show("JACK MIDI", _port_lines(jack))
    _show("ALSA MIDI", _port_lines(alsa, lasting_name))


def find_listener(config: Config) -> ListenAddress:
    """Where the running daemon listens; if none answers, where the configuration says."""
    for place in dict.fromkeys((config.listen, _USUAL)):
        with contextlib.suppress(LatentdError, OSError, ValueError, LookupError), Client(place) as client:
            facts = client.status(limit_s=_ANSWER_S)
            return ListenAddress(*split_address(facts["listen"]), facts["allow"], True)
    return ListenAddress(*config.address, config.allow, False)


def targets(listener: ListenAddress) -> list[Target]:
    """The addresses that a controller could send to, loopback last."""
    everywhere = is_any(bound(listener.host))
    return [
        Target(name, address, listener.port, everywhere or listener.host == address)
        for name, address in machine.addresses()
    ]


def _jack() -> MidiPorts:
    answer = machine.ask_jack()
    if isinstance(answer, str):
        return MidiPorts([], [], {}, answer)
    return MidiPorts(answer.midi_sources, answer.midi_sinks, answer.aliases)


def _alsa() -> MidiPorts:
    answer = machine.alsa_midi_ports()
    return MidiPorts([], [], {}, answer) if isinstance(answer, str) else MidiPorts(*answer, {})


def _show(title: str, lines: list[str]) -> None:
    click.echo(click.style(title, bold=True))
    for line in lines:
        click.echo(f"  {line}")


def _target_line(target: Target) -> str:
    return f"{target.host}:{target.port}  ({target.interface}{'' if target.listening else ', latentd does not listen'})"


def _advice(listener: ListenAddress, osc: list[Target]) -> list[str]:
    networks = ", ".join(machine.networks()) or "192.168.1.0/24"
    lines = [] if listener.running else ["No latentd is running: these are the configuration's addresses"]
    if not all(target.listening for target in osc):
        lines.append(f"For a phone: latentd run --listen {_ANY}:{listener.port} --set 'allow=[{networks}]'")
    elif not listener.allow:
        lines.append(f"Only this machine may send: add the phone's network to `allow:`, as [{networks}]")
    return lines


def _port_lines(ports: MidiPorts, name: Callable[[str, list[str]], str] = lambda port, _ports: port) -> list[str]:
    if ports.trouble:
        return [ports.trouble]
    lines = [f"sends     {name(port, ports.sources)}{_aliases(ports, port)}" for port in ports.sources]
    lines += [f"receives  {name(port, ports.sinks)}{_aliases(ports, port)}" for port in ports.sinks]
    return lines or ["none"]


def _aliases(ports: MidiPorts, port: str) -> str:
    return "".join(f", or {alias}" for alias in ports.aliases.get(port, ()))

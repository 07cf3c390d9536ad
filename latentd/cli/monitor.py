"""`latentd monitor`: the messages that arrive, and what the mappings make of them. Beside a daemon, or in its place."""

from __future__ import annotations

import functools
import ipaddress
import json
import math
import select
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from latentd.config.config import Config, load_config
from latentd.daemon.commands import find
from latentd.daemon.monitor import ADDRESS, LASTS_S
from latentd.daemon.network import Allowed, listen, network_of
from latentd.daemon.sender import Sender, Senders
from latentd.errors import LatentdError, UserError
from latentd.inputs.mapping import DeviceMapping, load_mapping, load_mappings
from latentd.inputs.receiver import JACK_PORT
from latentd.inputs.trace import Trace, Tracer
from latentd.osc import packets
from latentd.osc.address import split_zone
from latentd.osc.client import Client, read_facts
from latentd.osc.patterns import can_match
from latentd.system.terminal import end_requested, ends_quietly, single_keys

if TYPE_CHECKING:
    from latentd.outputs.jack.port import JackPort

_RENEW_S = LASTS_S / 4
_ASK_S = 0.5
_LOOK_S = 0.25
_SILENT_S = 3.0  # a daemon that has not answered for so long is gone

Show = Callable[[str, Trace], None]


@click.command(
    "monitor",
    epilog="""\b
Examples:
  latentd monitor                              why does my phone not move the point?
  latentd monitor --to 192.168.1.20:8000       the same, from another machine in `allow:`
  latentd monitor --only-sender 192.168.1.5 --only-address '/xy*'
  latentd monitor --listen 0.0.0.0:9000 --mapping touchosc-mk2 --json""",
)
@click.option("--to", metavar="HOST:PORT", help="The daemon to ask.  [the one that listens where `run` would]")
@click.option("--listen", "address", metavar="HOST:PORT", help="Where to listen without a daemon.  [as `run` would]")
@click.option("--mapping", "names", metavar="NAME", multiple=True, help="Try this mapping (repeat).  [the daemon's]")
@click.option(
    "--only-address", "addresses", metavar="PATTERN", multiple=True, help="Only OSC to this address (repeat)."
)
@click.option(
    "--only-sender", "senders", metavar="SENDER", multiple=True,
    help="Only from this host, network, HOST:PORT or part of a MIDI port's name (repeat).",
)  # fmt: skip
@click.option("--only-mapping", "users", metavar="NAME", multiple=True, help="Only what this mapping uses (repeat).")
@click.option("--midi", is_flag=True, help="Without a daemon: also show MIDI at latentd:midi_in.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
def command(
    to: str | None,
    address: str | None,
    names: tuple[str, ...],
    addresses: tuple[str, ...],
    senders: tuple[str, ...],
    users: tuple[str, ...],
    midi: bool,
    as_json: bool,
) -> None:
    """Show the messages that arrive, and what the mappings make of them.

    A running daemon sends copies and plays on; without one, this command listens in its place. MIDI channels count from
    1. Not shown: MIDI clock and active sensing, requests such as /latentd/status, and amSynth's acknowledgements. q or
    Ctrl-C ends it.
    """
    wanted = MessageFilter(addresses, senders, users)
    show = wanted.apply(_show_json if as_json else _show_line)
    config = Config() if to else load_config(None, listen=address)  # --to counts even if the user's file has mistakes
    where = to or config.listen
    with ends_quietly(), single_keys() as keys, Client(where) as client:
        if to or _daemon_answers(client):
            _beside(client, where, names, wanted, show, keys)
        else:
            _alone(config, names, midi, wanted, show, keys)


# -- which messages to show --------------------------------------------------------------------------


class MessageFilter:
    """The messages to show: those that meet every condition; a condition lists its alternatives, empty allows all.

    Args:
        addresses: OSC address patterns.
        senders: hosts, networks, HOST:PORT, or parts of MIDI ports' names.
        mappings: names of mappings that use the message.

    Raises:
        UserError: a pattern that matches no address.
    """

    def __init__(self, addresses: Iterable[str], senders: Iterable[str], mappings: Iterable[str]) -> None:
        self._addresses = tuple(addresses)
        self._senders = tuple(map(_sender_test, senders))
        self.mappings = tuple(mappings)
        for pattern in self._addresses:
            if not pattern.startswith("/") or not can_match(pattern):
                raise UserError(f"--only-address {pattern!r} matches no address", "For example '/xy*' or '/*/touch'")

    def check(self, names: Iterable[str]) -> None:
        """Make sure that every mapping of the filter is one of these.

        Raises:
            UserError: one is not.
        """
        known = list(names)
        for name in self.mappings:
            if name not in known:
                raise UserError(f"--only-mapping {name!r} is not in use", f"Choose one of {', '.join(known)}")

    def passes(self, source: str, trace: Trace) -> bool:
        """Show this message?"""
        return (
            (not self._addresses or any(_address_matches(p, trace.address) for p in self._addresses))
            and (not self._senders or any(test(source) for test in self._senders))
            and (not self.mappings or any(name in trace.mappings for name in self.mappings))
        )

    def apply(self, show: Show) -> Show:
        """`show`, for the messages that pass."""

        def show_some(source: str, trace: Trace) -> None:
            if self.passes(source, trace):
                show(source, trace)

        return show_some


def _address_matches(pattern: str, address: str) -> bool:
    return pattern == address or packets.matches(pattern, address)


def _sender_test(text: str) -> Callable[[str], bool]:
    """Compares a message's source, `HOST:PORT` or the name of a MIDI port, with a sender that the user typed."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        whole = _host(text) is not None
        return lambda source: source == text if whole else text.lower() in source.lower()

    def is_in_network(source: str) -> bool:
        host = _host(source)
        return host is not None and host in network

    return is_in_network


def _host(source: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The host in HOST:PORT; None for the name of a MIDI port."""
    try:
        return ipaddress.ip_address(split_zone(source.rpartition(":")[0].strip("[]"))[0])
    except ValueError:
        return None


# -- beside a daemon -------------------------------------------------------------------------------


def _daemon_answers(client: Client) -> bool:
    try:
        return client.ask("/latentd/ping", limit_s=0.5).address == "/latentd/pong"
    except LatentdError:
        return False


def _beside(
    client: Client, where: str, names: tuple[str, ...], wanted: MessageFilter, show: Show, keys: int | None
) -> None:
    """Show the copies that the daemon sends."""
    facts = client.status()
    mappings = _readable(names or tuple(facts["mappings"]))
    wanted.check(mapping.name for mapping in mappings)
    tracer = Tracer(mappings, control_outcome)
    tracer.prepare()
    _print(f"beside the latentd at {where}, mappings {', '.join(facts['mappings'])}; q ends")
    leader = LeaderLine()
    withheld = 0
    answered = time.monotonic()
    try:
        for now in _turns(lambda: [client], keys, _renewals(client)):
            for message in client.take():
                answered = now
                if message.address == "/latentd/error":
                    raise LatentdError(str(*message.args[:1]))
                if (newest := read_facts(message)) is not None:
                    leader.update(newest)
                elif (found := copy(message)) is not None:
                    kind, source, data, lost = found
                    if lost != withheld:
                        _print(f"… {lost - withheld} more messages: the daemon sends at most 200 copies a second")
                        withheld = lost
                    for trace in _traced(tracer, kind, source, data, now):
                        show(source, trace)
            if now - answered > _SILENT_S:
                raise LatentdError(f"the latentd at {where} has stopped answering", "Start it and monitor again")
    finally:
        client.send(ADDRESS, 0)


class Copy(NamedTuple):
    """The daemon's copy of a message: see `daemon/monitor.py`."""

    kind: str
    source: str
    data: bytes
    withheld: int


def copy(message: packets.Message) -> Copy | None:
    """The copy in a message; None if it is another message."""
    if message.address != ADDRESS or len(message.args) != 4:
        return None
    kind, source, data, withheld = message.args
    data = b"" if data is None else data
    if not (isinstance(kind, str) and isinstance(source, str) and isinstance(data, bytes)):
        return None
    return Copy(kind, source, data, withheld) if isinstance(withheld, int) else None


def _renewals(client: Client) -> Callable[[float], None]:
    """Renews the subscription, and asks now and then for the status."""
    due = {_RENEW_S: 0.0, _ASK_S: 0.0}

    def renew(now: float) -> None:
        if now >= due[_RENEW_S]:
            due[_RENEW_S] = now + _RENEW_S
            client.send(ADDRESS, 1)
        if now >= due[_ASK_S]:
            due[_ASK_S] = now + _ASK_S
            client.send("/latentd/status")

    return renew


def _traced(tracer: Tracer, kind: str, source: str, data: bytes, now: float) -> list[Trace]:
    if kind == "midi":
        return [tracer.midi(data, source, now)]
    if kind == "long":
        return [Trace("a long datagram", [], "not copied")]
    if kind == "refused":
        host = source.rpartition(":")[0].strip("[]")
        return Tracer.refused(data, f"refused: {host} is not in `allow:`; add {_network_of(host)} to it")
    return tracer.datagram(data, now)


_network_of = functools.lru_cache(256)(network_of)  # asks the system


def control_outcome(address: str) -> str:
    """What the daemon does with a message to its control interface."""
    try:
        if not packets.is_pattern(address):
            find(address)
    except LatentdError as error:
        return f"not used: {error}"
    return "latentd's control interface"


class LeaderLine:
    """Prints which source leads, whenever that changes."""

    def __init__(self) -> None:
        self._last: tuple[object, ...] = ("", False)

    def update(self, facts: dict[str, Any]) -> None:
        """Take the daemon's newest status."""
        now = (facts["source"], facts["frozen"])
        if now != self._last:
            self._last = now
            leader = f"{facts['source']} leads now" if facts["source"] else "no source leads"
            _print(f"-- {leader}{'; frozen: all input is ignored' if facts['frozen'] else ''}")


def _readable(names: tuple[str, ...]) -> list[DeviceMapping]:
    """The mappings that can be read here; a daemon on another machine may have files of its own."""
    found = []
    for name in names:
        try:
            found.append(load_mapping(name))
        except LatentdError as error:
            _print(f"mapping {name} cannot be read here ({error}): messages for it are shown as not used")
    return found


# -- in its place ----------------------------------------------------------------------------------


def _alone(
    config: Config, names: tuple[str, ...], midi: bool, wanted: MessageFilter, show: Show, keys: int | None
) -> None:
    """Listen where the daemon would."""
    mappings = load_mappings(names or tuple(config.mappings))
    wanted.check(mapping.name for mapping in mappings)
    tracer = Tracer(mappings)
    tracer.prepare()
    allowed = Allowed(config.allow)
    with listen(config.address) as receiving:
        port = _jack_port(config) if midi else None
        in_use = ", ".join(mapping.name for mapping in mappings)
        _print(f"no latentd at {config.listen}: listening in its place, mappings {in_use}; q ends")
        try:
            ends = lambda: [receiving, *(port.filenos() if port is not None else ())]  # noqa: E731 - one line, used once
            for now in _turns(ends, keys, port.poll if port is not None else None):
                for data, sender in _datagrams(receiving):
                    kind = "osc" if sender.host in allowed else "refused"
                    source = str(sender)
                    for trace in _traced(tracer, kind, source, data, now):
                        show(source, trace)
                for data, _arrived in port.take_midi() if port is not None else ():
                    show(JACK_PORT, tracer.midi(data, JACK_PORT, now))
        finally:
            if port is not None:
                port.close()


def _jack_port(config: Config) -> JackPort:
    from latentd.outputs.jack.port import JackPort
    from latentd.synth import midimap

    nowhere = r"(?!)"  # matches no port: nothing is played
    return JackPort(midimap.OURS, config.jack.client, nowhere, config.jack.sources)


def _datagrams(receiving: socket.socket) -> Iterator[tuple[bytes, Sender]]:
    senders = Senders(receiving.family)
    while True:
        try:
            data, address = receiving.recvfrom(65536)
            yield data, senders.find(address, b"")
        except BlockingIOError:
            return


# -- both ------------------------------------------------------------------------------------------


def _turns(ends: Callable[[], list[Any]], keys: int | None, each: Callable[[float], object] | None) -> Iterator[float]:
    """The time, whenever something may have come; ends with q."""
    while True:
        if each is not None:
            each(time.monotonic())
        ready, _, _ = select.select([*ends(), *([] if keys is None else [keys])], [], [], _LOOK_S)
        if keys in ready and end_requested(keys):
            return
        yield time.monotonic()


def _show_line(source: str, trace: Trace) -> None:
    click.echo(f"{datetime.now():%H:%M:%S.%f}"[:12] + f"  {source}  {trace}")


def _show_json(source: str, trace: Trace) -> None:
    click.echo(json_line(source, trace, time.time()))


def json_line(source: str, trace: Trace, t: float) -> str:
    """One message as JSON; `t` in seconds since 1970. NaN and infinity, which JSON does not have, become null."""
    facts = {"t": t, "from": source, "message": trace.what, "address": trace.address, "args": _finite(trace.args)}
    facts |= {"points": [point._asdict() for point in trace.points], "outcome": trace.outcome}
    facts |= {"mappings": trace.mappings}
    return json.dumps(facts, default=_as_text, allow_nan=False)


def _finite(value: object) -> object:
    if isinstance(value, tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _as_text(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _print(line: str) -> None:
    click.echo(line, err=True)

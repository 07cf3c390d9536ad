"""`latentd monitor`: what arrives, and what the mappings make of it. Beside a running daemon, or in its place."""

from __future__ import annotations

import json
import math
import select
import socket
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from latentd.config.config import Config, load_config
from latentd.daemon.monitor import ADDRESS, LASTS_S
from latentd.daemon.network import Allowed, listen
from latentd.errors import LatentdError
from latentd.inputs.mapping import DeviceMapping, load_mapping, load_mappings
from latentd.inputs.receiver import JACK_PORT
from latentd.inputs.trace import Explainer, Heard
from latentd.osc import packets
from latentd.osc.client import Client, read_facts
from latentd.system.terminal import ends_quietly, says_end, single_keys

if TYPE_CHECKING:
    from latentd.outputs.jack.port import JackPort

_RENEW_S = LASTS_S / 4
_ASK_S = 0.5
_LOOK_S = 0.25
_SILENT_S = 3.0  # a daemon that does not answer for so long has gone

Show = Callable[[str, Heard], None]


@click.command(
    "monitor",
    epilog="""\b
Examples:
  latentd monitor                              why does my phone not move it?
  latentd monitor --to 192.168.1.20:8000       the same, from another machine that `allow:` names
  latentd monitor --listen 0.0.0.0:9000 --mapping touchosc-mk2 --json""",
)
@click.option("--to", metavar="HOST:PORT", help="The daemon to ask.  [the one that listens where `run` would]")
@click.option("--listen", "address", metavar="HOST:PORT", help="Where to listen if no daemon does.  [as `run` would]")
@click.option("--mapping", "names", metavar="NAME", multiple=True, help="Go by this mapping (repeat).  [the daemon's]")
@click.option("--midi", is_flag=True, help="Without a daemon: hear MIDI at latentd:midi_in, too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
def command(to: str | None, address: str | None, names: tuple[str, ...], midi: bool, as_json: bool) -> None:
    """Show the messages that arrive, and what the mappings make of them.

    Where a daemon listens, it is asked for copies and plays on; else this listens in its place. Left out: questions
    such as /latentd/status, and what amSynth acknowledges. q or Ctrl-C ends it.
    """
    show = _show_json if as_json else _show_line
    config = Config() if to else load_config(None, listen=address)  # who is named is asked, whatever our file says
    where = to or config.listen
    with ends_quietly(), single_keys() as keys, Client(where) as client:
        if to or _daemon_answers(client):
            _beside(client, where, names, show, keys)
        else:
            _alone(config, names, midi, show, keys)


# -- beside a daemon -------------------------------------------------------------------------------


def _daemon_answers(client: Client) -> bool:
    try:
        return client.ask("/latentd/ping", limit_s=0.5).address == "/latentd/pong"
    except LatentdError:
        return False


def _beside(client: Client, where: str, names: tuple[str, ...], show: Show, keys: int | None) -> None:
    """Show the copies that the daemon sends."""
    facts = client.status()
    explainer = Explainer(_known(names or tuple(facts["mappings"])), daemon=True)
    explainer.prepare()
    _say(f"beside the latentd at {where}, mappings {', '.join(facts['mappings'])}; q ends")
    changes = Changes()
    withheld = 0
    answered = time.monotonic()
    try:
        for now in _turns(lambda: [client], keys, _renewals(client)):
            for message in client.take():
                answered = now
                if (newest := read_facts(message)) is not None:
                    changes.tell(newest)
                elif (found := copy(message)) is not None:
                    kind, source, data, lost = found
                    if lost != withheld:
                        _say(f"… {lost - withheld} more came than can be shown")
                        withheld = lost
                    for heard in _explained(explainer, kind, source, data, now):
                        show(source, heard)
            if now - answered > _SILENT_S:
                raise LatentdError(f"the latentd at {where} does not answer any more", "Start it and monitor again")
    finally:
        client.send(ADDRESS, 0)


class Copy(NamedTuple):
    """What the daemon sends of a message: see `monitors.Monitors`."""

    kind: str
    source: str
    data: bytes
    withheld: int


def copy(message: packets.Message) -> Copy | None:
    """The copy that a message brings; None for any other message."""
    if message.address != ADDRESS or len(message.args) != 4:
        return None
    kind, source, data, withheld = message.args
    data = b"" if data is None else data
    if not (isinstance(kind, str) and isinstance(source, str) and isinstance(data, bytes)):
        return None
    return Copy(kind, source, data, withheld) if isinstance(withheld, int) else None


def _renewals(client: Client) -> Callable[[float], None]:
    """What keeps the copies coming, and asks now and then who leads."""
    due = {_RENEW_S: 0.0, _ASK_S: 0.0}

    def renew(now: float) -> None:
        if now >= due[_RENEW_S]:
            due[_RENEW_S] = now + _RENEW_S
            client.send(ADDRESS, 1)
        if now >= due[_ASK_S]:
            due[_ASK_S] = now + _ASK_S
            client.send("/latentd/status")

    return renew


def _explained(explainer: Explainer, kind: str, source: str, data: bytes, now: float) -> list[Heard]:
    if kind == "midi":
        return [explainer.midi(data, source, now)]
    if kind == "long":
        return [Heard("a long datagram", [], "not copied")]
    heard = explainer.datagram(data, now)
    if kind == "refused":
        return [Heard(one.what, [], f"refused: `allow:` does not name {source.rpartition(':')[0]}") for one in heard]
    return heard


class Changes:
    """Says who leads, whenever that changes."""

    def __init__(self) -> None:
        self._told: tuple[object, ...] = ("", False)

    def tell(self, facts: dict[str, Any]) -> None:
        """Take the daemon's newest facts."""
        now = (facts["source"], facts["frozen"])
        if now != self._told:
            self._told = now
            leader = f"{facts['source']} leads now" if facts["source"] else "nobody leads"
            _say(f"-- {leader}{'; frozen: all input is ignored' if facts['frozen'] else ''}")


def _known(names: tuple[str, ...]) -> list[DeviceMapping]:
    """The mappings that can be read here; a daemon elsewhere may have files of its own."""
    found = []
    for name in names:
        try:
            found.append(load_mapping(name))
        except LatentdError as error:
            _say(f"the mapping {name} cannot be read here ({error}): what only it wants will be shown as unwanted")
    return found


# -- in its place ----------------------------------------------------------------------------------


def _alone(config: Config, names: tuple[str, ...], midi: bool, show: Show, keys: int | None) -> None:
    """Listen where the daemon would."""
    wanted = names or tuple(config.mappings)
    explainer = Explainer(load_mappings(wanted))
    explainer.prepare()
    allowed = Allowed(config.allow)
    with listen(config.address) as receiving:
        port = _jack_port(config) if midi else None
        _say(f"no latentd at {config.listen}: listening in its place, mappings {', '.join(wanted)}; q ends")
        try:
            ends = lambda: [receiving, *(port.filenos() if port is not None else ())]  # noqa: E731 - one line, used once
            for now in _turns(ends, keys, port.poll if port is not None else None):
                for data, sender in _datagrams(receiving):
                    kind = "osc" if sender[0] in allowed else "refused"
                    source = f"{sender[0]}:{sender[1]}"
                    for heard in _explained(explainer, kind, source, data, now):
                        show(source, heard)
                for data, _arrived in port.take_midi() if port is not None else ():
                    show(JACK_PORT, explainer.midi(data, JACK_PORT, now))
        finally:
            if port is not None:
                port.close()


def _jack_port(config: Config) -> JackPort:
    from latentd.outputs.jack.port import JackPort
    from latentd.synth import midimap

    nowhere = r"(?!)"  # matches no port: nothing is played
    return JackPort(midimap.OURS, config.jack.client, nowhere, config.jack.sources)


def _datagrams(receiving: socket.socket) -> Iterator[tuple[bytes, tuple[str, int]]]:
    while True:
        try:
            yield receiving.recvfrom(65536)
        except BlockingIOError:
            return


# -- both ------------------------------------------------------------------------------------------


def _turns(ends: Callable[[], list[Any]], keys: int | None, each: Callable[[float], object] | None) -> Iterator[float]:
    """The time, whenever something may have come; ends with q."""
    while True:
        if each is not None:
            each(time.monotonic())
        ready, _, _ = select.select([*ends(), *([] if keys is None else [keys])], [], [], _LOOK_S)
        if keys in ready and says_end(keys):
            return
        yield time.monotonic()


def _show_line(source: str, heard: Heard) -> None:
    click.echo(f"{datetime.now():%H:%M:%S.%f}"[:12] + f"  {source}  {heard}")


def _show_json(source: str, heard: Heard) -> None:
    click.echo(json_line(source, heard, time.time()))


def json_line(source: str, heard: Heard, t: float) -> str:
    """One message as JSON; `t` in seconds since 1970. NaN and infinity, which JSON does not know, become null."""
    facts = {"t": t, "from": source, "message": heard.what, "address": heard.address, "args": _finite(heard.args)}
    facts |= {"points": [point._asdict() for point in heard.points], "outcome": heard.outcome}
    return json.dumps(facts, default=_as_text, allow_nan=False)


def _finite(value: object) -> object:
    if isinstance(value, tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _as_text(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _say(line: str) -> None:
    click.echo(line, err=True)

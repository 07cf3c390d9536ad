"""`latentd demo`: everything at once, for the first minute with latentd."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from latentd.config.config import Config, load_config
from latentd.demo.performance import Performance, Show
from latentd.demo.stage import Server, Wishes, free_port, set_up
from latentd.demo.view import Picture, Setting, screen, status_line
from latentd.errors import LatentdError, UserError
from latentd.model import bundle
from latentd.osc.client import Client
from latentd.system import machine
from latentd.system.processes import Children
from latentd.system.terminal import ends_quietly, single_keys

_ANY = "0.0.0.0"  # noqa: S104 - only on request (--phone)
_LOOPBACK = "127.0.0.1"
_PICTURES_S = 1.0 / 15.0
# More presets than these would fill the pad; the first ones are amSynth's own.
_MOST_LANDMARKS = 48
# The temporary folder's name is this, the process id of its demo, and what makes it the only one.
_FOLDER = "latentd-demo-"
# Without a terminal nobody presses q.
_SECONDS_ALONE = 20.0


@click.command(
    "demo",
    epilog="""\b
Examples:
  latentd demo
  latentd demo --phone                        a phone on this network may take over
  latentd demo --seconds 30 --record demo.wav""",
)
@click.option("--record", metavar="F.wav", type=click.Path(path_type=Path), help="Write what it sounds like.")
@click.option("--seconds", type=click.FloatRange(0.1), help="End by itself.  [without a terminal: 20]")
@click.option("--model", metavar="NAME|DIR", help="The model to play.")
@click.option("--port", type=click.IntRange(1, 65535), help="UDP port for OSC.  [8000, or a free one]")
@click.option("--phone", is_flag=True, help="Hear phones and tablets on this machine's own networks, too.")
@click.option("--no-notes", is_flag=True, help="Play no notes: a keyboard of yours does.")
@click.option("--json", "as_json", is_flag=True, help="Status lines as JSON, for programs.")
def command(
    record: Path | None,
    seconds: float | None,
    model: str | None,
    port: int | None,
    phone: bool,
    no_notes: bool,
    as_json: bool,
) -> None:
    """See and hear it at once: JACK, an amSynth, the daemon, slow notes and a moving point.

    Uses the JACK server that runs, else a private one that ends with the demo. Whatever else moves the point (a phone,
    a mouse, a MIDI pad) takes over; left alone for three seconds, the demo goes on. q or Ctrl-C ends it.
    """
    config = load_config(None)
    if record is not None:
        _check_record(record)
    places = bundle.load(model or config.model).landmarks[:_MOST_LANDMARKS]
    landmarks = [(x, y) for _, x, y in places]
    wishes = _wishes(config, record, model, port, phone, not no_notes)
    alone = as_json or not sys.stdout.isatty()
    if seconds is None and alone:
        seconds = _SECONDS_ALONE
    remove_left_behind(Path(tempfile.gettempdir()))
    prefix = f"{_FOLDER}{os.getpid()}-"
    with ends_quietly(), tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as name:
        _play(Path(name), wishes, seconds, landmarks, alone, as_json)


def remove_left_behind(temporary: Path) -> None:
    """Remove the folders of demos of ours that were killed."""
    for folder in temporary.glob(f"{_FOLDER}*-*"):
        pid = folder.name.removeprefix(_FOLDER).partition("-")[0]
        with contextlib.suppress(OSError):
            if pid.isdecimal() and not Path("/proc", pid).exists() and folder.lstat().st_uid == os.getuid():
                shutil.rmtree(folder)


def _play(
    folder: Path,
    wishes: Wishes,
    seconds: float | None,
    landmarks: list[tuple[float, float]],
    alone: bool,
    as_json: bool,
) -> None:
    host = _LOOPBACK if wishes.host == _ANY else wishes.host
    with Client(f"{host}:{wishes.port}") as client, Children(folder) as children, single_keys() as keys:
        server, band = set_up(children, folder, wishes, client, _say)
        setting = Setting(landmarks, _aim(wishes), _notice(server, wishes.record), wishes.record is not None)
        performance = Performance(children, client, band, setting, seconds)
        if alone:
            _say(setting.aim)
            _say(setting.notice)
        try:
            with _shown(alone, as_json) as show:
                performance.run(show, 1.0 if alone else _PICTURES_S, keys)
        finally:
            band.end_in_order()
            performance.hear_band()
            if wishes.record is not None:
                _say(_recorded(wishes.record, performance.band_facts))


# -- what it plays with ----------------------------------------------------------------------------


def _wishes(
    config: Config, record: Path | None, model: str | None, port: int | None, phone: bool, notes: bool
) -> Wishes:
    host, wanted = config.address
    allow = list(config.allow)
    if phone:
        host = _ANY
        allow += machine.networks()
    found = free_port(host, port or wanted)
    if found != (port or wanted):
        if port is not None:
            raise LatentdError(f"UDP port {port} is taken", "Choose another with --port, or none for a free one")
        _say(f"UDP port {wanted} is taken, perhaps by another latentd, which plays on: this demo uses {found}")
    return Wishes(config, host, found, allow, model, record, notes)


def _check_record(record: Path) -> None:
    """See that the recording can be written and overwrites nothing.

    Raises:
        UserError: it cannot, or would.
    """
    folder = record.resolve().parent
    if record.is_dir():
        raise UserError(f"--record {record}: is a folder", f"Name a file in it, as {record / 'demo.wav'}")
    if record.suffix.lower() != ".wav":
        raise UserError(f"--record {record}: the recording is a WAV file", "Let its name end in .wav")
    if record.exists() or record.is_symlink():
        raise UserError(f"--record {record}: exists", "Choose another name or remove it")
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UserError(f"--record {record}: cannot be written", "Name a file in a folder of yours")


# -- what it shows ---------------------------------------------------------------------------------


@contextlib.contextmanager
def _shown(alone: bool, as_json: bool) -> Iterator[Show]:
    if alone:
        yield _lines(as_json)
        return
    from rich.console import Console, Group
    from rich.live import Live

    console = Console()
    with Live(console=console, screen=True, auto_refresh=False) as live:

        def show(picture: Picture, _elapsed_s: float) -> None:
            live.update(Group(*screen(picture, console.width, console.height)), refresh=True)

        yield show


def _lines(as_json: bool) -> Callable[[Picture, float], None]:
    def show(picture: Picture, elapsed_s: float) -> None:
        if as_json:
            level_db = round(picture.level_db, 1) if math.isfinite(picture.level_db) else None
            rate = round(picture.messages_s, 1)
            line = json.dumps({"t_s": round(elapsed_s, 3), "messages_s": rate, "level_db": level_db} | picture.facts)
        else:
            line = status_line(picture, elapsed_s)
        click.echo(line)

    return show


def _say(line: str) -> None:
    click.echo(line, err=True)


def _aim(wishes: Wishes) -> str:
    if wishes.host == _LOOPBACK:
        return f"Move it yourself: OSC /xy x y (0..1) to {_LOOPBACK}:{wishes.port}; from a phone: --phone"
    hosts = [host for _, host in machine.addresses() if wishes.host in (host, _ANY) and host[:4] != "127."]
    places = " or ".join(f"{host}:{wishes.port}" for host in hosts[:2]) or "no address: there is no network"
    return f"Aim a phone at {places}: OSC /xy x y (0..1), TUIO"


def _notice(server: Server, record: Path | None) -> str:
    if record is not None:
        return f"Recording to {record}"
    if server.dummy:
        return "No sound card: a dummy JACK server; --record F.wav writes what it sounds like"
    return f"Plays on {server.what}"


def _recorded(record: Path, facts: dict[str, Any]) -> str:
    """What the recording is like, in one line."""
    if not facts.get("done"):
        return f"{record}: the recording was cut short"
    highest, rms = (20.0 * math.log10(max(facts[key], 1e-6)) for key in ("highest", "rms"))
    return (
        f"{record}: {facts['seconds']:.1f} s, peak {highest:.1f} dBFS, RMS {rms:.1f} dBFS, {facts['clipped']} samples "
        f"clipped, {facts['lost']} frames lost, {facts['xruns']} xruns"
    )

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
from latentd.demo.loop import Loop, Show
from latentd.demo.startup import DemoOptions, JackServer, free_port, port_state_kept, start_all
from latentd.demo.view import Picture, Setting, screen, status_line
from latentd.errors import LatentdError, UserError
from latentd.model import bundle
from latentd.osc.address import bound, join_address
from latentd.osc.client import Client
from latentd.system import machine, port_owner
from latentd.system.processes import Programs
from latentd.system.terminal import ends_quietly, single_keys

_ALL_INTERFACES = "0.0.0.0"  # noqa: S104 - only on request (--phone)
_LOOPBACK = "127.0.0.1"
_PICTURES_S = 1.0 / 15.0
# With more landmarks the pad would be full of dots; the first presets are those of amSynth's factory bank.
_MAX_LANDMARKS = 48
# The temporary folder's name: this, the demo's process id, a unique ending.
_FOLDER = "latentd-demo-"
# The length without a terminal, where q cannot be pressed.
_SECONDS_WITHOUT_TERMINAL = 20.0


@click.command(
    "demo",
    epilog="""\b
Examples:
  latentd demo
  latentd demo --phone                        phones on this network can play too
  latentd demo --seconds 30 --record demo.wav""",
)
@click.option("--record", metavar="F.wav", type=click.Path(path_type=Path), help="Write the sound to this file.")
@click.option("--seconds", type=click.FloatRange(0.1), help="Stop after this time.  [without a terminal: 20]")
@click.option("--model", metavar="NAME|DIR", help="The model to play.")
@click.option("--port", type=click.IntRange(1, 65535), help="UDP port for OSC.  [8000, or a free one]")
@click.option("--phone", is_flag=True, help="Accept phones and tablets on the networks of this machine.")
@click.option("--no-notes", is_flag=True, help="Play no notes: use a keyboard of your own.")
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

    Uses the running JACK server, or starts a private one that ends with the demo. Any other input (a phone, a mouse, a
    MIDI pad) and every message takes over the point; three seconds after the last one it wanders again. q or Ctrl-C
    ends it.
    """
    config = load_config(None)
    if record is not None:
        _check_record(record)
    landmarks = [(x, y) for _, x, y in bundle.load(model or config.model).landmarks[:_MAX_LANDMARKS]]
    options = _options(config, record, model, port, phone, not no_notes)
    lines = as_json or not sys.stdout.isatty()
    if seconds is None and lines:
        seconds = _SECONDS_WITHOUT_TERMINAL
    remove_old_folders(Path(tempfile.gettempdir()))
    prefix = f"{_FOLDER}{os.getpid()}-"
    with ends_quietly(), tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as name:
        _play(Path(name), options, seconds, landmarks, lines, as_json)


def remove_old_folders(temporary: Path) -> None:
    """Remove the folders of this user's demos that were killed."""
    for folder in temporary.glob(f"{_FOLDER}*-*"):
        pid = folder.name.removeprefix(_FOLDER).partition("-")[0]
        with contextlib.suppress(OSError):
            if pid.isdecimal() and not Path("/proc", pid).exists() and folder.lstat().st_uid == os.getuid():
                shutil.rmtree(folder)


def _play(
    folder: Path,
    options: DemoOptions,
    seconds: float | None,
    landmarks: list[tuple[float, float]],
    lines: bool,
    as_json: bool,
) -> None:
    with (
        Client(join_address(options.host, options.port)) as client,
        port_state_kept(options.config.state_folder, options.port),
        Programs(folder) as programs,
        single_keys() as keys,
    ):
        server, audio = start_all(programs, folder, options, client, _say)
        setting = Setting(landmarks, _address(options), _notice(server, options.record), options.record is not None)
        loop = Loop(programs, client, audio, setting, seconds)
        if lines:
            _say(setting.address)
            _say(setting.notice)
        try:
            with _shown(lines, as_json) as show:
                loop.run(show, 1.0 if lines else _PICTURES_S, keys)
        finally:
            client.send("/latentd/notes", 0)  # the recording's last notes fade away
            audio.end()
            loop.read_audio()
            if options.record is not None:
                _say(_recorded(options.record, loop.audio_facts))


# -- options ---------------------------------------------------------------------------------------


def _options(
    config: Config, record: Path | None, model: str | None, port: int | None, phone: bool, notes: bool
) -> DemoOptions:
    host, configured = config.address
    allow = list(config.allow)
    if phone:
        host = _ALL_INTERFACES
        allow += machine.networks()
    found = free_port(host, port or configured)
    if found != (port or configured):
        taken = port_owner.taken(bound(host), port or configured)
        if port is not None:
            raise LatentdError(taken, "Choose another --port, or leave it out for a free one")
        _say(f"{taken}: this demo uses {found}")
    return DemoOptions(config, host, found, allow, model, record, notes)


def _check_record(record: Path) -> None:
    """Check that the recording can be written and overwrites nothing.

    Raises:
        UserError: it cannot be written, or would overwrite a file.
    """
    folder = record.resolve().parent
    if record.is_dir():
        raise UserError(f"--record {record}: is a folder", f"Name a file in it, such as {record / 'demo.wav'}")
    if record.suffix.lower() != ".wav":
        raise UserError(f"--record {record}: the recording is a WAV file", "Choose a name that ends in .wav")
    if record.exists() or record.is_symlink():
        raise UserError(f"--record {record}: exists", "Choose another name, or remove the file")
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UserError(f"--record {record}: cannot be written", "Choose a folder where you may write")


# -- output ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def _shown(lines: bool, as_json: bool) -> Iterator[Show]:
    if lines:
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
            rate = round(picture.messages_per_s, 1)
            line = json.dumps({"t_s": round(elapsed_s, 3), "messages_s": rate, "level_db": level_db} | picture.status)
        else:
            line = status_line(picture, elapsed_s)
        click.echo(line)

    return show


def _say(line: str) -> None:
    click.echo(line, err=True)


def _address(options: DemoOptions) -> str:
    if options.host == _LOOPBACK:
        return f"Play it yourself: send OSC /xy x y (0..1) to {_LOOPBACK}:{options.port}; for phones: --phone"
    every = [host for _, host in machine.addresses() if not host.startswith("127.")]
    hosts = [host for host in every if options.host in (host, _ALL_INTERFACES)]
    where = " or ".join(f"{host}:{options.port}" for host in hosts[:2]) or "no address: there is no network"
    return f"Play it from a phone: send OSC /xy x y (0..1), or TUIO, to {where}"


def _notice(server: JackServer, record: Path | None) -> str:
    if record is not None:
        return f"Recording to {record}"
    if server.silent:
        return "No sound card, so nothing to hear: --record F.wav writes the sound to a file"
    return f"JACK: {server.description}"


def _recorded(record: Path, facts: dict[str, Any]) -> str:
    """Length, levels and losses of the recording, in one line."""
    if not facts.get("done"):
        return f"{record}: the recording is incomplete"
    highest, rms = (20.0 * math.log10(max(facts[key], 1e-6)) for key in ("highest", "rms"))
    return (
        f"{record}: {facts['seconds']:.1f} s, peak {highest:.1f} dBFS, RMS {rms:.1f} dBFS, {facts['clipped']} samples "
        f"clipped, {facts['lost']} frames lost, {facts['xruns']} xruns"
    )

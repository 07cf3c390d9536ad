"""Facts about this machine: sound cards, JACK, real-time limits, network addresses. Reads; changes nothing.

Sources: the kernel's /proc/asound and /sys/devices/system/cpu, `netdevice(7)` for addresses. Folders that are read
are arguments, so that tests can show other machines.
"""

from __future__ import annotations

import ctypes.util
import fcntl
import ipaddress
import json
import os
import re
import resource
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

ASOUND = Path("/proc/asound")
CPUS = Path("/sys/devices/system/cpu")
_SIOCGIFADDR, _SIOCGIFNETMASK = 0x8915, 0x891B
# libjack waits for ever for a server that accepts but never answers, so a process of its own asks it.
_JACK_LIMIT_S = 5.0


class Card(NamedTuple):
    """A sound card that can play; `name` is what `hw:NAME` takes."""

    name: str
    usb: bool


def playback_cards(asound: Path = ASOUND) -> list[Card]:
    """Sound cards with an output, in the kernel's order; a USB keyboard is a card without an output."""
    folders = sorted(asound.glob("card[0-9]*"), key=lambda f: int(f.name[4:]))
    return [
        Card((folder / "id").read_text(encoding="utf-8").strip(), (folder / "usbid").exists())
        for folder in folders
        if any(folder.glob("pcm*p")) and (folder / "id").exists()
    ]


def best_card(asound: Path = ASOUND) -> str | None:
    """The card to play on: USB first, HDMI last."""
    cards = sorted(playback_cards(asound), key=lambda card: (not card.usb, "hdmi" in card.name.lower()))
    return cards[0].name if cards else None


def libjack() -> str | None:
    """File name of the JACK library that programs load here, PipeWire's or JACK's own; None without one."""
    return ctypes.util.find_library("jack")


def jack_is_pipewire() -> bool:
    """True when PipeWire runs for this user and its JACK library is installed."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    runs = bool(runtime) and (Path(runtime) / "pipewire-0").is_socket()
    return runs and any(Path("/usr/lib").glob("*/pipewire-0.3/jack/libjack.so.0"))


def pw_jack_needed() -> bool:
    """True when only programs that are started with pw-jack find a JACK server here: PipeWire's."""
    started_with_it = "pipewire" in os.environ.get("LD_LIBRARY_PATH", "")
    return not started_with_it and jack_is_pipewire() and shutil.which("pw-jack") is not None


def no_jack_server() -> str:
    """For a message: no JACK server runs, and what starts one on this machine."""
    if pw_jack_needed():
        return "no JACK server runs, but PipeWire does; start JACK programs with pw-jack: `pw-jack latentd run`"
    return "no JACK server runs; start jackd or PipeWire (see `latentd doctor`)"


class JackFacts(NamedTuple):
    """A JACK server that answered."""

    version: str  # of the library; PipeWire's names PipeWire
    rate_hz: int
    frames: int  # of a period
    realtime: bool
    midi_sources: list[str]  # ports that send MIDI
    midi_sinks: list[str]  # ports that receive it
    aliases: dict[str, list[str]]  # their other names, of ports that have any


def ask_jack(limit_s: float = _JACK_LIMIT_S, env: Mapping[str, str] | None = None) -> JackFacts | str:
    """The server that a client would find now, or why there is none. Never starts one, takes at most `limit_s`.

    Args:
        env: the environment of the client; by default that of this process.
    """
    argv = [sys.executable, "-c", _ASK_JACK]
    try:
        done = subprocess.run(argv, capture_output=True, timeout=limit_s, text=True, check=False, env=env)
    except subprocess.TimeoutExpired:
        return f"the server did not answer within {limit_s:g} s"
    # libjack itself may write to standard output: the answer is the last line.
    last = done.stdout.strip().rpartition("\n")[2]
    if done.returncode or not last.startswith("{"):
        return last or "no server is running"
    return JackFacts(**json.loads(last))


_ASK_JACK = """
import json, sys
try:
    import jack
    client = jack.Client("latentd-look", no_start_server=True)
    ports = client.get_ports(is_midi=True)
    print(json.dumps({
        "version": jack.version_string(), "rate_hz": client.samplerate, "frames": client.blocksize,
        "realtime": bool(client.realtime),
        "midi_sources": [p.name for p in ports if p.is_output],
        "midi_sinks": [p.name for p in ports if p.is_input],
        "aliases": {p.name: others for p in ports if (others := [a for a in p.aliases if a != p.name])},
    }))
    client.close()
except OSError as error:
    print(error)
    sys.exit(1)
except jack.JackError:
    print("no server is running")
    sys.exit(1)
"""


def alsa_midi_ports() -> tuple[list[str], list[str]] | str:
    """Names of the ALSA MIDI ports that send and of those that receive, or why there are none."""
    if not Path("/dev/snd/seq").exists():
        return "no ALSA sequencer (/dev/snd/seq)"
    try:
        import rtmidi
    except ImportError as error:
        return f"python-rtmidi is broken: {error}"
    ends: list[Any] = []
    try:
        ends = [kind(rtmidi.API_LINUX_ALSA, "latentd-look") for kind in (rtmidi.MidiIn, rtmidi.MidiOut)]
        sources, sinks = ([name for name in end.get_ports() if "latentd-look" not in name] for end in ends)
    except (rtmidi.RtMidiError, SystemError) as error:
        return f"the ALSA sequencer refuses: {error}"
    finally:
        for end in ends:
            end.delete()
    return sources, sinks


def amsynth_version() -> str | None:
    """Version of the amsynth on PATH; None without one, "" if it prints none."""
    program = shutil.which("amsynth")
    if program is None:
        return None
    try:
        done = subprocess.run([program, "-v"], capture_output=True, timeout=5, text=True, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"amsynth\s+v?([0-9][\w.]*)", done.stdout)
    return found.group(1) if found else ""


class RealtimeLimits(NamedTuple):
    """What the kernel allows the programs of this user."""

    realtime_priority: int
    locked_bytes: int  # -1: no limit


def limits() -> RealtimeLimits:
    """The hard limits, up to which jackd and its clients can raise their own."""
    return RealtimeLimits(resource.getrlimit(resource.RLIMIT_RTPRIO)[1], resource.getrlimit(resource.RLIMIT_MEMLOCK)[1])


def governors(cpus: Path = CPUS) -> set[str]:
    """How the kernel chooses the processors' frequencies; empty without frequency scaling."""
    return {f.read_text(encoding="ascii").strip() for f in cpus.glob("cpu[0-9]*/cpufreq/scaling_governor")}


def is_tmpfs(folder: Path, mounts: Path = Path("/proc/mounts")) -> bool:
    """True when the folder is in memory, by the longest mount point above it."""
    best, kind = -1, ""
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        _, point, filesystem, *_ = line.split(" ")
        if folder.resolve().is_relative_to(point) and len(point) >= best:
            best, kind = len(point), filesystem
    return kind in ("tmpfs", "ramfs")


def addresses() -> list[tuple[str, str]]:
    """Network interfaces with their IPv4 addresses, loopback last. Asks the kernel, sends nothing."""
    found = [(name, address) for name, address, _ in _interfaces()]
    return sorted(found, key=lambda pair: pair[1].startswith("127."))


def networks() -> list[str]:
    """The IPv4 networks of this machine in the form of `allow:`, without loopback."""
    whole = [ipaddress.ip_network(f"{address}/{mask}", strict=False) for _, address, mask in _interfaces()]
    return sorted({str(network) for network in whole if not network.is_loopback})


def _interfaces() -> list[tuple[str, str, str]]:
    """Name, address and netmask of every interface that has an IPv4 address."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", os.fsencode(name)[:15])
            try:
                answers = [fcntl.ioctl(any_socket, ask, request) for ask in (_SIOCGIFADDR, _SIOCGIFNETMASK)]
            except OSError:
                continue  # an interface without an address
            address, mask = (socket.inet_ntoa(answer[20:24]) for answer in answers)
            found.append((name, address, mask))
    return found

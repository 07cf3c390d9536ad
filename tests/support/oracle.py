"""What amSynth really holds, read from amSynth itself, without any code of latentd.

amSynth is an NSM client. Opening an EMPTY session folder loads nothing and only moves the session there; saving then
writes the parameters that sound now. So reading does not touch them (measured with amSynth 1.13.2).
"""

from __future__ import annotations

import contextlib
import re
import socket
import tempfile
import time
from pathlib import Path
from types import TracebackType

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

# amSynth writes very small values with an exponent: 6.95688e-09.
_LINE = re.compile(r"<parameter> (\w+) ([-+0-9.e]+)")

Patch = dict[str, float]


def message(address: str, *args: str | int) -> bytes:
    """One OSC message as bytes; strings and integers only."""
    builder = OscMessageBuilder(address)
    for arg in args:
        builder.add_arg(arg)
    return bytes(builder.build().dgram)


def parse_bank(text: str, preset_number: int) -> Patch:
    """Values of one preset of a bank file, by parameter name."""
    presets = text.split("<preset> <name>")[1:]
    return {name: float(value) for name, value in _LINE.findall(presets[preset_number])}


class Oracle:
    """A small NSM server: start amSynth with `NSM_URL=oracle.url`, then `read()` what it holds."""

    def __init__(self, limit_s: float = 20.0) -> None:
        self._limit_s = limit_s
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"osc.udp://127.0.0.1:{self.port}/"
        self.synth: tuple[str, int] | None = None

    def __enter__(self) -> Oracle:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def answer(self) -> tuple[str, int]:
        """Wait for amSynth's announcement and answer it; the synth's address. Needed once for every amSynth."""
        _, self.synth = self._wait("/nsm/server/announce", None)
        self._socket.sendto(message("/reply", "/nsm/server/announce", "Hello.", "oracle", ""), self.synth)
        return self.synth

    def read(self) -> Patch:
        """All 41 values that amSynth holds now, in its own units."""
        synth = self.synth or self.answer()
        with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
            self._ask(synth, "/nsm/client/open", folder, "oracle", "oracle")
            self._ask(synth, "/nsm/client/save")
            return _saved(Path(folder))

    def load(self, folder: Path) -> None:
        """Make amSynth open a session folder that holds `bank` and `preset_number`."""
        self._ask(self.synth or self.answer(), "/nsm/client/open", str(folder), "oracle", "oracle")

    def save(self) -> None:
        """Make amSynth write what it holds into the session folder that it has open."""
        self._ask(self.synth or self.answer(), "/nsm/client/save")

    def send(self, address: str, *args: str) -> None:
        """Send amSynth one request, and wait for no answer."""
        self._socket.sendto(message(address, *args), self.synth or self.answer())

    def _ask(self, synth: tuple[str, int], address: str, *args: str) -> None:
        self._socket.sendto(message(address, *args), synth)
        self._wait("/reply", address)

    def _wait(self, address: str, first: str | None) -> tuple[OscMessage, tuple[str, int]]:
        """The next datagram with this address and first argument; others are ignored."""
        end = time.monotonic() + self._limit_s
        while (left := end - time.monotonic()) > 0:
            self._socket.settimeout(left)
            datagram, sender = self._socket.recvfrom(65536)
            received = OscMessage(datagram)
            if received.address == address and (first is None or received.params[0] == first):
                return received, sender
        raise TimeoutError(f"no {address} {first or ''} within {self._limit_s} s")


def read_beside(port: int, limit_s: float = 20.0) -> Patch:
    """What an amSynth on this UDP port holds that has announced itself to another server (a running latentd).

    It takes requests from anyone, but replies only to that server, so this waits for the file. If the server opens its
    own folder in between, no file appears, and the request is repeated. An amSynth whose announcement nobody has
    answered must not be asked: it crashes when it replies (measured with 1.13.2).
    """
    end = time.monotonic() + limit_s
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        while time.monotonic() < end:
            with tempfile.TemporaryDirectory(prefix="oracle-", ignore_cleanup_errors=True) as folder:
                sock.sendto(message("/nsm/client/open", folder, "oracle", "oracle"), ("127.0.0.1", port))
                sock.sendto(message("/nsm/client/save"), ("127.0.0.1", port))
                if _appears(Path(folder), min(end, time.monotonic() + 1.0)):
                    return _saved(Path(folder))
    raise TimeoutError(f"amSynth on UDP port {port} saved nothing within {limit_s} s")


def udp_port(pid: int) -> int:
    """The UDP port of a running amSynth, which has exactly one, read from /proc."""
    sockets = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it closes files meanwhile
            sockets.add(entry.readlink().name)
    for line in Path(f"/proc/{pid}/net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        if f"socket:[{fields[9]}]" in sockets:
            return int(fields[1].split(":")[1], 16)
    raise LookupError(f"process {pid} has no UDP socket")


def _appears(folder: Path, end: float) -> bool:
    """Wait for the session: amSynth writes `preset_number` after `bank`, so then the bank is complete."""
    number = folder / "preset_number"
    while time.monotonic() < end:
        if number.exists() and number.read_text().strip():
            return True
        time.sleep(0.005)
    return False


def _saved(folder: Path) -> Patch:
    number = int((folder / "preset_number").read_text())
    patch = parse_bank((folder / "bank").read_text(encoding="utf-8", errors="replace"), number)
    assert len(patch) == 41, f"amSynth saved {len(patch)} parameters, not 41"
    return patch

"""The NSM session that amSynth loads before a clip: two presets, one to rest on and the one to play.

A plugin in DawDreamer does not start from rest, and all measurements were made with its clips, so a synth on JACK is
brought into the plugin's state. The differences between the two, measured and explained by amSynth's source:

- Reverb mix and distortion glide to a new value, by 1/200 of the distance each sample, with or without a note. The
  plugin gets its patch with the clip's first block. Before that it seems to run for 640 samples without reverb, from
  full reverb: 4 % are left, and glide to the patch's mix in the clip's first 20 ms.
- The LFO's triangle is inverted after the LFO has been a falling saw, until it is a rising one. A new amSynth has it
  upright; in DawDreamer's plugin it is inverted. (The presets `BriansBank01_088`, `BriansBank02_003` and
  `BriansBank14_033` have one: a difference of 0.6 to 1.0 of full scale.)
- Times are truncated to whole samples, so the last bit of a value can matter (`BriansBank20_121`, a glide: 0.2).
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from latentd.errors import LatentdError
from latentd.osc import packets
from latentd.synth import amsynth
from latentd.system.processes import Program

REST, CLIP = 0, 1  # preset numbers
_LIMIT_S = 30.0
# Values of the resting preset; the others are the clip's. The reverb is the plugin's rest, to the last bit but one.
_RESTING = {"lfo_waveform": 6.0, "reverb_wet": 0.0404304, "reverb_width": 1.0, "distortion_crunch": 0.0}


def _values(params: NDArray[np.float32]) -> NDArray[np.float32]:
    """The plugin's values of params (41,), in its own single precision: the last bit of a time can matter."""
    return params * amsynth.SPAN.astype(np.float32) + amsynth.MINIMUM.astype(np.float32)


def _bank(*patches: NDArray[np.float32]) -> str:
    """The text of a bank file. amSynth reads numbers with an exponent without loss."""
    lines = ["amSynth"]
    for patch in patches:
        lines.append("<preset> <name> clip")
        lines += [f"<parameter> {name} {value:.9e}" for name, value in zip(amsynth.NAMES, patch, strict=True)]
    return "\n".join([*lines, "EOF", ""])


def _resting(patch: NDArray[np.float32]) -> NDArray[np.float32]:
    """The patch on which a synth rests before it gets this one."""
    rest = patch.copy()
    for name, value in _RESTING.items():
        rest[amsynth.INDEX[name]] = value
    return rest


class SynthSession:
    """The NSM server to which one amSynth announces itself, and the bank that it opens."""

    def __init__(self, home: Path, params: NDArray[np.float32], program: Path) -> None:
        patch = _values(params)
        self._folder = Path(tempfile.mkdtemp(dir=home))
        (self._folder / "config" / "amsynth").mkdir(parents=True)
        (self._folder / "data").mkdir()
        (self._folder / "bank").write_text(_bank(_resting(patch), patch), encoding="ascii")
        (self._folder / "preset_number").write_text(str(REST), encoding="ascii")
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.2)
        self.argv = [str(program), "-x", "-a", "jack", "-n", "amsynth"]
        self.env = {
            "HOME": str(self._folder),  # or amSynth would move the user's ~/.amSynth* files into these folders
            "XDG_CONFIG_HOME": str(self._folder / "config"),
            "XDG_DATA_HOME": str(self._folder / "data"),
            "NSM_URL": f"osc.udp://127.0.0.1:{self._socket.getsockname()[1]}/",
        }

    def __enter__(self) -> SynthSession:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def open(self, synth: Program) -> None:
        """Wait for the announcement, then let it open the bank."""
        sender = self._receive("/nsm/server/announce", synth)
        self._send(sender, "/reply", "/nsm/server/announce", "latentd", "latentd", ":server-control:")
        self._send(sender, "/nsm/client/open", str(self._folder), "clip", "clip")
        self._receive("/reply", synth)

    def _send(self, to: tuple[str, int], address: str, *args: str) -> None:
        self._socket.sendto(packets.write(address, *args), to)

    def _receive(self, address: str, synth: Program) -> tuple[str, int]:
        end = time.monotonic() + _LIMIT_S
        while time.monotonic() < end and synth.running():
            with contextlib.suppress(TimeoutError):
                data, sender = self._socket.recvfrom(65536)
                if any(message.address == address for message in packets.read(data)):
                    return str(sender[0]), int(sender[1])
        raise LatentdError(f"amSynth did not send {address}", "Run it by hand to see why: amsynth -x -a jack")

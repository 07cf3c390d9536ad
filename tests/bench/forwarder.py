"""The bare forwarder that the latency bench measures beside latentd: two numbers in, two CCs out, nothing between.

It is the fastest thing that Python offers with the same last hop: a blocking `recv`, eight bytes unpacked, two bytes
stored in the memory that it shares with the very JACK process that latentd uses. No OSC reading, no mapping, no
filter, no decoder, no shaping, no loop of its own; the collector is off. What latentd takes longer is its work.
"""

from __future__ import annotations

import gc
import socket
import struct
import sys
import time

from latentd.instrument.point import Change
from latentd.outputs.jack.port import JackPort
from latentd.synth import midimap
from latentd.synth.amsynth import INDEX

_POLL_S = 0.25
_TWO_FLOATS = struct.Struct(">ff")


def main(port: int, playback: str) -> None:
    """Forward datagrams on 127.0.0.1:`port` to the JACK port `playback` until killed."""
    x_at, y_at = INDEX["filter_cutoff"], INDEX["filter_resonance"]
    output = JackPort(midimap.OURS, "bare", playback)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", port))
        listening.settimeout(_POLL_S)
        output.poll(time.monotonic())
        gc.collect()
        gc.freeze()
        gc.disable()
        while True:
            try:
                datagram = listening.recv(64)
            except TimeoutError:
                output.poll(time.monotonic())
                continue
            x, y = _TWO_FLOATS.unpack_from(datagram, len(datagram) - 8)
            output.send((Change(x_at, x), Change(y_at, y)), 0.0)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])

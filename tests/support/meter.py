"""A JACK client in a process of its own that measures how loud amSynth sounds, and plays a note on it if asked to."""

from __future__ import annotations

import sys

from tests.support.helper_process import HelperProcess
from tests.support.rig import Server

_NOTE = bytes((0x90, 60, 100))
_PERIODS = 100


class Meter(HelperProcess):
    """The test's end of that process; without `plays` it only listens."""

    def __init__(self, server: Server, synth: str = "amsynth", plays: bool = True) -> None:
        super().__init__("tests.support.meter", synth, "plays" if plays else "listens", env=server.env)
        assert self.read() == "ready\n"

    def level(self) -> float:
        """Start the note (again) if it plays; the greatest sample of the next _PERIODS periods, 1.0 at full scale."""
        self.write("")
        return float(self.read())


def main(synth: str, plays: bool) -> None:
    """The process: each line on standard input asks for one measurement on standard output."""
    import threading

    import jack
    import numpy as np

    client = jack.Client("meter", no_start_server=True)
    midi_out, audio_in = client.midi_outports.register("out"), client.inports.register("in")
    peaks: list[float] = []
    play, full = threading.Event(), threading.Event()

    def process(_frames: int) -> None:
        midi_out.clear_buffer()
        if plays and play.is_set():
            play.clear()
            midi_out.write_midi_event(0, _NOTE)
        if len(peaks) < _PERIODS:
            peaks.append(float(np.abs(audio_in.get_array()).max()))
        else:
            full.set()

    client.set_process_callback(process)
    with client:
        client.connect(f"{synth}:L out", audio_in)
        client.connect(midi_out, f"{synth}:midi_in")
        print("ready", flush=True)
        for _ in sys.stdin:
            play.set()
            peaks.clear()
            full.clear()
            full.wait()
            print(max(peaks), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] == "plays")

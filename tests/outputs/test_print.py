"""The dry run prints every send and never blocks."""

from __future__ import annotations

import contextlib
import io
import json
import os
import threading

from latentd.instrument.point import Change
from latentd.outputs import Output
from latentd.outputs.print import Print
from latentd.synth import amsynth
from tests.support.rig import LIMIT_S, wait_for


def test_each_send_is_one_line_with_the_changes_in_the_synths_units() -> None:
    stream = io.StringIO()
    output: Output = Print(stream)
    cutoff = amsynth.INDEX["filter_cutoff"]
    output.send([Change(cutoff, 0.25), Change(amsynth.INDEX["lfo_waveform"], 1.0)], 1.5)
    output.send([Change(cutoff, 1.0)], 2.0)
    output.send([], 2.5)
    assert output.note(0x90, 60, 100)
    output.resend_all(3.0)
    assert output.settled()
    assert output.poll(3.0) is None
    wait_for(lambda: output.facts()["written"] == 4, "the lines")
    output.close()
    assert [json.loads(line) for line in stream.getvalue().splitlines()] == [
        {"t": 1.5, "changes": {"filter_cutoff": 0.0, "lfo_waveform": 6.0}},
        {"t": 2.0, "changes": {"filter_cutoff": 1.5}},
        {"midi": [0x90, 60, 100]},
        {"t": 3.0, "changes": {"filter_cutoff": 1.5, "lfo_waveform": 6.0}},
    ]
    assert output.facts() == {"connected": True, "written": 4, "lost": 0}


def test_a_full_pipe_drops_lines_and_counts_them_but_never_blocks() -> None:
    read_end, write_end = os.pipe()
    whole = [Change(i, 0.5) for i in range(amsynth.COUNT)]
    with os.fdopen(write_end, "w") as stream, os.fdopen(read_end) as reader:
        output = Print(stream)
        for i in range(2000):  # a pipe holds 64 KiB, about 60 of these lines
            output.send(whole, float(i))
        lost = output.facts()["lost"]
        assert isinstance(lost, int)
        assert lost > 1000
        drain = threading.Thread(target=lambda: [reader.readline() for _ in range(2000 - lost)])
        drain.start()
        output.close()
        drain.join(LIMIT_S)
        wait_for(lambda: output.facts()["written"] == 2000 - lost, "every line that was not lost")


def test_a_reader_that_has_gone_is_no_error() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    stream = os.fdopen(write_end, "w")
    output = Print(stream)
    output.send([Change(0, 0.5)], 0.0)
    wait_for(lambda: not output.facts()["connected"], "the pipe to be found broken")
    output.close()
    output.send([Change(0, 0.6)], 1.0)
    assert output.facts() == {"connected": False, "written": 0, "lost": 1}
    with contextlib.suppress(BrokenPipeError):
        stream.close()

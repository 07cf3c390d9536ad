"""The dry run prints every send and never blocks."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from latentd.instrument.point import Change
from latentd.outputs import Output
from latentd.outputs.print import Print
from latentd.synth import amsynth
from tests.support.rig import LIMIT_S, wait_for


def test_each_send_is_one_line_with_the_changes_in_the_synths_units(tmp_path: Path) -> None:
    stream = io.FileIO(tmp_path / "lines", "w")
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
    stream.close()
    assert [json.loads(line) for line in (tmp_path / "lines").read_text(encoding="utf-8").splitlines()] == [
        {"t": 1.5, "changes": {"filter_cutoff": 0.0, "lfo_waveform": 6.0}},
        {"t": 2.0, "changes": {"filter_cutoff": 1.5}},
        {"midi": [0x90, 60, 100]},
        {"t": 3.0, "changes": {"filter_cutoff": 1.5, "lfo_waveform": 6.0}},
    ]
    assert output.facts() == {"connected": True, "written": 4, "lost": 0}


def test_a_full_pipe_drops_lines_and_counts_them_but_never_blocks() -> None:
    read_end, write_end = os.pipe()
    whole = [Change(i, 0.5) for i in range(amsynth.COUNT)]
    with io.FileIO(write_end, "w") as stream, os.fdopen(read_end) as reader:
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
    stream = io.FileIO(write_end, "w")
    output = Print(stream)
    output.send([Change(0, 0.5)], 0.0)
    wait_for(lambda: not output.facts()["connected"], "the pipe to be found broken")
    output.close()
    output.send([Change(0, 0.6)], 1.0)
    assert output.facts() == {"connected": False, "written": 0, "lost": 2}
    stream.close()


def test_a_full_disk_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with io.FileIO("/dev/full", "w") as stream:
        output = Print(stream)
        output.send([Change(0, 0.5)], 0.0)
        wait_for(lambda: not output.facts()["connected"], "the disk to be found full")
        output.send([Change(0, 0.6)], 1.0)
        output.close()
    assert caplog.messages == ["nothing more is printed: No space left on device"]


def test_without_standard_output_nothing_is_printed() -> None:
    output = Print(None)
    output.send([Change(0, 0.5)], 0.0)
    output.close()
    assert output.facts() == {"connected": False, "written": 0, "lost": 1}


END = """
import os, sys
from latentd.instrument.point import Change
from latentd.outputs.print import Print, standard_output
output = Print(standard_output())
for i in range(2000):
    output.send([Change(n, 0.5) for n in range(41)], float(i))
output.close()
"""


def test_p9_a_pipe_that_nobody_reads_does_not_prevent_an_end_in_order() -> None:
    with subprocess.Popen([sys.executable, "-c", END], stdout=subprocess.PIPE) as program:
        assert program.wait(LIMIT_S) == 0

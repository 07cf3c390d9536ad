"""amSynth and latentd make the same map of the same controllers file, whatever is in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from latentd.synth import amsynth, midimap
from latentd.synth.midimap import Midimap
from tests.support.daemon import latentd
from tests.support.listener import Listener
from tests.support.oracle import Oracle, Patch
from tests.support.rig import Server, jackd, wait_for
from tests.support.rig import amsynth as run_amsynth

pytestmark = pytest.mark.real

# Bank select would load another bank; 120 and above end notes, or the program.
SWEPT = [cc for cc in range(1, 120) if cc != 32]
SHORT = b"null\n" * 7 + b"filter_cutoff\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with jackd() as server:
        yield server


def swept(before: Patch, found: Midimap) -> Patch:
    """The values after a different value has been sent for each CC, those without a parameter first."""
    patch = dict(before)
    for cc, i in enumerate(found.parameters):
        if cc in SWEPT and i is not None:
            params = np.full(amsynth.COUNT, value(cc) / 127.0)
            patch[amsynth.NAMES[i]] = float(amsynth.to_patch(params)[i])
    return patch


def value(cc: int) -> int:
    return cc * 37 % 128


def assert_amsynth_maps_as(found: Midimap, server: Server, oracle: Oracle, midi_in: str) -> None:
    before = oracle.read()
    wanted = swept(before, found)
    ccs = [cc for cc in SWEPT if found.parameters[cc] is None], [cc for cc in SWEPT if found.parameters[cc] is not None]
    with Listener(server, connect_to=midi_in) as listener:
        play(listener, ccs[0])

    def amsynth_holds_it() -> bool:
        # Again each time, by a new client: on a busy machine amSynth may miss a cycle, and JACK drops who is too slow.
        with Listener(server, connect_to=midi_in) as listener:
            for _ in range(10):
                play(listener, ccs[1])
                if oracle.read() == pytest.approx(wanted, rel=1e-5, abs=1e-5):
                    return True
        return False

    wait_for(amsynth_holds_it, "amSynth to hold what the map says")


def play(listener: Listener, ccs: list[int]) -> None:
    for start in range(0, len(ccs), 16):
        listener.play(*(bytes((0xB0, cc, value(cc))) for cc in ccs[start : start + 16]))


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        midimap.OURS.text().encode(),
        SHORT,
        SHORT.strip(),
        b"filter_cutoff\n",
        b"null null\tnull\r\n\n\n  filter_cutoff filter_resonance\x0bosc_mix\x0camp_attack\n",
        b"hello\n# a comment\nfilter_cutof FILTER_CUTOFF filter_cutoff\n",
        b"\xef\xbb\xbffilter_cutoff filter_cutoff\xc2\xa0 null\0osc_mix filter_cutoff\0null osc_mix\n",
        b"null\n" * 119 + b"filter_cutoff\n" * 20,
        b"null filter_cutoff filter_cutoff osc_mix\n",
    ],
)
def test_amsynth_and_latentd_read_a_controllers_file_alike(server: Server, content: bytes | None) -> None:
    found = midimap.BUILT_IN if content is None else midimap.parse(content)
    with Oracle() as oracle, run_amsynth(server, nsm_port=oracle.port, controllers=content) as synth:
        assert_amsynth_maps_as(found, server, oracle, synth.midi_in)


def test_amsynth_moves_the_file_of_its_first_versions_so_latentd_reads_it(server: Server) -> None:
    with Oracle() as oracle, run_amsynth(server, nsm_port=oracle.port, old_controllers=SHORT.decode()) as synth:
        assert (synth.config / "amsynth" / "controllers").read_bytes() == SHORT
        assert not (Path(synth.env["HOME"]) / ".amSynthControllersrc").exists()
        assert_amsynth_maps_as(midimap.parse(SHORT), server, oracle, synth.midi_in)


@pytest.mark.parametrize("readable", [True, False])
def test_with_a_file_that_latentd_cannot_read_it_sends_no_cc_and_says_so(server: Server, readable: bool) -> None:
    options = ("--output", "jack", "--set", "jack.playback=listener:in")
    with Listener(server) as listener, latentd(*options, env=server.env, start=False) as daemon:
        controllers = daemon.state.parents[1] / "config" / "amsynth" / "controllers"
        if readable:
            controllers.parent.mkdir(parents=True)
            controllers.write_bytes(SHORT)
        else:
            controllers.mkdir(parents=True)
        daemon.start()
        wait_for(lambda: daemon.status()["ways"]["jack"]["connected"], "latentd to reach the listener")
        daemon.send("/latentd/xy", 0.2, 0.9)
        daemon.settle()
        daemon.send("/latentd/panic")  # its all-notes-off comes after every CC
        wait_for(lambda: any(message[:2] == bytes((0xB0, 123)) for message in listener.messages), "the panic")
        ccs = {message[1] for message in listener.messages if message[0] & 0xF0 == 0xB0 and message[1] < 120}
        assert ccs - {64} == ({7} if readable else set())
        assert ("no MIDI CC will be sent" in daemon.log_text()) != readable

"""The test rig itself: programs start, end, crash and start again."""

from __future__ import annotations

import pytest

from tests.support.rig import Missing, Server, amsynth, need, wait_for

pytestmark = pytest.mark.real


def test_amsynth_runs_on_each_server_and_comes_back_after_a_crash(server: Server) -> None:
    with amsynth(server) as synth:
        assert synth.midi_in in server.ports()
        synth.kill()
        wait_for(lambda: synth.midi_in not in server.ports(), "the port of the killed synth to go")
        synth.start()
        assert synth.midi_in in server.ports()


def test_a_crashed_server_comes_back_under_the_same_name(server: Server) -> None:
    server.kill()
    assert not server.answers()
    server.start()
    assert server.answers()


def test_a_missing_program_is_named_with_its_package() -> None:
    with pytest.raises(Missing, match="no-such-program"):
        need("no-such-program")

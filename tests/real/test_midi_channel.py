"""An amSynth that listens to one MIDI channel: judged by what it saves after the daemon has played into its port."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest

from latentd.config.config import Config
from latentd.daemon.midi_channel import mismatches
from latentd.synth import amsynth, midimap
from latentd.synth.running import running
from tests.support.daemon import Daemon, decoded, latentd, settled
from tests.support.oracle import Oracle
from tests.support.rig import Server, wait_for
from tests.support.rig import amsynth as run_amsynth

pytestmark = pytest.mark.real


@contextmanager
def rig(
    server: Server, *settings: str, config: str | None = None, options: Sequence[str] = ()
) -> Iterator[tuple[Daemon, Oracle]]:
    """A daemon that plays by JACK into an amSynth whose files it finds, and what that amSynth holds."""
    with (
        Oracle() as oracle,
        run_amsynth(
            server, nsm_port=oracle.port, controllers=midimap.OURS.text(), config=config, options=options
        ) as synth,
    ):
        oracle.answer()
        arguments = [word for setting in settings for word in ("--set", setting)]
        with latentd("--output", "jack", *arguments, env=server.env, config_home=synth.config) as daemon:
            wait_for(lambda: daemon.status()["ways"]["jack"]["connected"], "the connection")
            yield daemon, oracle


def holds(oracle: Oracle, x: float, y: float) -> bool:
    """Does the synth hold the decoded patch, to a CC's resolution?"""
    patch = decoded(x, y)
    params = amsynth.to_params(np.array([patch[name] for name in amsynth.NAMES]))
    expected = amsynth.to_patch(amsynth.nearest_cc(params) / 127)
    held = oracle.read()
    return all(abs(held[n] - v) <= 1e-4 * s for n, v, s in zip(amsynth.NAMES, expected, amsynth.SPAN, strict=True))


@pytest.mark.parametrize(
    ("settings", "config", "options"),
    [
        (["jack.channel=2"], None, ["-c", "2"]),
        (["jack.channel=16"], "midi_channel\t3\n", ["-c", "16"]),
        ([], "midi_channel\t3\n", []),
    ],
)
def test_a_synth_that_listens_to_one_channel_is_played(
    jack_server: Server, settings: Sequence[str], config: str | None, options: Sequence[str]
) -> None:
    with rig(jack_server, *settings, config=config, options=options) as (daemon, oracle):
        daemon.send("/latentd/xy", 0.3, 0.7)
        wait_for(lambda: holds(oracle, 0.3, 0.7), "amSynth to hold the patch")
        (mine,) = (
            synth for synth in running() if synth.environ.get("XDG_CONFIG_HOME") == daemon.env["XDG_CONFIG_HOME"]
        )
        channel = settled(daemon)["ways"]["jack"]["channel"]
        assert not list(mismatches(Config(), channel, [mine]))


def test_a_synth_on_another_channel_is_named_once_in_the_log(jack_server: Server) -> None:
    with rig(jack_server, options=["-c", "2"]) as (daemon, _):
        wait_for(lambda: "-c 2: it ignores MIDI channel 1" in daemon.log_text(), "the warning")
        (line,) = [line for line in daemon.log_text().splitlines() if "was started with -c 2" in line]
        assert "Set jack.channel to 2" in line

"""An amSynth with `ignored_parameters` in its config file, judged by its sound: what it saves is what presets hold."""

from __future__ import annotations

import pytest

from latentd.synth import midimap
from tests.support.daemon import free_port, latentd
from tests.support.meter import Meter
from tests.support.rig import Server, wait_for
from tests.support.rig import amsynth as run_amsynth

pytestmark = pytest.mark.real

_SUSTAINED = {"amp_sustain": 1.0, "amp_attack": 0.0, "filter_cutoff": 1.5, "filter_type": 4.0, "master_vol": 0.67}


@pytest.mark.parametrize(
    ("config", "ignored"),
    [
        ("ignored_parameters\tmaster_vol\n", {"master_vol": 7}),
        ("ignored_parameters\treverb_wet master_vol\n", {"reverb_wet": 91}),  # amSynth reads the first alone
        ("polyphony\t10\n", {}),
    ],
)
def test_a_parameter_that_presets_leave_alone_is_heard_all_the_same(
    jack_server: Server, config: str, ignored: dict[str, int]
) -> None:
    port = free_port()
    with (
        run_amsynth(jack_server, nsm_port=port, controllers=midimap.OURS.text(), config=config) as synth,
        latentd("--output", "osc", port=port, env=jack_server.env, config_home=synth.config) as daemon,
    ):
        wait_for(lambda: daemon.status()["ways"]["osc"]["connected"], "amSynth to be found")
        daemon.send("/latentd/xy", 0.5, 0.5)
        for name, value in _SUSTAINED.items():
            daemon.send(f"/latentd/param/{name}", value)
        daemon.settle()
        with Meter(jack_server) as meter:
            wait_for(lambda: meter.level() > 0.01, "the note")
            loud = meter.level()
            daemon.send("/latentd/param/master_vol", 0.05)
            daemon.settle()
            wait_for(lambda: meter.level() < loud / 20, f"a level far below {loud:.3f}")
        assert daemon.status()["ways"]["osc"].get("ignored", {}) == ignored
        for name in ignored:
            assert daemon.log_text().count(f"no patch changes {name}") == 1

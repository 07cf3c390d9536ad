"""The MIDI channel that latentd plays on, and an amSynth that listens to another one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from latentd.config.config import Config
from latentd.synth import amsynth_config
from latentd.synth.amsynth_config import CHANNELS, AmsynthConfig
from latentd.synth.running import RunningSynth, running


def midi_channel(config: Config, amsynth: AmsynthConfig) -> int:
    """The channel (1..16) of all controllers: as configured, else the only one amSynth listens to, else 1."""
    section = config.alsa if config.output == "alsa" else config.jack
    return section.channel or (amsynth.midi_channel if amsynth.midi_channel in CHANNELS else 1)


class Mismatch(NamedTuple):
    """An amSynth that ignores what latentd plays: why, and the next step."""

    found: str
    step: str


def reached(config: Config, synths: Iterable[RunningSynth] | None = None) -> list[RunningSynth]:
    """The running amSynths that have the port which latentd looks for; an ALSA port's name shows only the program."""
    return [synth for synth in (running() if synths is None else synths) if _reaches(config, synth)]


def mismatches(config: Config, plays: int, synths: Iterable[RunningSynth] | None = None) -> Iterator[Mismatch]:
    """Every amSynth that does not listen to the channel that latentd plays on.

    A running amSynth counts if latentd plays into its port. Its option `-c` overrides the config file in its
    environment. Where none runs, the file that one would read counts.

    Raises:
        LatentdError: amSynth's config file cannot be read.
    """
    synths = reached(config, synths)
    found = [_listens(synth) for synth in synths]
    if not synths and _looks_for_amsynth(config):
        found = [_configured(None)]
    section = "alsa" if config.output == "alsa" else "jack"
    for why, listens in found:
        if listens and listens != plays:
            what = f"{why}: it ignores MIDI channel {plays}, on which latentd plays"
            set_ours = f"Set {section}.channel to {listens} in latentd's configuration"
            yield Mismatch(
                what, set_ours if listens in CHANNELS else f"Start amSynth with channel {plays}, or 0 for all"
            )


def _listens(synth: RunningSynth) -> tuple[str, int]:
    """Why it listens to a channel, and to which."""
    if synth.midi_channel is None:
        return _configured(synth.environ or None)
    return f"amSynth (pid {synth.pid}) was started with -c {synth.midi_channel}", synth.midi_channel


def _configured(environ: Mapping[str, str] | None) -> tuple[str, int]:
    channel = amsynth_config.installed(environ).midi_channel
    return f"amSynth's config file ({amsynth_config.config_path(environ)}) has midi_channel {channel}", channel


def _reaches(config: Config, synth: RunningSynth) -> bool:
    """See `reached`."""
    if config.output == "alsa":
        return _looks_for_amsynth(config)
    port = f"{synth.client}:midi_in"
    return port == config.jack.playback or re.fullmatch(config.jack.playback, port) is not None


def _looks_for_amsynth(config: Config) -> bool:
    return "amsynth" in (config.alsa.out if config.output == "alsa" else config.jack.playback).lower()

"""Small pictures of sounds, to compare them over their whole course, and the time that they take to rise.

A picture is a loudness-normalised log-mel spectrogram of 3 s of C4 at velocity 100: 48 bands, and 12 parts of time that
are finer at the start, where the ear decides what it hears.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from latentd.offline.render import cached, clip_cache, synths, workers
from latentd.offline.render.clip_spec import RATE, ClipSpec
from latentd.offline.timbre.play import checked
from latentd.synth.amsynth import Array

LENGTH_S = 3.0
TIMES, BANDS = 12, 48
_SPEC = ClipSpec(60, 100, LENGTH_S)
# Raise it with any change of a measurement: cached ones of older recipes are then not used.
_RECIPE = 1
_LUFS = -24.0
_RANGE_DB = 60.0
_EDGES_S = np.concatenate([[0.0], np.geomspace(0.03, LENGTH_S, TIMES)])
_RISEN = 0.9
_ENVELOPE_S = 0.005
_SMOOTH = 4  # parts of the envelope

Picture = NDArray[np.float32]


class Pictures(NamedTuple):
    """The sounds of n patches.

    Attributes:
        mel: (n, 12, 48) dB; NaN for silence.
        rise_s: (n,) from the start to 90 % of the greatest level; 0 for silence.
    """

    mel: Picture
    rise_s: Array


Draw = Callable[[Array], Pictures]  # patches (n, 41) in the synth's units


def draw(
    patches: Sequence[Array] | Array,
    jobs: int | None = None,
    cache: Path | None = None,
    progress: Callable[[int], object] | None = None,
    dask: str | None = None,
) -> Pictures:
    """Pictures of patches (n, 41) in the synth's units.

    Args:
        jobs, cache, dask: see `cached.results`.
        progress: called with the number of finished clips, each time it changes.

    Raises:
        LatentdError: a clip could not be rendered.
    """
    tasks = [synths.to_params(patch) for patch in patches]
    found = checked(cached.results(drawer, tasks, _key, jobs, cache, progress, dask))
    mel = np.array([np.frombuffer(row, "<f2", offset=8) for row in found], np.float32)
    return Pictures(mel.reshape(-1, TIMES, BANDS), np.array([np.frombuffer(row, "<f8", 1)[0] for row in found]))


def drawer() -> workers.Work:
    """The work of a worker: params to the clip's time of rise and picture as bytes."""
    # The synth first: its process is a copy of this one, which is still small.
    synth = synths.open_synth()
    workers.at_end.callback(synth.close)

    def work(params: NDArray[np.float32]) -> bytes:
        audio = synth.play(params, _SPEC).astype(np.float64)
        return np.array([rise_s(audio, RATE)], "<f8").tobytes() + picture(audio, RATE).astype("<f2").tobytes()

    return work


def picture(audio: Array, rate: int) -> Picture:
    """The picture (12, 48) of 3 s of audio (n, channels) at -24 LUFS, in dB; NaN for silence.

    Power of the mono sum in mel bands, averaged over each part of the time; what is more than 60 dB below the greatest
    value is raised to that floor.
    """
    from latentd.offline.timbre.descriptors import loudness, spectra

    lufs = loudness.integrated(loudness.weighted(np.ascontiguousarray(audio.T), rate), rate)
    if lufs == -np.inf:
        return np.full((TIMES, BANDS), np.nan, np.float32)
    mono = audio.sum(axis=1) * 10 ** ((_LUFS - lufs) / 20)
    power = np.concatenate([spectra.power(part) for part in spectra.stft(spectra.single(mono))])
    edges = np.round(_EDGES_S * rate / spectra.HOP).astype(int)
    parts = np.array([power[first:last].mean(axis=0) for first, last in itertools.pairwise(edges)])
    level = 10.0 * np.log10(np.maximum((spectra.mel_filters(rate, BANDS) @ parts.T).T, 1e-20))
    return np.asarray(np.maximum(level, level.max() - _RANGE_DB), np.float32)


def rise_s(audio: Array, rate: int) -> float:
    """Seconds from the start of audio (n, channels) to 90 % of its greatest level, over 20 ms; 0 for silence."""
    step = round(_ENVELOPE_S * rate)
    power = np.square(audio[: len(audio) // step * step]).sum(axis=1).reshape(-1, step).mean(axis=1)
    level = np.sqrt(np.convolve(power, np.ones(_SMOOTH) / _SMOOTH, "same"))
    return float(np.argmax(level >= _RISEN * level.max()) * _ENVELOPE_S)


def distances(pictures: Picture, others: Picture) -> Picture:
    """Mean |dB| (n, m) between pictures (n, 12, 48) and (m, 12, 48); NaN where one is silent."""
    flat = others.reshape(len(others), -1)
    return np.stack([np.abs(one.ravel() - flat).mean(axis=1) for one in pictures])


def _key(params: NDArray[np.float32], synth: str) -> bytes:
    return clip_cache.key(params, _SPEC, f"{synth} picture {_RECIPE}")

"""Plays notes on patches and measures what a player would notice: level, what is left at the end, pitch.

One clip is one note, held to its end. `play` takes any batch of patches, from a pad, a bank or a model in training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from latentd.errors import LatentdError
from latentd.offline.render import cached, clip_cache, synths, workers
from latentd.offline.render.clip_spec import RATE, ClipSpec
from latentd.synth.amsynth import Array

LENGTH_S = 3.0
# Raise it with any change of a measurement: cached ones of older recipes are then not used.
_RECIPE = 1
_END_S = 0.4
_FACTS = 3  # lufs, end_db, hz


class Note(NamedTuple):
    """A MIDI note 0..127 and its velocity 1..127."""

    number: int
    velocity: int


class Played(NamedTuple):
    """The same note on n patches.

    Attributes:
        lufs: (n,) loudness (BS.1770, integrated); -inf for silence.
        end_db: (n,) level of the last 0.4 s in dBFS, the power of both channels; -inf for silence.
        hz: (n,) steady pitch; NaN without one, and for notes beyond the tracker's 46.9 to 2093.8 Hz.
    """

    lufs: Array
    end_db: Array
    hz: Array


class Play(Protocol):
    """`play` with its settings: a pool, a cache, a progress bar."""

    def __call__(self, patches: Array, notes: Sequence[Note], *, pitch: bool) -> list[Played]:
        """See `play`."""
        ...


def play(
    patches: Sequence[Array] | Array,
    notes: Sequence[Note],
    jobs: int | None = None,
    cache: Path | None = None,
    progress: Callable[[int], object] | None = None,
    dask: str | None = None,
    pitch: bool = True,
) -> list[Played]:
    """Play each note, 3 s long, on each patch (n, 41) in the synth's units; one result for each note.

    Args:
        jobs, cache, dask: see `cached.results`.
        progress: called with the number of finished clips, each time it changes.
        pitch: False leaves the pitch out, which is NaN then, and takes half of the time.

    Raises:
        LatentdError: a clip could not be rendered.
    """
    params = [synths.to_params(patch) for patch in patches]
    tasks = [(row, ClipSpec(*note, LENGTH_S)) for note in notes for row in params]
    make, key = (listener, _key) if pitch else (level_meter, _level_key)
    rows = checked(cached.results(make, tasks, key, jobs, cache, progress, dask))
    facts = np.array([np.frombuffer(row, "<f8", _FACTS) for row in rows]).reshape(len(notes), len(params), _FACTS)
    return [Played(*of_note.T) for of_note in facts]


def checked(rows: Sequence[bytes | workers.Failed]) -> list[bytes]:
    """The results, if there are all.

    Raises:
        LatentdError: a clip could not be rendered.
    """
    failed = next((row for row in rows if isinstance(row, workers.Failed)), None)
    if failed:
        raise LatentdError(f"A clip could not be rendered: {failed}", "Try again")
    return [row for row in rows if isinstance(row, bytes)]


def listener() -> workers.Work:
    """The work of a worker: (params, spec) to the clip's measurements as bytes."""
    return _meter(with_pitch=True)


def level_meter() -> workers.Work:
    """The same without pitch."""
    return _meter(with_pitch=False)


def _meter(with_pitch: bool) -> workers.Work:
    # The synth first: its process is a copy of this one, which is still small.
    synth = synths.open_synth()
    workers.at_end.callback(synth.close)
    from latentd.offline.timbre import pitch
    from latentd.offline.timbre.descriptors import loudness

    def work(task: tuple[NDArray[np.float32], ClipSpec]) -> bytes:
        audio = synth.play(*task).astype(np.float64)
        lufs = loudness.integrated(loudness.weighted(np.ascontiguousarray(audio.T), RATE), RATE)
        hz = pitch.steady_hz(pitch.track(audio.sum(axis=1), RATE)) if with_pitch else np.nan
        return np.array([lufs, end_db(audio), hz], "<f8").tobytes()

    return work


def end_db(audio: Array) -> float:
    """Level of the last 0.4 s of audio (n, channels) in dBFS: the power of all channels together."""
    with np.errstate(divide="ignore"):
        return float(10.0 * np.log10(np.square(audio[-round(_END_S * RATE) :]).sum(axis=1).mean()))


def _key(task: tuple[NDArray[np.float32], ClipSpec], synth: str) -> bytes:
    return clip_cache.key(*task, f"{synth} played {_RECIPE}")


def _level_key(task: tuple[NDArray[np.float32], ClipSpec], synth: str) -> bytes:
    return clip_cache.key(*task, f"{synth} level {_RECIPE}")

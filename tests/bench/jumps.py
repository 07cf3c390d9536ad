"""How fast and how cleanly the sound follows a jump of the point: the ramps as they are, and as they were before.

Pairs of pad points, C4 held; after a second the point jumps from one to the other, and amSynth's VST2 plugin plays the
patches that the shaping sends, so that only the shaping differs. Needs the offline extra.

- 90 % of the change: the time from the jump until log spectra in 40 bands (Hann windows of 21 ms, by their centres)
  have gone 90 % of the way from the first sound to the second.
- bursts: jumps with energy above 10 kHz in 8 ms that exceeds its local median by more than 10 dB.
- zipper: energy between the harmonics on slow circles, relative to all energy.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from latentd.instrument.shaping import Shaping, ShapingSettings
from latentd.model import bundle
from latentd.offline.render.clip_spec import RATE
from latentd.offline.render.performance import BLOCK, BLOCKS_PER_S, HeldNote
from latentd.offline.render.synths import open_synth
from latentd.synth.amsynth import COUNT, INDEX
from tests.bench.report import Figure, run

Audio = NDArray[np.float64]
Course = NDArray[np.float32]

BEFORE = ShapingSettings(filter_s=0.12, timbre_s=0.12, pitch_s=0.3)
TICK_S = 0.004
JUMPS, CIRCLES = 120, 12
JUMP_S, LENGTH_S = 1.0, 1.6
NOTE = 60
_WINDOW, _HOP = 1024, 48
_BURST = int(0.004 * RATE)
_SUSTAINED = 0.25  # what dies away has no sound left to jump from


class Player:
    """The shaping, tick by tick, as blocks of patches for the plugin."""

    def __init__(self, settings: ShapingSettings, period: int) -> None:
        self._model = bundle.load()
        self._settings, self._blocks = settings, period // BLOCK

    def course(self, points: Iterable[tuple[float, float, float]], length_s: float) -> Course:
        """The patch (params) of every block while the point is at (time, x, y), in order."""
        decoder = self._model.decoder
        shaping = Shaping(self._settings, np.full(COUNT, 1e-6), np.ones(COUNT, dtype=bool), TICK_S, decoder.categories)
        sent = np.zeros(COUNT)
        blocks = np.zeros((int(length_s * BLOCKS_PER_S), COUNT), np.float32)
        coming, target, due = iter(points), list[float](), math.inf
        after = next(coming)
        for block in range(len(blocks)):
            while min(after[0], due) <= block / BLOCKS_PER_S:
                now, arrives = min(after[0], due), after[0] <= due
                if arrives:
                    target = decoder.decode(self._z(*after[1:]), shaping.held)
                    after = next(coming, (math.inf, 0.0, 0.0))
                for change in shaping.step(target, not arrives, now):
                    sent[change.parameter] = change.value
                step = shaping.next_step()
                due = math.inf if step is None else max(step, now + TICK_S)
            blocks[block] = sent if block % self._blocks == 0 else blocks[block - 1]
        return blocks

    def _z(self, x: float, y: float) -> tuple[float, float]:
        low, high = self._model.box
        z = low + (high - low) * np.array([x, y])
        return float(z[0]), float(z[1])

    def sustained(self, x: float, y: float) -> bool:
        """True where a held note goes on sounding."""
        return self._model.decoder.decode(self._z(x, y), None)[INDEX["amp_sustain"]] > _SUSTAINED


def jumps(player: Player) -> Iterator[Course]:
    """Courses with one jump each, between points that sustain."""
    rng, found = np.random.default_rng(7), 0
    while found < JUMPS:
        (x, y), (x2, y2) = rng.random((2, 2)).tolist()
        if player.sustained(x, y) and player.sustained(x2, y2):
            found += 1
            yield player.course([(0.0, x, y), (JUMP_S + 0.0007, x2, y2)], LENGTH_S)


def circles(player: Player) -> Iterator[Course]:
    """Slow circles, 60 points a second."""
    rng = np.random.default_rng(3)
    for x, y in rng.uniform(0.2, 0.8, (CIRCLES, 2)).tolist():
        turns = [(n / 60, n / 60 / 4.0 * math.tau) for n in range(180)]
        yield player.course([(t, x + 0.15 * math.cos(a), y + 0.15 * math.sin(a)) for t, a in turns], 3.0)


def change_ms(audio: Audio) -> float:
    """Milliseconds until 90 % of the change is made; NaN where hardly anything changes."""
    count = (len(audio) - _WINDOW) // _HOP
    frames = np.lib.stride_tricks.sliding_window_view(audio, _WINDOW)[::_HOP][:count]
    spectra = np.log10(np.abs(np.fft.rfft(frames * np.hanning(_WINDOW))) + 5e-3 * np.abs(audio).max())
    hz, edges = np.fft.rfftfreq(_WINDOW, 1 / RATE), np.geomspace(60.0, 18000.0, 41)
    inside = [(hz >= low) & (hz < high) for low, high in itertools.pairwise(edges)]
    bands = np.stack([spectra[:, band].mean(axis=1) for band in inside if band.any()], axis=1)
    at = (np.arange(count) * _HOP + _WINDOW / 2) / RATE - JUMP_S
    first = bands[(at > -0.2) & (at < -0.03)].mean(axis=0)
    way = bands[(at > 0.4) & (at < 0.55)].mean(axis=0) - first
    if way @ way < 0.3:
        return math.nan
    there = np.flatnonzero((at > 0.0) & ((bands - first) @ way >= 0.9 * (way @ way)))
    return float(at[there[0]] * 1000.0) if len(there) else math.nan


def burst_db(audio: Audio) -> float:
    """How far the energy above 10 kHz in 8 ms exceeds its local median around the jump, dB."""
    high = signal.sosfilt(signal.butter(6, 10000.0, "hp", fs=RATE, output="sos"), audio)
    parts = (high[: len(high) // _BURST * _BURST].reshape(-1, _BURST) ** 2).mean(axis=1)
    level = 10.0 * np.log10(parts[:-1] + parts[1:] + 1e-12)
    at = (np.arange(len(level)) + 1) * _BURST / RATE - JUMP_S
    return float((level - signal.medfilt(level, 51))[(at > -0.01) & (at < 0.25)].max())


def zipper_db(audio: Audio) -> float:
    """Energy between the harmonics, relative to all energy, dB."""
    steady = audio[int(0.3 * RATE) :]
    hz, power = signal.welch(steady, RATE, nperseg=8192)
    harmonic = hz / (440.0 * 2 ** ((NOTE - 69) / 12))
    heard = (harmonic > 0.75) & (hz < 8000.0)
    between = heard & (np.abs(harmonic - np.round(harmonic)) >= 0.25)
    return float(10.0 * np.log10(power[between].sum() / power[heard].sum()))


def _played(courses: Iterable[Course]) -> Iterator[Audio]:
    synth = open_synth()
    try:
        for course in courses:
            notes = (HeldNote(NOTE, 100, 2, len(course) - 2),)
            yield synth.perform(course, notes).sum(axis=1).astype(np.float64)
    finally:
        synth.close()


def _measured(settings: ShapingSettings, period: int) -> tuple[Sequence[float], Sequence[float], Sequence[float]]:
    """Of every jump the time and the burst, and the zipper of every circle."""
    player = Player(settings, period)
    audio = list(_played(jumps(player)))
    return [change_ms(a) for a in audio], [burst_db(a) for a in audio], [zipper_db(a) for a in _played(circles(player))]


def bench() -> list[Figure]:
    """Both shapings at 128 and 512 frames a period."""
    rows = []
    for period in (128, 512):
        before, now = _measured(BEFORE, period), _measured(ShapingSettings(), period)
        rows += _compared(f"{period} frames, 90 % of the change: median", before[0], now[0], "ms", _median)
        rows += _compared(f"{period} frames, jumps with a burst", before[1], now[1], "", _bursts)
        rows += _compared(f"{period} frames, zipper: median", before[2], now[2], "dB", _median)
    return rows


def _bursts(excess_db: Sequence[float]) -> float:
    return statistics.fmean(excess > 10.0 for excess in excess_db)


def _median(values: Sequence[float]) -> float:
    return statistics.median(value for value in values if not math.isnan(value))


def _compared(
    what: str, before: Sequence[float], now: Sequence[float], unit: str, figure: Callable[[Sequence[float]], float]
) -> list[Figure]:
    """The figure before, and now, which must not be worse."""
    old, new = figure(before), figure(now)
    return [Figure(f"{what}, before", old, unit), Figure(what, new, unit, old)]


if __name__ == "__main__":
    run({"jumps": bench})

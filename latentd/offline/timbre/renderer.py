"""Rendering with a progress bar, and with the clip cache, so that an interrupted run continues where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from latentd.offline import progress
from latentd.offline.render import clip_cache, synths
from latentd.offline.render.clip_spec import ClipSpec
from latentd.offline.timbre import measure, perform, picture, play
from latentd.offline.timbre.measure import Measured
from latentd.offline.timbre.perform import Performance, Performed
from latentd.offline.timbre.picture import Pictures
from latentd.offline.timbre.play import Note, Played
from latentd.synth.amsynth import Array


@dataclass(frozen=True)
class Renderer:
    """Measures patches (n, 41) in the synth's units, with a progress bar on standard error.

    Attributes:
        jobs, dask: see `pool.open_pool`.
        cache: folder of the clip cache; None takes the user's.
    """

    jobs: int | None = None
    cache: Path | None = None
    dask: str | None = None

    def measure(self, patches: Array, note: Note | None = None) -> Measured:
        """See `measure.measure`; `note` instead of C4 at velocity 100."""
        spec = ClipSpec(*note) if note else None
        with _bar("rendering", len(patches)) as report:
            return measure.measure(patches, spec, self.jobs, self._cache, report, self.dask)

    def play(self, patches: Array, notes: Sequence[Note], *, pitch: bool) -> list[Played]:
        """See `play.play`."""
        with _bar("playing notes", len(patches) * len(notes)) as report:
            return play.play(patches, notes, self.jobs, self._cache, report, self.dask, pitch)

    def draw(self, patches: Array) -> Pictures:
        """See `picture.draw`."""
        with _bar("drawing sounds", len(patches)) as report:
            return picture.draw(patches, self.jobs, self._cache, report, self.dask)

    def perform(self, patches: Sequence[Array], notes: Performance) -> list[Performed]:
        """See `perform.perform`."""
        with _bar("playing walks", len(patches)) as report:
            return perform.perform(patches, notes, self.jobs, self._cache, report, self.dask)

    @property
    def performs(self) -> bool:
        """True if the synth can change its patch while it plays."""
        return synths.can_perform()

    @property
    def _cache(self) -> Path:
        return self.cache or clip_cache.folder()


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar, and the function that reports what is done."""
    with progress.bar() as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)

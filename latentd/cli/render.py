"""`latentd render`: presets, banks or pad points to audio files, through the real amSynth."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from latentd.cli.requirements import dask, need
from latentd.errors import UserError
from latentd.instrument.pad import XY, Pad
from latentd.model import bundle
from latentd.synth import amsynth, banks

if TYPE_CHECKING:
    from latentd.offline.render.clip_spec import ClipSpec

EPILOG = """Examples:

\b
  latentd render warm.preset --out audio                    one file a preset; banks and folders work too
  latentd render --points 0.2,0.8 0.5,0.5 --out audio       what a model plays at pad points
  latentd render --path 0,0 1,1 --steps 9 --out audio       on a line across the pad"""

Named = tuple[str, amsynth.Array]


@click.command(epilog=EPILOG, context_settings={"ignore_unknown_options": True})
@click.argument("sources", metavar="[FILE… | X,Y…]", nargs=-1)
@click.option("--points", is_flag=True, help="The arguments are pad points X,Y.")
@click.option("--path", "path", is_flag=True, help="The arguments are pad points to go along, in straight lines.")
@click.option("--steps", type=click.IntRange(2, 10_000), default=9, show_default=True, help="Clips along --path.")
@click.option("--model", default=bundle.DEFAULT, show_default=True, help="For pad points: a model's name or folder.")
@click.option("--out", type=click.Path(path_type=Path), default=Path(), help="Folder for the WAV files.  [default: .]")
@click.option("--note", type=int, default=60, show_default=True, help="MIDI note.")
@click.option("--velocity", type=int, default=100, show_default=True, help="MIDI velocity.")
@click.option("--length", type=float, default=4.0, show_default=True, help="Seconds of each clip.")
@click.option("--held", type=float, help="Seconds that the note is held.  [default: to the clip's end]")
@click.option("--jobs", type=click.IntRange(1, 256), help="Processes.  [default: one a core]")
@dask
def command(
    sources: tuple[str, ...],
    points: bool,
    path: bool,
    steps: int,
    model: str,
    out: Path,
    note: int,
    velocity: int,
    length: float,
    held: float | None,
    jobs: int | None,
    dask: str | None,
) -> None:
    """Render presets, or a model's pad points, to WAV files (32-bit float, stereo, 48 kHz).

    FILEs are preset or bank files of amSynth, or folders of them. The same patch gives the same file, to the bit.
    """
    from latentd.offline.render.clip_spec import ClipSpec

    if points and path:
        raise UserError("--points and --path exclude each other")
    if not sources:
        raise UserError("Nothing to render", "Name preset or bank files, or pad points with --points or --path")
    patches = _from_pad(_way(_points(sources), steps if path else 0), model) if points or path else _from_files(sources)
    _write(patches, ClipSpec(note, velocity, length, held), out, jobs, dask)


def _write(patches: Sequence[Named], spec: ClipSpec, out: Path, jobs: int | None, dask: str | None) -> None:
    need("Rendering", "scipy")
    from scipy.io import wavfile

    from latentd.offline.progress import counted
    from latentd.offline.render.clip_spec import RATE
    from latentd.offline.render.pool import render

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out}: {error.strerror or error}", "Choose another --out") from error
    clips = render([patch for _, patch in patches], spec, jobs, dask)
    with counted(len(patches), "rendering") as count:
        for (name, _), audio in zip(patches, clips, strict=True):
            # Not libsndfile, which puts the time into the file: the same patch shall give the same bytes.
            wavfile.write(out / f"{name}.wav", RATE, audio.astype(np.float32))
            count.done(str(out / f"{name}.wav"))


def _from_files(sources: Sequence[str]) -> list[Named]:
    """Names: the file's, the preset's number in it, the preset's own."""
    found = []
    for file in banks.bank_files([Path(source) for source in sources]):
        stem = file.name.partition(".")[0]
        found += [
            (_file_name(f"{stem}_{n:03d}_{preset.name}"), preset.patch()) for n, preset in enumerate(banks.read(file))
        ]
    return _told_apart(found)


def _told_apart(found: Sequence[Named]) -> list[Named]:
    """No name twice: of two banks that share one, the later presets are numbered on."""
    seen: dict[str, int] = {}
    apart = []
    for name, patch in found:
        seen[name] = times = seen.get(name, 0) + 1
        apart.append((name if times == 1 else f"{name}_{times}", patch))
    return apart


_LONGEST_NAME = 60  # letters: four bytes each still make a file name


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.+-]+", "_", name).strip("_.")[:_LONGEST_NAME] or "preset"


def _from_pad(points: Sequence[XY], name: str) -> list[Named]:
    model = bundle.load(name)
    pad = Pad(model.box)
    digits = len(str(len(points)))
    return [
        (f"{n:0{digits}d}_{x:.3f}_{y:.3f}", amsynth.to_patch(model.decoder.decode(pad.to_z((x, y)))))
        for n, (x, y) in enumerate(points, 1)
    ]


def _points(texts: Sequence[str]) -> list[XY]:
    points = []
    for text in texts:
        try:
            x, y = map(float, text.split(","))
        except ValueError as error:
            raise UserError(f"Found {text!r}", "Write pad points as two numbers 0..1: 0.2,0.8") from error
        if not (math.isfinite(x) and math.isfinite(y) and 0.0 <= x <= 1.0 and 0.0 <= y <= 1.0):
            raise UserError(f"Found {text}, the pad is 0..1 in both directions")
        points.append((x, y))
    return points


def _way(points: list[XY], steps: int) -> list[XY]:
    """The points themselves for no steps, else so many at equal distances of the corners' count along their lines."""
    if not steps:
        return points
    if len(points) < 2:
        raise UserError("--path needs two points or more", "Try: latentd render --path 0,0 1,1 --steps 9")
    corners = np.array(points)
    at = np.linspace(0.0, len(points) - 1, steps)
    return [
        (float(x), float(y))
        for x, y in zip(*(np.interp(at, range(len(points)), axis) for axis in corners.T), strict=True)
    ]

"""`latentd render`: presets, banks or pad points to audio files, rendered by amSynth."""

from __future__ import annotations

import io
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
from latentd.system import files

if TYPE_CHECKING:
    from latentd.offline.render.clip_spec import ClipSpec

EPILOG = """Examples:

\b
  latentd render warm.preset --out audio                    one file per preset; banks and folders work too
  latentd render --points 0.2,0.8 0.5,0.5 --out audio       a model's patches at pad points
  latentd render --path 0,0 1,1 --steps 9 --out audio       on a line across the pad"""

_HINT = "Choose another --out"
NamedPatch = tuple[str, amsynth.Array]


@click.command(epilog=EPILOG, context_settings={"ignore_unknown_options": True})
@click.argument("sources", metavar="[FILE… | X,Y…]", nargs=-1)
@click.option("--points", is_flag=True, help="The arguments are pad points X,Y.")
@click.option("--path", "path", is_flag=True, help="The arguments are the corners of a path over the pad.")
@click.option("--steps", type=click.IntRange(2, 10_000), default=9, show_default=True, help="Clips along the --path.")
@click.option(
    "--model",
    default=bundle.DEFAULT,
    show_default=True,
    help="For pad points: a model's name or its folder.",
)
@click.option("--out", type=click.Path(path_type=Path), default=Path(), help="Folder for the WAV files.  [default: .]")
@click.option("--note", type=int, default=60, show_default=True, help="MIDI note.")
@click.option("--velocity", type=int, default=100, show_default=True, help="MIDI velocity.")
@click.option("--length", type=float, default=4.0, show_default=True, help="Length of each clip in seconds.")
@click.option("--held", type=float, help="Length of the note in seconds.  [default: the whole clip]")
@click.option("--jobs", type=click.IntRange(1, 256), help="Rendering processes.  [default: one per core]")
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
    """Render presets, or pad points of a model, to WAV files (32-bit float, stereo, 48 kHz).

    FILEs are preset or bank files of amSynth, or folders of them. The same patch gives the same file, bit for bit.
    """
    from latentd.offline.render.clip_spec import ClipSpec

    if points and path:
        raise UserError("--points and --path exclude each other", "Remove one of them")
    if not sources:
        raise UserError("Nothing to render", "Name preset or bank files, or pad points with --points or --path")
    spec = ClipSpec(note, velocity, length, held)
    if points or path:
        corners = _points(sources)
        patches = _from_pad(_along(corners, steps) if path else corners, model)
    else:
        patches = _from_files(sources)
    _write(patches, spec, out, jobs, dask)


def _write(patches: Sequence[NamedPatch], spec: ClipSpec, out: Path, jobs: int | None, dask: str | None) -> None:
    files.check_folder(out, _HINT)
    need("Rendering", "scipy")
    from scipy.io import wavfile

    from latentd.offline.progress import counted
    from latentd.offline.render.clip_spec import RATE
    from latentd.offline.render.pool import render

    clips = render([patch for _, patch in patches], spec, jobs, dask)
    with counted(len(patches), "rendering") as count:
        for (name, _), audio in zip(patches, clips, strict=True):
            # Not libsndfile, which writes the time into the file: the same patch must give the same bytes.
            data = io.BytesIO()
            wavfile.write(data, RATE, audio.astype(np.float32))
            files.write(out, {f"{name}.wav": data.getvalue()}, _HINT)
            count.done(str(out / f"{name}.wav"))


def _from_files(sources: Sequence[str]) -> list[NamedPatch]:
    """Presets of files, named by file, number and preset."""
    found = []
    for file in banks.bank_files([Path(source) for source in sources]):
        stem = file.name.partition(".")[0]
        found += [
            (_file_name(f"{stem}_{n:03d}_{preset.name}"), preset.patch()) for n, preset in enumerate(banks.read(file))
        ]
    return _unique(found)


def _unique(found: Sequence[NamedPatch]) -> list[NamedPatch]:
    """The same patches with unique names: a repeated name gets a number."""
    seen: dict[str, int] = {}
    renamed = []
    for name, patch in found:
        seen[name] = times = seen.get(name, 0) + 1
        renamed.append((name if times == 1 else f"{name}_{times}", patch))
    return renamed


_LONGEST_NAME = 60  # characters: with four bytes each they still fit into a file name


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.+-]+", "_", name).strip("_.")[:_LONGEST_NAME] or "preset"


def _from_pad(points: Sequence[XY], name: str) -> list[NamedPatch]:
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
            raise UserError(f"Found {text}, both coordinates must be within 0..1")
        points.append((x, y))
    return points


def _along(corners: list[XY], steps: int) -> list[XY]:
    """Points on the straight lines between corners, evenly spaced on each line, in all `steps`."""
    if len(corners) < 2:
        raise UserError("--path needs two points or more", "Try: latentd render --path 0,0 1,1 --steps 9")
    at = np.linspace(0.0, len(corners) - 1, steps)
    axes = (np.interp(at, range(len(corners)), axis) for axis in np.array(corners).T)
    return [(float(x), float(y)) for x, y in zip(*axes, strict=True)]

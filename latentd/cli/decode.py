"""`latentd decode`: the patch at a pad point, or at many, without a synth."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TextIO

import click
import numpy as np

from latentd.errors import UserError
from latentd.instrument.pad import XY, Pad
from latentd.model import bundle
from latentd.model.bundle import Model
from latentd.synth import amsynth, banks
from latentd.synth.amsynth import Array
from latentd.system import files

EPILOG = """Examples:

\b
  latentd decode 0.3 0.8                            the patch as one JSON object
  latentd decode 0.3 0.8 --preset warm.preset       a file for amSynth's "Import preset"
  echo 0.1,0.2 | latentd decode --points -          one object a line
  latentd decode --path "0,0 0.5,1 1,0" --steps 32  32 patches along two straight lines
  latentd decode --grid 16 --banks my-banks         the whole pad, 16 x 16, as two banks for amSynth"""


# Unknown options are arguments here, so that a negative number is one and gets its own error message.
@click.command(epilog=EPILOG, context_settings={"ignore_unknown_options": True})
@click.argument("x", type=float, required=False)
@click.argument("y", type=float, required=False)
@click.option("--model", default=bundle.DEFAULT, show_default=True, help="A model's name, or the path of its folder.")
@click.option("--points", type=click.Path(allow_dash=True), help="Lines `x,y` of a file, or of standard input (-).")
@click.option("--path", "path", metavar="X,Y…", help="Points on the lines between these corners: --path '0,0 1,1'.")
@click.option("--steps", type=click.IntRange(2, 100_000), default=16, show_default=True, help="Points of a --path.")
@click.option("--grid", type=click.IntRange(2, 500), metavar="N", help="N x N points over the whole pad.")
@click.option("--json", is_flag=True, expose_value=False, help="JSON, which is also the default.")
@click.option("--preset", type=click.Path(path_type=Path), help="Write the patch to an amSynth preset file instead.")
@click.option(
    "--banks", "folder", type=click.Path(path_type=Path), help="Write many patches as bank files to this folder."
)
def command(
    x: float | None,
    y: float | None,
    model: str,
    points: str | None,
    path: str | None,
    steps: int,
    grid: int | None,
    preset: Path | None,
    folder: Path | None,
) -> None:
    """Print the patch at pad point X Y (0..1, right and up): a JSON object of all 41 parameters.

    Values are in the synth's units, as amSynth holds them. For many points (--points, --path, --grid) it prints one
    object a line, or writes banks of 128 presets that amSynth can load.
    """
    given = [name for name, value in (("--points", points), ("--path", path), ("--grid", grid)) if value is not None]
    if not given:
        if x is None or y is None:
            raise UserError("X and Y are missing", "Try: latentd decode 0.5 0.5")
        if folder:
            raise UserError("--banks needs many points", "Try: latentd decode --grid 16 --banks my-banks")
        _one(_checked(x, y, "X Y"), model, preset)
    elif x is not None or preset is not None or len(given) > 1:
        raise UserError(
            f"{given[0]} excludes X Y, --preset and the other options for points",
            "Try: latentd decode --points points.csv",
        )
    else:
        _many(points, _along(path, steps) if path is not None else _over(grid or 0), model, folder)


def _one(point: XY, name: str, preset: Path | None) -> None:
    patch = _patch(bundle.load(name), point)
    if preset is None:
        click.echo(_line(patch))
    else:
        banks.write(preset, banks.Preset.from_patch(f"latentd {point[0]:g} {point[1]:g}", patch))


def _many(source: str | None, chosen: list[XY], name: str, folder: Path | None) -> None:
    """The points of `source`, or else those chosen. Each line is flushed, so that a program can read it at once."""
    model = bundle.load(name)
    with _opened(source) if source is not None else nullcontext() as lines:
        points: Iterable[XY] = chosen if source is None or lines is None else _points(lines, source)
        if folder:
            _write_banks(model, points, folder)
            return
        for point in points:
            click.echo(_line(_patch(model, point)))
            sys.stdout.flush()


def _write_banks(model: Model, points: Iterable[XY], folder: Path) -> None:
    presets = [banks.Preset.from_patch(f"{x:.4g} {y:.4g}", _patch(model, (x, y))) for x, y in points]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise files.cannot_write(folder, error, "Choose another folder for --banks") from error
    for number, start in enumerate(range(0, len(presets), banks.BANK_SIZE), 1):
        path = folder / f"{model.name}-{number:02}.bank"
        banks.write(path, banks.Bank(tuple(presets[start : start + banks.BANK_SIZE])))
        click.echo(str(path))


def _along(path: str, steps: int) -> list[XY]:
    """Evenly spaced points on the lines between corners written as `X,Y X,Y …`, both ends included."""
    corners = np.array(list(_points(path.split(), "--path")))
    if len(corners) < 2:
        raise UserError(f"--path: found {path!r}", "Write at least two points, as in --path '0,0 1,1'")
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(corners, axis=0), axis=1))])
    at = np.linspace(0.0, lengths[-1], steps)
    return [(float(np.interp(a, lengths, corners[:, 0])), float(np.interp(a, lengths, corners[:, 1]))) for a in at]


def _over(grid: int) -> list[XY]:
    """Points of a grid over the pad with its edges, row by row from the bottom."""
    ticks = np.linspace(0.0, 1.0, grid).tolist()
    return [(x, y) for y in ticks for x in ticks]


@contextmanager
def _opened(source: str) -> Iterator[TextIO]:
    if source == "-":
        yield sys.stdin
        return
    try:
        file = Path(source).open(encoding="utf-8")  # noqa: SIM115 - only errors of opening are handled here
    except OSError as error:
        raise UserError(f"{source}: {error.strerror or error}", "Check the file's name") from error
    with file:
        yield file


def _points(lines: Iterable[str], source: str) -> Iterator[XY]:
    """Points of lines `x,y`; empty lines are ignored.

    Raises:
        UserError: a line is something else; names its number.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{'standard input' if source == '-' else source}:{number}"
        try:
            x, y = map(float, line.split(","))
        except ValueError as error:
            raise UserError(f"{where}: found {line.strip()!r}", "Write two numbers 0..1 as x,y") from error
        yield _checked(x, y, where)


def _checked(x: float, y: float, where: str) -> XY:
    if not (math.isfinite(x) and math.isfinite(y) and 0.0 <= x <= 1.0 and 0.0 <= y <= 1.0):
        raise UserError(f"{where}: found {x:g} {y:g}, the pad is 0..1 in both directions", "Choose a point on it")
    return x, y


def _patch(model: Model, point: XY) -> Array:
    return amsynth.to_patch(model.decoder.decode(Pad(model.box).to_z(point)))


def _line(patch: Array) -> str:
    """Whole numbers without a point, others with nine digits, more than amSynth's 32-bit floats hold."""
    values = {}
    for parameter, value in zip(amsynth.PARAMETERS, patch.tolist(), strict=True):
        values[parameter.name] = round(value) if parameter.step else float(f"{value:.9g}")
    return json.dumps(values)

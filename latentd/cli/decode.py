"""`latentd decode`: the patch at a pad point, without a synth."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click

from latentd import amsynth, banks, bundle
from latentd.amsynth import Array
from latentd.bundle import Model
from latentd.errors import UserError
from latentd.pad import Pad

EPILOG = """Examples:

\b
  latentd decode 0.3 0.8                            the patch as one JSON object
  latentd decode 0.3 0.8 --preset warm.preset       a file for amSynth's "Import preset"
  echo 0.1,0.2 | latentd decode --points -          one object a line"""


# Unknown options pass as arguments, so that a negative number is one, and gets an answer that fits.
@click.command(epilog=EPILOG, context_settings={"ignore_unknown_options": True})
@click.argument("x", type=float, required=False)
@click.argument("y", type=float, required=False)
@click.option("--model", default=bundle.DEFAULT, show_default=True, help="A model's name, or the path of its folder.")
@click.option("--points", type=click.Path(allow_dash=True), help="Lines `x,y` of a file, or of standard input (-).")
@click.option("--json", is_flag=True, expose_value=False, help="JSON, which is also what you get without it.")
@click.option("--preset", type=click.Path(path_type=Path), help="Write the patch as a preset file of amSynth instead.")
def command(x: float | None, y: float | None, model: str, points: str | None, preset: Path | None) -> None:
    """Print the patch at pad point X Y (0..1, right and up): a JSON object of all 41 parameters.

    Values are in the synth's units, as amSynth would hold them.
    """
    if points is None:
        if x is None or y is None:
            raise UserError("Two numbers X Y are needed", "Try: latentd decode 0.5 0.5")
        _one(_checked(x, y, "X Y"), model, preset)
    elif x is not None or preset is not None:
        raise UserError("--points comes without X Y and without --preset", "Try: latentd decode --points points.csv")
    else:
        _many(points, model)


def _one(point: tuple[float, float], name: str, preset: Path | None) -> None:
    patch = _patch(bundle.load(name), point)
    if preset is None:
        click.echo(_line(patch))
    else:
        banks.write(preset, banks.Preset.from_patch(f"latentd {point[0]:g} {point[1]:g}", patch))


def _many(source: str, name: str) -> None:
    """Each answer is flushed, so that a program can ask and read in turn."""
    model = bundle.load(name)
    with _opened(source) as lines:
        for point in _points(lines, source):
            click.echo(_line(_patch(model, point)))
            sys.stdout.flush()


@contextmanager
def _opened(source: str) -> Iterator[TextIO]:
    if source == "-":
        yield sys.stdin
        return
    try:
        file = Path(source).open(encoding="utf-8")  # noqa: SIM115 - opening may fail, reading is the caller's
    except OSError as error:
        raise UserError(f"{source}: {error.strerror or error}", "Check the file's name") from error
    with file:
        yield file


def _points(lines: Iterable[str], source: str) -> Iterator[tuple[float, float]]:
    """Points of lines `x,y`; empty lines are passed over.

    Raises:
        UserError: a line that is something else, by its number.
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


def _checked(x: float, y: float, where: str) -> tuple[float, float]:
    if not (math.isfinite(x) and math.isfinite(y) and 0.0 <= x <= 1.0 and 0.0 <= y <= 1.0):
        raise UserError(f"{where}: found {x:g} {y:g}, the pad is 0..1 in both directions")
    return x, y


def _patch(model: Model, point: tuple[float, float]) -> Array:
    return amsynth.to_patch(model.decoder.decode(Pad(model.box).to_z(point)))


def _line(patch: Array) -> str:
    """Whole numbers without a point, others to nine digits: more than amSynth's 32-bit floats hold."""
    values = {}
    for parameter, value in zip(amsynth.PARAMETERS, patch.tolist(), strict=True):
        values[parameter.name] = round(value) if parameter.step else float(f"{value:.9g}")
    return json.dumps(values)

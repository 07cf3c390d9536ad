"""`latentd encode`: the pad points of presets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np

from latentd.cli.requirements import need
from latentd.errors import LatentdError, UserError
from latentd.instrument.pad import Pad, clip
from latentd.model import bundle
from latentd.model.bundle import Model
from latentd.model.pad_sounds import small
from latentd.synth import amsynth, banks
from latentd.synth.amsynth import Array
from latentd.synth.banks import Preset

Place = Callable[[Array], list[tuple[float, float]]]  # patches (n, 41) in the synth's units to pad points

EPILOG = """Examples:

\b
  latentd encode my.preset
  latentd encode /usr/share/amsynth/banks/amsynth_factory.bank"""


@click.command(epilog=EPILOG)
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--by",
    type=click.Choice(["parameters", "sound"]),
    default="parameters",
    show_default=True,
    help="Encode from the parameters alone, or from the sound of the rendered preset.",
)
@click.option("--model", default=bundle.DEFAULT, show_default=True, help="A model's name, or the path of its folder.")
@click.option("--json", is_flag=True, expose_value=False, help="JSON, which is the default.")
def command(files: tuple[Path, ...], by: str, model: str) -> None:
    """Print the pad point of each preset of preset or bank files: one JSON object per line.

    It has the keys `name`, `x`, `y`, and `file` and `index` (from 0) of the preset. A preset outside the part of the
    latent space that the pad shows is moved to the pad's edge. A folder means all of amSynth's files in it.
    """
    loaded = bundle.load(model)
    place = _by_sound(loaded) if by == "sound" else _by_parameters(loaded)
    found = False
    for path in banks.bank_files(files):
        presets = banks.read(path)
        found = found or bool(presets)
        if names := banks.dropped(presets):
            click.echo(f"{path}: dropped, unknown to amSynth: {', '.join(names)}", err=True)
        for line in _lines(path, presets, place):
            click.echo(line)
    if not found:
        raise UserError("No presets in these files", "Name bank files that hold presets")


def _by_parameters(model: Model) -> Place:
    pad = Pad(model.box)
    return lambda patches: [pad.to_pad(z) for z in model.encoder.encode(amsynth.to_params(patches))]


def _by_sound(model: Model) -> Place:
    """Look up rendered patches in the sounds of the pad; silent ones are encoded from their parameters."""
    sounds = model.sounds
    if sounds is None:
        raise UserError(f"The model {model.name} has no sound encoder", "Use --by parameters, or another --model")
    need("Rendering", "scipy", "pyloudnorm")
    from latentd.offline.render import clip_cache
    from latentd.offline.timbre import measure

    def place(patches: Array) -> list[tuple[float, float]]:
        measured = measure.measure(patches, cache=clip_cache.folder())
        if measured.failed:
            index, reason = next(iter(measured.failed.items()))
            raise LatentdError(f"Preset {index} could not be rendered: {reason}", "Try again, or use --by parameters")
        points = np.array(_by_parameters(model)(patches))
        audible = np.isfinite(measured.descriptors).all(axis=1)
        if audible.any():
            points[audible] = sounds.nearest(measured.descriptors[audible], small(measured.mel[audible]))
        return [(x, y) for x, y in points.tolist()]

    return place


def _lines(path: Path, presets: tuple[Preset, ...], place: Place) -> list[str]:
    if not presets:
        return []
    points = place(np.array([preset.patch() for preset in presets]))
    lines = []
    for index, (preset, (x, y)) in enumerate(zip(presets, points, strict=True)):
        name = preset.name.encode("utf-8", "replace").decode()
        row = {"name": name, "x": round(clip(x), 6), "y": round(clip(y), 6), "file": str(path), "index": index}
        # What is not UTF-8 in a file name becomes an escape of JSON.
        lines.append(json.dumps(row, ensure_ascii=False).encode("utf-8", "backslashreplace").decode())
    return lines

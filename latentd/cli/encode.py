"""`latentd encode`: where presets lie on the pad."""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np

from latentd import amsynth, banks, bundle
from latentd.banks import Preset
from latentd.bundle import Model
from latentd.errors import UserError
from latentd.pad import Pad, clip

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
    help="What to go by: the numbers of the patch, or how it sounds when rendered.",
)
@click.option("--model", default=bundle.DEFAULT, show_default=True, help="A model's name, or the path of its folder.")
@click.option("--json", is_flag=True, expose_value=False, help="JSON, which is also what you get without it.")
def command(files: tuple[Path, ...], by: str, model: str) -> None:
    """Print the pad point of each preset of preset or bank files: one JSON object a line.

    It holds `name`, `x`, `y`, and `file` and `index` (from 0) of the preset. A preset that lies beyond the part of the
    latent space that the pad shows is put on the pad's edge. A folder stands for all files of amSynth in it.
    """
    loaded = bundle.load(model)
    if by == "sound":
        raise UserError(f"The model {loaded.name} has no sound encoder", "Use --by parameters, or another --model")
    for path in banks.bank_files(files):
        for line in _lines(path, banks.read(path), loaded):
            click.echo(line)


def _lines(path: Path, presets: tuple[Preset, ...], model: Model) -> list[str]:
    if not presets:
        return []
    pad = Pad(model.box)
    points = model.encoder.encode(amsynth.to_params(np.array([preset.patch() for preset in presets])))
    lines = []
    for index, (preset, z) in enumerate(zip(presets, points, strict=True)):
        x, y = pad.to_pad(z)
        name = preset.name.encode("utf-8", "replace").decode()
        row = {"name": name, "x": round(clip(x), 6), "y": round(clip(y), 6), "file": str(path), "index": index}
        lines.append(json.dumps(row, ensure_ascii=False))
    return lines

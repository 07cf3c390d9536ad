"""`latentd map`: draws the timbre of a model's pad."""

from __future__ import annotations

from pathlib import Path

import click

from latentd.cli.requirements import dask, need
from latentd.model import bundle
from latentd.system import files

_HINT = "Choose another --out"

EPILOG = """Examples:

\b
  latentd map timbre                      timbre-map/: pictures, a table and the data
  latentd map mine --grid 20              a quick look"""


@click.command(epilog=EPILOG)
@click.argument("model", default=bundle.DEFAULT)
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write to.  [default: NAME-map]")
@click.option("--grid", type=click.IntRange(2, 500), default=50, show_default=True, help="Pad points per side.")
@click.option("--jobs", type=click.IntRange(1, 1024), help="Rendering processes.  [default: one per core]")
@click.option("--cache", type=click.Path(path_type=Path), help="Folder of the clip cache.  [default: the user's]")
@dask
def command(model: str, out: Path | None, grid: int, jobs: int | None, cache: Path | None, dask: str | None) -> None:
    """Render MODEL's pad and map the seven timbral descriptors, loudness and silence.

    A grid of 50 x 50 takes about three minutes on two cores. Rendered clips are cached: an interrupted run continues
    where it stopped, and `latentd evaluate` uses the same clips.
    """
    need("Mapping", "scipy", "pyloudnorm", "matplotlib")
    from latentd.offline.evaluation import maps
    from latentd.offline.timbre.renderer import Renderer

    loaded = bundle.load(model)
    folder = out or Path(f"{loaded.name}-map")
    files.check_folder(folder, _HINT)
    pad = maps.measured(loaded, Renderer(jobs, cache, dask).measure, grid)
    for file in maps.write(pad, loaded.name, folder, _HINT):
        click.echo(click.format_filename(file))

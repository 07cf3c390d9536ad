"""`latentd map`: what a model's pad sounds like, drawn."""

from __future__ import annotations

from pathlib import Path

import click

from latentd.cli.requirements import dask, need
from latentd.model import bundle

EPILOG = """Examples:

\b
  latentd map timbre                      timbre-map/: pictures, a table and the numbers
  latentd map mine --grid 20              a quick look"""


@click.command(epilog=EPILOG)
@click.argument("model", default=bundle.DEFAULT)
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write to.  [default: NAME-map]")
@click.option("--grid", type=click.IntRange(2, 500), default=50, show_default=True, help="Pad points a side.")
@click.option("--jobs", type=click.IntRange(1, 1024), help="Processes that render.  [default: one a core]")
@click.option("--cache", type=click.Path(path_type=Path), help="Folder of the clip cache.  [default: the user's]")
@dask
def command(model: str, out: Path | None, grid: int, jobs: int | None, cache: Path | None, dask: str | None) -> None:
    """Render MODEL's whole pad and map the seven timbral descriptors, loudness and silence.

    A grid of 50 a side takes about three minutes on two cores. What has been rendered is kept: an interrupted run goes
    on where it was, and `latentd evaluate` uses the same clips.
    """
    need("Mapping", "scipy", "pyloudnorm", "matplotlib")
    from latentd.offline.evaluation import maps
    from latentd.offline.timbre.measure_with_progress import measurer

    loaded = bundle.load(model)
    pad = maps.measured(loaded, measurer(jobs, cache, dask), grid)
    for file in maps.write(pad, loaded.name, out or Path(f"{loaded.name}-map")):
        click.echo(str(file))

"""`latentd run`: the daemon."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import get_args

import click

from latentd.config import OutputName, load_config
from latentd.status import start_log


@click.command(
    "run",
    epilog="""\b
Examples:
  latentd run
  latentd run --mapping touchosc-mk1-portrait --listen 0.0.0.0:8000 --set 'allow=[192.168.1.0/24]'
  latentd run --output print --set shaping.timbre_s=0.5""",
)
@click.option("--config", type=click.Path(path_type=Path), help="Configuration file [~/.config/latentd/config.yaml]")
@click.option("--model", metavar="NAME|DIR", help="The model to play.")
@click.option("--mapping", "mappings", metavar="NAME", multiple=True, help="A device that moves the point (repeat).")
@click.option("--output", type=click.Choice(get_args(OutputName)), help="The way into the synth.")
@click.option("--listen", metavar="HOST:PORT", help="Where OSC and TUIO arrive [127.0.0.1:8000]")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Change one setting (repeat).")
@click.option("-v", "--verbose", is_flag=True, help="Log a summary line a second while playing.")
def command(
    config: Path | None,
    model: str | None,
    mappings: tuple[str, ...],
    output: str | None,
    listen: str | None,
    settings: tuple[str, ...],
    verbose: bool,
) -> None:
    """Play: move amSynth's whole sound with one point.

    Every setting with its default and meaning: `latentd check --defaults`.
    """
    chosen = load_config(config, settings, model=model, mappings=list(mappings), output=output, listen=listen)
    listener = start_log(logging.DEBUG if verbose else logging.INFO)
    try:
        from latentd.peers import say_alone
        from latentd.service import Service

        service = Service(chosen)
        say_alone(chosen.address[0], chosen.allow)
        service.run()
    finally:
        listener.stop()

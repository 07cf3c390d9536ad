"""`latentd status`: what a running daemon knows about itself."""

from __future__ import annotations

import json
from typing import Any

import click

from latentd.client import Client


@click.command("status", epilog="Example: latentd status --to 192.168.1.20:8000 --json")
@click.option("--to", default="127.0.0.1:8000", show_default=True, metavar="HOST:PORT", help="The daemon to ask.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def command(to: str, as_json: bool) -> None:
    """Ask a running daemon for its counters and latencies."""
    with Client(to) as client:
        facts = client.status()
    click.echo(json.dumps(facts) if as_json else _page(facts))


def _page(facts: dict[str, Any]) -> str:
    """The facts on one screen."""
    xy = facts["xy"]
    latency, lateness = facts["latency"], facts["lateness"]
    lines = [
        f"latentd {facts['version']} on {facts['listen']}, up {facts['uptime_s']:.0f} s",
        f"model     {facts['model']}",
        f"output    {facts['output']}: {facts['why']}",
        f"point     {xy[0]:.3f} {xy[1]:.3f} from {facts['source'] or 'nobody'}, near {facts['nearest'] or '-'}"
        if xy
        else "point     none yet",
        "latency   p50 {p50_ms} ms, p99 {p99_ms} ms, p99.9 {p999_ms} ms, max {max_ms} ms, jitter {jitter_ms} ms".format(
            **latency
        ),
        "lateness  p50 {p50_ms} ms, p99 {p99_ms} ms, max {max_ms} ms".format(**lateness),
        "counters  " + ", ".join(f"{name} {n}" for name, n in facts["counters"].items()),
    ]
    lines += [
        f"{name:<9} " + ", ".join(f"{key} {_shown(value)}" for key, value in way.items())
        for name, way in facts["ways"].items()
    ]
    return "\n".join(lines)


def _shown(value: object) -> str:
    return " ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)

"""`latentd status`: what a running daemon knows about itself."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import click

from latentd.config.config import load_config
from latentd.osc.client import Client
from latentd.synth.amsynth import INDEX, PARAMETERS

_WIDTH, _KEY_WIDTH = 80, 9
# What a way counts when something goes wrong or is mended; the rest of its counters is for those who change latentd.
_TROUBLES = (
    "xruns", "restarts", "faults", "refused", "notes_lost", "midi_lost", "midi_malformed", "missing", "retried",
    "errors", "unsent", "unwritten", "failed", "lost",
)  # fmt: skip


@click.command("status", epilog="Example: latentd status --to 192.168.1.20:8000 --json")
@click.option("--to", metavar="HOST:PORT", help="The daemon to ask.  [the one that listens where `run` would]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def command(to: str | None, as_json: bool) -> None:
    """Ask a running daemon for its counters and latencies."""
    with Client(to or load_config(None).listen) as client:
        facts = client.status()
    click.echo(json.dumps(facts) if as_json else page(facts))


def page(facts: dict[str, Any]) -> str:
    """The facts on one screen, what is zero or empty left out; `--json` has all of them."""
    patch = facts["patch"] or {}
    latency = facts["latency"]
    lines = [
        f"latentd {facts['version']} on {facts['listen']}, up {_duration(facts['uptime_s'])}",
        _line("model", facts["model"]),
        _line("mappings", ", ".join(Path(name).name if "/" in name else name for name in facts["mappings"])),
        _line("output", f"{facts['output']}: {facts['why']}"),
        _line("point", _point(facts)),
        _line("frozen", "all input is ignored until /latentd/freeze 0" if facts["frozen"] else ""),
        _line("held", ", ".join(_own(name, patch.get(name)) for name in facts["own"])),
        _line("landmarks", ", ".join(facts["landmarks"])),
        _line("messages", _counts(facts["counters"], always=("received", "used", "sent"))),
        _line(
            "latency",
            "half within {p50_ms:.2f} ms, 99 % {p99_ms:.2f}, 99.9 % {p999_ms:.2f}, longest {max_ms:.2f}".format(
                **latency
            )
            if latency["count"]
            else "",
        ),
    ]
    lines += [_line(name, _way(way)) for name, way in facts["ways"].items() if name == facts["output"] or _in_use(way)]
    return "\n".join(line for line in lines if line)


def _line(key: str, text: str) -> str:
    """One fact, wrapped at the terminal's usual width; empty where there is nothing to say."""
    indent = " " * (_KEY_WIDTH + 1)
    return textwrap.fill(f"{key:<{_KEY_WIDTH}} {text}", _WIDTH, subsequent_indent=indent) if text else ""


def _duration(seconds: float) -> str:
    """Days, hours, minutes and seconds, the two largest that are not zero."""
    parts: list[str] = []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, seconds = divmod(int(seconds), length)
        if count or parts:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def _point(facts: dict[str, Any]) -> str:
    xy = facts["xy"]
    if xy is None:
        return "none yet"
    touch = {True: ", touched", False: ", let go", None: ""}[facts["touch"]]
    return f"{xy[0]:.3f} {xy[1]:.3f} from {facts['source'] or 'nobody'}{touch}; near {facts['nearest'] or 'nothing'}"


def _own(name: str, value: float | None) -> str:
    """A parameter that input does not move, in the synth's own words."""
    if value is None:
        return name
    labels = PARAMETERS[INDEX[name]].labels
    return f"{name} {labels[round(value)] if labels else f'{value:.4g}'}"


def _in_use(way: dict[str, Any]) -> bool:
    return bool(way.get("connected") or way.get("running"))


def _way(way: dict[str, Any]) -> str:
    """How one way into the synth is doing."""
    state = "connected" if way.get("connected") else "not connected"
    parts = [" to ".join(filter(None, (state, way.get("address") or way.get("port"))))]
    if way.get("rate_hz"):
        parts.append(f"{way['period_frames']} frames at {way['rate_hz']} Hz")
    if way.get("problem") and not way.get("connected"):
        parts.append(way["problem"])
    trip = way.get("round_trip") or {"count": 0}
    if trip["count"]:
        parts.append(f"answers within {trip['p50_ms']:.2f} ms (99 % {trip['p99_ms']:.2f})")
    counts = {key: way[key] for key in _TROUBLES if isinstance(way.get(key), int)}
    return ", ".join(filter(None, (*parts, _counts(counts))))


def _counts(counts: dict[str, int], always: tuple[str, ...] = ()) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {n}" for key, n in counts.items() if n > 0 or key in always)

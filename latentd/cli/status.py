"""`latentd status`: counters and latencies of a running daemon."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import click

from latentd.config.config import load_config
from latentd.osc.client import Client
from latentd.synth import units
from latentd.synth.amsynth import COUNT, INDEX, PARAMETERS

_WIDTH, _KEY_WIDTH = 80, 9
_MAX_NAMES = 4  # of parameters in one line
# Counters of an output that show problems; the others are for developers.
_PROBLEMS = (
    "xruns", "restarts", "faults", "refused", "notes_lost", "midi_lost", "midi_malformed", "missing", "retried",
    "errors", "unsent", "unwritten", "failed", "lost",
)  # fmt: skip


@click.command("status", epilog="Example: latentd status --to 192.168.1.20:8000 --json")
@click.option("--to", metavar="HOST:PORT", help="Address of the daemon.  [where `run` would listen]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def command(to: str | None, as_json: bool) -> None:
    """Ask a running daemon for its counters and latencies."""
    with Client(to or load_config(None).listen) as client:
        facts = client.status()
    click.echo(json.dumps(facts) if as_json else page(facts))


def page(facts: dict[str, Any]) -> str:
    """The facts on one screen, without those that are zero or empty; `--json` has all."""
    patch = facts["patch"] or {}
    lines = [
        f"latentd {facts['version']} on {facts['listen']}, up {_duration(facts['uptime_s'])}",
        _line("model", facts["model"]),
        _line("mappings", ", ".join(Path(name).name if "/" in name else name for name in facts["mappings"])),
        _line("output", f"{facts['output']}: {_heard(facts)}"),
        _line("unreached", _unreached(facts["unreached"])),
        _line("point", _point(facts)),
        _line("motion", facts["motion"] + (", because nobody plays" if facts["idle"] == "moving" else "")),
        _line("notes", f"{facts['notes']['plays']}: {facts['notes']['state']}" if facts["notes"]["plays"] else ""),
        _line("frozen", "all input is ignored until /latentd/freeze 0" if facts["frozen"] else ""),
        _line("held", ", ".join(_own(name, patch.get(name)) for name in facts["own"])),
        _line("limits", ", ".join(_limit(name, *ends) for name, ends in facts["limits"].items())),
        _line("landmarks", ", ".join(facts["landmarks"])),
        _line("messages", _counts(facts["counters"], always=("received", "used", "sent"))),
        _line("latency", _times(facts["latency"])),
        _line("turns", _turns(facts["turns"])),
    ]
    lines.append(_line("no port", _by_key(facts["patterns_without_port"])))
    outputs = facts["ways"].items()
    lines += [_line(name, _output(output)) for name, output in outputs if name == facts["output"] or _in_use(output)]
    return "\n".join(line for line in lines if line)


def _unreached(names: list[str]) -> str:
    """The parameters that the output cannot set."""
    if not names:
        return ""
    shown = ", ".join(names[:_MAX_NAMES]) + (" …" if len(names) > _MAX_NAMES else "")
    step = "run `latentd midimap --install`, then restart amSynth and latentd"
    return f"{len(names)} of {COUNT} parameters ({shown}): {step}"


def _heard(facts: dict[str, Any]) -> str:
    """Why this output plays, or that nobody hears it: an amSynth that has outlived its JACK server is mute."""
    outputs = facts["ways"]
    osc, jack = outputs.get("osc", {}), outputs.get("jack", {})
    if osc.get("connected") and jack.get("running") and not jack.get("connected"):
        return "amSynth answers, but is not heard: it is not on the JACK server. Restart it while JACK runs"
    unreached = outputs.get(facts["output"], {}).get("connected") is False
    return f"not connected to a synth; {facts['why']}" if unreached else facts["why"]


def _times(times: dict[str, Any]) -> str:
    """A histogram of times; nothing before the first one."""
    shown = "half within {p50_ms:.2f} ms, 99 % {p99_ms:.2f}, 99.9 % {p999_ms:.2f}, longest {max_ms:.2f}"
    return shown.format(**times) if times["count"] else ""


def _turns(turns: dict[str, Any]) -> str:
    """How long the turns of the loop take, and what held it up."""
    long = f"{turns['long']} took 20 ms or more; the longest {turns['longest']}" if turns["long"] else ""
    return "; ".join(filter(None, (_times(turns), long)))


def _line(key: str, text: str) -> str:
    """One fact, wrapped at the usual width of a terminal; an empty string for an empty text."""
    indent = " " * (_KEY_WIDTH + 1)
    return textwrap.fill(f"{key:<{_KEY_WIDTH}} {text}", _WIDTH, subsequent_indent=indent) if text else ""


def _duration(seconds: float) -> str:
    """The two largest of days, hours, minutes and seconds, from the first that is not zero."""
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
    touch = {True: ", touched", False: ", released", None: ""}[facts["touch"]]
    return f"{xy[0]:.3f} {xy[1]:.3f} from {facts['source'] or '-'}{touch}; near {facts['nearest'] or '-'}"


def _own(name: str, value: float | None) -> str:
    """A parameter that input does not move, with its value as the synth shows it."""
    if value is None:
        return name
    labels = PARAMETERS[INDEX[name]].labels
    return f"{name} {labels[round(value)] if labels else f'{value:.4g}'}"


def _limit(name: str, low: float | None, high: float | None) -> str:
    """A parameter that stays within a range, in its musical unit."""
    ends = [f"{word} {end:.4g}" for word, end in (("from", low), ("to", high)) if end is not None]
    return " ".join([name, *ends, units.unit(name).name]).rstrip()


def _by_key(patterns: dict[str, list[str]]) -> str:
    """Patterns with the key of the configuration that they stand in."""
    return "; ".join(f"{key}: {', '.join(map(repr, found))}" for key, found in patterns.items())


def _in_use(output: dict[str, Any]) -> bool:
    return bool(output.get("connected") or output.get("running"))


def _output(output: dict[str, Any]) -> str:
    """The connection of one output, its speed and its problems."""
    state = "connected" if output.get("connected") else "not connected"
    parts = [" to ".join(filter(None, (state, output.get("address") or output.get("port"))))]
    if output.get("ignored"):
        ignored = (f"{name} ({'no CC' if cc is None else f'CC {cc}'})" for name, cc in output["ignored"].items())
        parts.append(f"ignored in patches: {', '.join(ignored)}")
    if output.get("channel"):
        parts.append(f"MIDI channel {output['channel']}")
    if output.get("rate_hz"):
        parts.append(f"{output['period_frames']} frames at {output['rate_hz']} Hz")
    if output.get("problem") and not output.get("connected"):
        parts.append(output["problem"])
    trip = output.get("round_trip") or {"count": 0}
    if trip["count"]:
        parts.append(f"answers within {trip['p50_ms']:.2f} ms (99 % {trip['p99_ms']:.2f})")
    counts = {key: output[key] for key in _PROBLEMS if isinstance(output.get(key), int)}
    return ", ".join(filter(None, (*parts, _counts(counts))))


def _counts(counts: dict[str, int], always: tuple[str, ...] = ()) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {n}" for key, n in counts.items() if n > 0 or key in always)

"""Figures with their targets, as a table for people and as JSON for programs."""

from __future__ import annotations

import argparse
import json
import platform
import signal
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One measured figure. `target` is the most that it may be (`least`: the least); None: reported, not judged."""

    what: str
    value: float
    unit: str
    target: float | None = None
    least: bool = False

    @property
    def good(self) -> bool:
        """True when the target is met, or there is none."""
        if self.target is None:
            return True
        return self.value >= self.target if self.least else self.value <= self.target

    def row(self) -> tuple[str, str, str, str]:
        """What, value, target, verdict."""
        if self.target is None:
            return self.what, f"{self.value:.4g} {self.unit}", "", ""
        sign = ">=" if self.least else "<="
        return (
            self.what,
            f"{self.value:.4g} {self.unit}",
            f"{sign} {self.target:.4g} {self.unit}",
            "good" if self.good else "MISSED",
        )


def quantile(values: Sequence[float], q: float) -> float:
    """The value below which a part `q` (0..1) of `values` lies."""
    return sorted(values)[min(int(len(values) * q), len(values) - 1)]


def spread(what: str, values: Sequence[float], unit: str, target: float | None = None) -> list[Figure]:
    """Median (judged), p95, p99 and maximum of many measurements."""
    return [
        Figure(f"{what}: median of {len(values)}", statistics.median(values), unit, target),
        *(Figure(f"{what}: p{q * 100:.0f}", quantile(values, q), unit) for q in (0.95, 0.99)),
        Figure(f"{what}: worst", max(values), unit),
    ]


def table(figures: Sequence[Figure]) -> str:
    """The figures in columns."""
    rows = [("figure", "measured", "target", ""), *(figure.row() for figure in figures)]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def load() -> str:
    """How busy the machine was: a figure measured on a busy one says little."""
    return Path("/proc/loadavg").read_text(encoding="utf-8").split()[0]


def run(benches: dict[str, Callable[[], list[Figure]]], argv: Sequence[str] | None = None) -> None:
    """Run the named benches (default: all), print tables; exit code 1 when a target is missed."""
    parser = argparse.ArgumentParser(description="Measure latentd; run it on a quiet machine.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(benches)}; default: all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args(argv)
    # Told to end, it ends as an exception does, so that servers and synths end with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if unknown := [name for name in options.names if name not in benches]:
        parser.error(f"no bench {', '.join(unknown)}; there are {', '.join(benches)}")
    found: dict[str, list[Figure]] = {}
    for name in options.names or benches:
        print(f"== {name}: {(sys.modules[benches[name].__module__].__doc__ or '').splitlines()[0]} Load {load()}.")
        found[name] = benches[name]()
        print(table(found[name]), flush=True)
    if options.json:
        machine = {"python": platform.python_version(), "machine": platform.machine(), "load": load()}
        figures = {name: [asdict(f) | {"good": f.good} for f in rows] for name, rows in found.items()}
        options.json.write_text(json.dumps({"on": machine, "figures": figures}, indent=1) + "\n", encoding="utf-8")
    sys.exit(0 if all(figure.good for rows in found.values() for figure in rows) else 1)

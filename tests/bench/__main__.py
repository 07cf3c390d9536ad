"""`python -m tests.bench [NAME ...] [--json FILE]`: all benchmarks, or those named."""

from tests.bench import acknowledged, cpu, flood, footprint, latency, steps, work
from tests.bench.report import run

run(
    {
        "work": work.bench,
        "steps": steps.bench,
        "latency": latency.bench,
        "acknowledged": acknowledged.bench,
        "cpu": cpu.bench,
        "footprint": footprint.bench,
        "flood": flood.bench,
    }
)

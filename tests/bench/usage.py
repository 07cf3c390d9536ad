"""What a process uses, read from the system: processor time, memory, children."""

from __future__ import annotations

import time
from pathlib import Path


def cpu_s(pid: int) -> float:
    """Processor time of all threads so far, to the nanosecond (/proc/PID/stat counts hundredths of a second)."""
    # How Linux numbers the clock of another process: clock_getcpuclockid(3).
    return time.clock_gettime(~pid << 3 | 2)


def share(pids: dict[str, int], seconds: float) -> dict[str, float]:
    """Percent of one core that each process takes during the next `seconds`."""
    before = {name: cpu_s(pid) for name, pid in pids.items()}
    start = time.monotonic()
    time.sleep(seconds)
    elapsed = time.monotonic() - start
    return {name: (cpu_s(pid) - before[name]) / elapsed * 100.0 for name, pid in pids.items()}


def memory_mb(pid: int) -> dict[str, float]:
    """`rss`, and `pss` where shared pages count in parts, in MB (1e6 bytes)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()[1:]
    kb = {line.split(":")[0].lower(): float(line.split()[1]) for line in lines}
    return {name: kb[name] * 1024 / 1e6 for name in ("rss", "pss")}


def threads(pid: int) -> int:
    """Number of threads."""
    return len(list(Path(f"/proc/{pid}/task").iterdir()))

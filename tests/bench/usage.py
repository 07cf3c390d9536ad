"""What a process uses, read from the system: processor time, memory, children."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
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
    kb = _fields(_read(pid, "smaps_rollup"))
    return {name: kb[name] * 1024 / 1e6 for name in ("rss", "pss")}


def private_mb(pid: int, beside: int) -> float:
    """What would be free if `pid` ended while `beside` went on, in MB (1e6 bytes).

    Pages that nobody else has, and those of the libraries that `beside` does not load. The kernel's own count, the USS,
    leaves a library out as soon as any other program has loaded it, and this very bench loads most of them: for the
    engine it would be 15 MB less here than on a rig.
    """
    others = {line.split(maxsplit=5)[-1] for line in _read(beside, "maps").splitlines()}
    total = 0.0
    for head, body in _mappings(_read(pid, "smaps")):
        _, permissions, _, _, inode, *path = head.split(maxsplit=5)
        kb = _fields(body)
        total += kb["private_clean"] + kb["private_dirty"]
        is_library = inode != "0" and permissions.endswith("p")  # memory shared on purpose ends with an s
        if is_library and path[0] not in others:
            total += kb["shared_clean"]
    return total * 1024 / 1e6


def _read(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8")


def _mappings(text: str) -> Iterator[tuple[str, str]]:
    """The head line and the fields of each mapping in /proc/PID/smaps: see proc_pid_smaps(5)."""
    parts = re.split(r"^([0-9a-f]+-[0-9a-f]+ .*)$", text, flags=re.MULTILINE)
    return zip(parts[1::2], parts[2::2], strict=True)


def _fields(text: str) -> dict[str, float]:
    """Sizes of /proc/PID/smaps or smaps_rollup in kB, by name in lower case."""
    return {name.lower(): float(kb) for name, kb in re.findall(r"^(\w+): +(\d+) kB$", text, flags=re.MULTILINE)}


def threads(pid: int) -> int:
    """Number of threads."""
    return len(list(Path(f"/proc/{pid}/task").iterdir()))

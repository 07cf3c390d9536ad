"""Why jackd does not start: from what it prints to a cause and a next step.

Source: the messages of jackd 1.9.21 (`shm.c`, `JackServer.cpp`, `alsa_driver.c`); its behaviour with a /dev/shm that is
read-only, closed or small, with a missing card, a name that is taken and a ninth server was measured.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from latentd.errors import LatentdError

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where JACK keeps its shared memory
# One server maps and locks 107,341,340 bytes there, with any driver and period.
SHARED_BYTES = 108_000_000
_LARGER = f"Make it larger: sudo mount -o remount,size=256M {SHARED_MEMORY} (in a container: --shm-size=256m)"
_WRITABLE = f"Make it writable: sudo mount -o remount,rw,mode=1777 {SHARED_MEMORY}"

# Text in jackd's standard error -> cause and next step. The first one that is found counts.
_CAUSES = (
    (("segment", "Read-only file system"), (f"JACK needs {SHARED_MEMORY}, which is read-only", _WRITABLE)),
    (("segment", "Permission denied"), (f"JACK needs {SHARED_MEMORY}, where this user may not write", _WRITABLE)),
    (("No space left on device",), (f"JACK needs more room in {SHARED_MEMORY}", _LARGER)),
    (
        ("Too many servers already active",),
        ("JACK allows 8 servers at once, and all 8 are running", "End one of them, then try again"),
    ),
    (
        ("server already active",),
        ("a JACK server of the same name is running", "End it, or wait until it has ended, then try again"),
    ),
    (
        ("is already in use",),
        ("another program uses the sound card", "Close it; where PipeWire does, run: pw-jack latentd demo"),
    ),
    (
        ("cannot be acquired",),
        ("another program uses the sound card", "Close it; where PipeWire does, run: pw-jack latentd demo"),
    ),
    (
        ("control open", "Permission denied"),
        ("this user may not use the sound card", "sudo usermod -aG audio $USER, then log in again"),
    ),
    (("control open", "No such"), ("this sound card does not exist", "`aplay -l` lists the sound cards")),
)


def diagnose(text: str, code: int) -> LatentdError | None:
    """The cause of jackd's end from its standard error and return code; None for an unknown one."""
    for words, (cause, step) in _CAUSES:
        if all(word in text for word in words):
            return LatentdError(cause, step)
    if code == -signal.SIGBUS:  # a page of the mapped memory could not be had
        return LatentdError(f"JACK needs {_megabytes(SHARED_BYTES)} in {SHARED_MEMORY}, which is too small", _LARGER)
    return None


def shared_memory_problem(folder: Path = SHARED_MEMORY, needed: int = SHARED_BYTES) -> tuple[str, str] | None:
    """Why no jackd can start with this shared memory, and the next step; None where one can."""
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"{folder} is not writable, and JACK needs it", _WRITABLE
    facts = os.statvfs(folder)
    free = facts.f_bavail * facts.f_frsize
    if free < needed:
        return f"{folder} has {_megabytes(free)} free, and JACK needs {_megabytes(needed)}", _LARGER
    return None


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB"
